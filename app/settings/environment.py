"""Reads the environment into settings; the only module that looks at it."""

import difflib
import os

from pydantic import ValidationError

from app.settings.kinds import PREFIX, SettingsError
from app.settings.model import Settings, allowed, variable

_HOLD_SECRETS = {"jwt_secret_key", "service_token", "redis_url", "database_url", "speech_key"}
"""Their values are never shown, not even when they are wrong."""


def load() -> Settings:
    """Read the environment. Raises SettingsError with one line per wrong variable."""
    try:
        return Settings()
    except ValidationError as error:
        fields = {variable(name): name for name in Settings.model_fields}
        wrong = {fields.get(str(problem["loc"][0]), str(problem["loc"][0])): problem["msg"]
                 for problem in error.errors(include_url=False, include_input=False)}  # fmt: skip
        raise SettingsError([_sentence(name, why) for name, why in wrong.items()]) from None


def _sentence(field: str, why: str) -> str:
    name = variable(field)
    must = f"it must be {allowed(Settings.model_fields[field])}"
    if field in _HOLD_SECRETS:
        return f"{name}: {why.removeprefix('Value error, ')}; {must}"
    return f"{name}: {os.environ.get(name, '')!r} is not usable; {must}"


def unknown_variables() -> list[str]:
    """Return a warning for each ``LECTERN_*`` variable that is no setting: likely a slip."""
    known = [variable(name) for name in Settings.model_fields]
    warnings = []
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            warnings.append(f"{name} is not a setting and is ignored; did you mean {near[0]}?")
    return warnings
