"""What one member of a room may do with media and data, as a value: Licode's and OWT's shape.

A role maps ``publish`` and ``subscribe`` to true, false, or an object of kinds; the other actions
to true or false. What is not mentioned is not permitted, but for two things that older rooms know
nothing of: ``screen`` follows ``video``, and ``data`` follows whatever else may be published.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

Kind = Literal["audio", "video", "screen", "data"]
Flag = Literal["record", "stats", "control"]

PUBLISHED: tuple[Kind, ...] = ("audio", "video", "screen", "data")
SUBSCRIBED: tuple[Kind, ...] = ("audio", "video", "data")
SOURCES: Mapping[Kind, str] = {"audio": "microphone", "video": "camera", "screen": "screen"}
"""What a kind of published media is as a source of the relay's."""

CONTROL = "controlhandlers"
"""Licode's word for the right to act on others' streams."""


@dataclass(frozen=True, slots=True)
class Permission:
    """The default permits nothing: that is what an unknown role has."""

    publish: frozenset[Kind] = frozenset()
    subscribe: frozenset[Kind] = frozenset()
    record: bool = False
    stats: bool = False
    control: bool = False
    """May act on others: mute, remove and ban them."""

    @property
    def sources(self) -> list[str]:
        """The relay's sources that it may send, in a fixed order."""
        return [source for kind, source in SOURCES.items() if kind in self.publish]

    @property
    def hears(self) -> list[str]:
        """The relay's kinds of media that it may receive, in a fixed order."""
        return [kind for kind in ("audio", "video") if kind in self.subscribe]

    @property
    def sends_media(self) -> bool:
        return bool(self.publish - {"data"})

    def allows(self, options: Mapping[str, object]) -> bool:
        """Tell whether something may be published that has these kinds: a kind that is asked for
        (true) and not permitted refuses it all (Licode's rule for object values)."""
        return all(kind in self.publish for kind in PUBLISHED if options.get(kind))

    def as_object(self) -> dict[str, Any]:
        """Return the shape that ``read_permission`` reads."""
        return {
            "publish": {kind: kind in self.publish for kind in PUBLISHED},
            "subscribe": {kind: kind in self.subscribe for kind in SUBSCRIBED},
            "record": self.record,
            "stats": self.stats,
            CONTROL: self.control,
        }

    def changed(self, path: str, value: object) -> "Permission":
        """Return what it is after OWT's ``replace`` of ``/permission/publish[/audio]`` and so on.

        Raises ValueError for another path, or a value that does not fit it.
        """
        steps = path.strip("/").split("/")
        if len(steps) not in (2, 3) or steps[0] != "permission":
            raise ValueError("path: /permission/publish or /permission/subscribe, and a kind")
        action, kinds = steps[1], PUBLISHED if steps[1] == "publish" else SUBSCRIBED
        if action not in ("publish", "subscribe"):
            raise ValueError("path: only publish and subscribe change while somebody is in")
        if len(steps) == 2:
            return self._with(action, _kinds(value, kinds))
        if steps[2] not in kinds or not isinstance(value, bool):
            raise ValueError(f"path: one of {', '.join(kinds)}; value: true or false")
        before = self.publish if action == "publish" else self.subscribe
        return self._with(action, before | {steps[2]} if value else before - {steps[2]})

    def _with(self, action: str, kinds: frozenset[Kind]) -> "Permission":
        if action == "publish":
            return replace(self, publish=kinds)
        return replace(self, subscribe=kinds)

    def as_grants(self, room: str) -> dict[str, Any]:
        """Return it as LiveKit's video grant, where that says the same."""
        names = {"microphone": "microphone", "camera": "camera", "screen": "screen_share"}
        return {
            "room": room,
            "roomJoin": True,
            "canPublish": self.sends_media,
            "canPublishSources": [names[source] for source in self.sources],
            "canPublishData": "data" in self.publish,
            "canSubscribe": bool(self.hears),
            "roomAdmin": self.control,
            "roomRecord": self.record,
        }


EVERYTHING = Permission(frozenset(PUBLISHED), frozenset(SUBSCRIBED))
"""What anybody in a person's lecture may do with media, as far as its seat lets it."""


def read_permission(of: Mapping[str, Any]) -> Permission:
    """Return the permission that a role's object says. Raises ValueError."""
    flags = {"record": of.get("record", False), "stats": of.get("stats", False)}
    flags["control"] = of.get(CONTROL, False)
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise ValueError(f"{name}: true or false")  # noqa: TRY004 (one kind of refusal)
    return Permission(
        _kinds(of.get("publish", False), PUBLISHED),
        _kinds(of.get("subscribe", False), SUBSCRIBED),
        **flags,
    )


def _kinds(value: object, kinds: tuple[Kind, ...]) -> frozenset[Kind]:
    if isinstance(value, bool):
        return frozenset(kinds) if value else frozenset()
    if not isinstance(value, Mapping):
        raise ValueError("a permission is true, false or an object of kinds")  # noqa: TRY004
    said = dict(value)
    if any(name not in kinds or not isinstance(on, bool) for name, on in said.items()):
        raise ValueError(f"an object of {', '.join(kinds)}, each true or false")
    if "screen" in kinds:
        said.setdefault("screen", bool(said.get("video")))
    said.setdefault("data", any(said.values()))
    return frozenset(kind for kind in kinds if said.get(kind))
