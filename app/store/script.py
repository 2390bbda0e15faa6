"""The Lua scripts of ``scripts/``: their texts, whole, and the keys that a room's are given."""

import hashlib
from pathlib import Path

from app.core.ids import RoomId
from app.store import keys

SCRIPTS = Path(__file__).parent / "scripts"


class Script:
    """A script's text, with the preludes that it names in its first line, and its hash.

    ``is_timed``: its arguments begin with a ``Stamp``. Every script of the ``room`` prelude is.
    """

    def __init__(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        self.is_timed = False
        if text.startswith("-- prelude: "):
            names = text.partition("\n")[0].removeprefix("-- prelude: ").split()
            if names[0] == "room":
                names.insert(0, "clock")
            self.is_timed = names[0] == "clock"
            preludes = [(SCRIPTS / f"_{name}.lua").read_text(encoding="utf-8") for name in names]
            text = "".join((*preludes, text))
        self.text = text.encode()
        self.sha = hashlib.sha1(self.text, usedforsecurity=False).hexdigest()


def load_scripts() -> dict[str, Script]:
    """Return every script by its name; the preludes, whose names begin with ``_``, are none."""
    return {p.stem: Script(p) for p in SCRIPTS.glob("*.lua") if not p.name.startswith("_")}


def room_keys(room: RoomId) -> list[str]:
    """Return the keys of every room script, in the order that their prelude names them."""
    return [
        keys.room(room),
        keys.events(room),
        keys.questions(room),
        keys.asked(room),
        keys.listeners(room),
        keys.elements(room),
        keys.removed(room),
        keys.draws(room),
        keys.voters(room),
        keys.votes(room),
        keys.new_votes(room),
        keys.facts(room),
        keys.claims(room),
        keys.budgets(room),
        keys.blobs(room),
        keys.roster(room),
        keys.bans(room),
        keys.relays(room),
    ]
