"""The only reader of the environment: every setting, its default and what it may be.

A module per group; ``model`` puts them together, ``environment`` reads them. docs/settings.md is
printed from the model (``python -m app settings``), and a test holds the two together.
"""

from app.settings.environment import load, unknown_variables
from app.settings.kinds import LAST_PORT, SettingsError
from app.settings.listing import reference
from app.settings.model import Settings, allowed, variable

__all__ = [
    "LAST_PORT",
    "Settings",
    "SettingsError",
    "allowed",
    "load",
    "reference",
    "unknown_variables",
    "variable",
]
