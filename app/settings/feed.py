"""Events for other systems."""

from typing import Annotated, Literal

from app.settings.kinds import Group, LowerCase, setting


class FeedSettings(Group):
    """Events for other systems."""

    webhook_private: Annotated[Literal["off", "on"], LowerCase] | None = setting(
        None,
        "Whether webhooks may go to plain http:// and to addresses of private networks. Unset: on"
        " in development, off in production, where a service could otherwise reach the operator's"
        " own network.",
        "off or on",
    )
    kafka: str | None = setting(
        None,
        "Kafka brokers that events are sent to as well. Unset: none. Needs the optional package"
        " aiokafka (requirements/extras.lock).",
        "one or more host:port, separated by commas",
        pattern=r"^[A-Za-z0-9.\-\[\]:]{3,253}(,[A-Za-z0-9.\-\[\]:]{3,253})*$",
    )
    kafka_topic: str = setting(
        "lectern",
        "Kafka topic of the events; their key is the lecture, so that its events keep their order.",
        "up to 249 letters, digits, dots, hyphens and underscores",
        pattern=r"^[A-Za-z0-9._-]{1,249}$",
    )
