"""The composition root: the only code that knows every concrete part, and puts them together."""

from app.bootstrap.api import run_api
from app.bootstrap.process import event_loop
from app.bootstrap.recording import run_finalise, run_recorder
from app.bootstrap.relay import run_relay
from app.bootstrap.turn import run_turn

__all__ = ["event_loop", "run_api", "run_finalise", "run_recorder", "run_relay", "run_turn"]
