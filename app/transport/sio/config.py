"""What the socket side may cost and how long it waits: one frozen value, given at the start."""

from dataclasses import dataclass

MAX_OFFER_BYTES = 64 * 1024
"""An SDP offer (UTF-8)."""

MAX_BOARD_BYTES = 1024 * 1024
"""The compressed objects of one board snapshot."""

MAX_QUESTION_CHARS = 2000
MAX_ANSWER_CHARS = 4000
MAX_CANDIDATES = 32
"""Per offer. A relay is ICE-lite and needs none of them; they are read and counted, no more."""

MAX_ATTACHMENTS = 4
"""Binary parts of one packet; a board has one."""

MAX_ATTACHED_BYTES = MAX_BOARD_BYTES + 64 * 1024
"""All binary parts of one packet together: a board that is a little over is refused by its own
rule, with an answer, and never buffered twice over."""

MAX_OFFER_TEXT = 128 * 1024
"""Characters of a packet that carries an offer: 64 KiB of SDP with its JSON escapes."""

MAX_DRAW_TEXT = 512 * 1024
"""Characters of a ``draw``: hundreds of elements, or some of the largest."""

MAX_OP_ID_CHARS = 64
MAX_PAGE = 999
"""The highest page of a board; the first is 0."""

MAX_EVENT_TEXT = 48 * 1024
"""Characters of any other packet: a question of 2,000 characters, each escaped twice."""


@dataclass(frozen=True, slots=True)
class SioConfig:
    """The defaults are what docs/protocol.md states."""

    cors_origins: tuple[str, ...] = ("*",)
    """Origins allowed beside the server's own; ``"*"`` is any (development)."""

    ping_interval_seconds: int = 3
    ping_timeout_seconds: int = 4
    """A peer that fell silent is noticed after interval + timeout = 7 s on a WebSocket; polling,
    2 s later at most."""

    max_message_bytes: int = 1_500_000
    """One Engine.IO message, on both transports: 1 MiB of board as base64 and its envelope. Give
    the same number to the web server as its WebSocket limit."""

    max_connections: int = 20_000
    """Engine.IO sessions of this process, about 50 KB each; one more is answered 401."""

    outbox_messages: int = 512
    outbox_bytes: int = 2 * 1024 * 1024
    """What may wait for one slow reader before its connection is cut. The message that crosses
    the byte limit is still taken, so that an empty outbox takes any message."""

    writes_frames: bool = True
    """Room events go to the WebSockets' transports as frames built once. False: message by message
    through the web server, which costs several times as much."""

    stall_seconds: float = 10.0
    """How long one write may wait for a reader that does not read, before it is cut."""

    inbox_events: int = 64
    inbox_bytes: int = 4 * 1024 * 1024
    """Events of one client that wait for the one being handled; beyond, ``rate_limited``."""

    inbox_age_seconds: float = 6.0
    """An event that waited longer is refused as ``unavailable`` instead of being handled."""

    handler_seconds: float = 10.0
    """How long one event may take (an offer waits for a relay)."""

    admit_seconds: float = 3.0
    """How long letting a client into a namespace may take; below the ping timeout, because the
    client's pongs are not read meanwhile."""

    edits_per_second: float = 120.0
    events_per_second: float = 20.0
    offers_per_second: float = 0.2
    offers_burst: float = 6.0
    """Offers and ICE restarts of one connection; each may take a peer on a relay."""

    burst: float = 80.0
    """Events a client may send at once beyond its rate: 32 candidates come in one burst. Edits
    have a budget of their own (clients send up to 60 a second)."""

    lobby_seconds: float = 180.0
    """A connection that is in no lecture and asks for nothing for so long is closed (seed row O22:
    OWT's portal, three minutes)."""

    claim_tries: int = 15
    """Seconds for which a returned presenter whose slot is still held asks for it again."""

    close_seconds: float = 3.0
    """How long ``close`` waits for the clients to go."""
