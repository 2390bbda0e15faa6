"""The table of docs/settings.md."""

from app.settings.model import Settings, allowed, variable


def reference() -> str:
    """Return the table of docs/settings.md: every variable, its default and its meaning."""
    rows = ["| Variable | Default | Meaning | Allowed |", "|---|---|---|---|"]
    for name, info in Settings.model_fields.items():
        rows.append(
            f"| `{variable(name)}` | {_shown_default(name, info.default)} | {info.description}"
            f" | {allowed(info)} |"
        )
    return "\n".join(rows) + "\n"


def _shown_default(field: str, default: object) -> str:
    if field == "web_dir":
        return "`web/dist`"
    if default is None or default == ():
        return "unset"
    if isinstance(default, tuple):
        return f"`{','.join(default)}`"
    return f"`{default}`"
