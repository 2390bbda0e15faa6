"""The composition root: the only code that knows every concrete part, and puts them together."""

from app.bootstrap.api import run_api
from app.bootstrap.archive import run_erase
from app.bootstrap.process import event_loop
from app.bootstrap.relay import run_relay
from app.bootstrap.service_api import create_service, list_services
from app.bootstrap.turn import run_turn

__all__ = [
    "create_service",
    "event_loop",
    "list_services",
    "run_api",
    "run_erase",
    "run_relay",
    "run_turn",
]
