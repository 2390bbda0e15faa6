"""Every Redis key we use. A room's keys share the hash tag ``{code}``, so one slot of a cluster
holds them and one script may change them together."""

from app.core.ids import Email, NodeId, RoomId

TTL_SECONDS = 24 * 60 * 60
"""How long anything lives after its last write; live rooms are refreshed by their keeper."""


def room(room_id: RoomId) -> str:
    """Hash: presenterEmail, startTime, currentWhiteboardData, … (docs/protocol.md lists all)."""
    return f"room:{{{room_id}}}"


def questions(room_id: RoomId) -> str:
    """Stream of the room's questions; the unanswered are its group's pending entries."""
    return f"question:{{{room_id}}}"


def question_group(room_id: RoomId) -> str:
    """The name of that stream's consumer group."""
    return f"{room_id}-group"


def asked(room_id: RoomId) -> str:
    """Hash: a client's own question id → the question's id; what makes asking idempotent."""
    return f"room:{{{room_id}}}:asked"


def events(room_id: RoomId) -> str:
    """Stream: the room's event log, entry ids ``<seq>-0``, trimmed by length and age."""
    return f"room:{{{room_id}}}:events"


def wake(room_id: RoomId) -> str:
    """Channel on which each appended event is published, whole."""
    return f"room:{{{room_id}}}:wake"


def listeners(room_id: RoomId) -> str:
    """Hash: api node → ``count:deadline ms``; who listens, by the process that serves them."""
    return f"room:{{{room_id}}}:listeners"


def elements(room_id: RoomId) -> str:
    """Hash: an element's id → ``version:nonce:a:b:page:JSON`` (a, b: the words of its digest)."""
    return f"room:{{{room_id}}}:elements"


def removed(room_id: RoomId) -> str:
    """Hash: the id of an element that was removed → ``draw:version``; older writes of it lose."""
    return f"room:{{{room_id}}}:removed"


def draws(room_id: RoomId) -> str:
    """Hash: who and ``opId`` → ``draw:rev:hash``; what makes drawing idempotent."""
    return f"room:{{{room_id}}}:draws"


def relays(room_id: RoomId) -> str:
    """Hash: relay → ``upper|depth|peers|deadline ms|region``; the relays that a room is on, each
    with the one that feeds it (empty for the first)."""
    return f"room:{{{room_id}}}:relays"


def sessions(room_id: RoomId) -> str:
    """Hash: peer → JSON of a WHIP or WHEP session (app/rooms/sessions.py)."""
    return f"room:{{{room_id}}}:sessions"


def media_tokens(lecture: str) -> str:
    """Hash: role → how often the lecture's room tokens of that role were revoked."""
    return f"lecture:{lecture}:media-tokens"


def voters(room_id: RoomId) -> str:
    """Set: ``<question id> <identity>`` of everyone who votes for a question."""
    return f"room:{{{room_id}}}:voters"


def votes(room_id: RoomId) -> str:
    """Sorted set: question id → how many vote for it."""
    return f"room:{{{room_id}}}:votes"


def new_votes(room_id: RoomId) -> str:
    """Set: questions whose count changed since the class was last told."""
    return f"room:{{{room_id}}}:new-votes"


def facts(room_id: RoomId) -> str:
    """Hash: question id → JSON: who asked, who may see it, its answer, who has claimed it."""
    return f"room:{{{room_id}}}:facts"


def claims(room_id: RoomId) -> str:
    """Sorted set: questions that an assistant has claimed, by the ms at which the claim ends."""
    return f"room:{{{room_id}}}:claims"


def budgets(room_id: RoomId) -> str:
    """Hash: what and who → ``left:ms``; how much somebody may still ask or vote (token buckets)."""
    return f"room:{{{room_id}}}:budgets"


def blobs(room_id: RoomId) -> str:
    """Stream: boards' objects by the ``seq`` of their event, until the archive has them."""
    return f"room:{{{room_id}}}:blobs"


def roster(room_id: RoomId) -> str:
    """Hash: who is or was in the room, each with its seats and peers (app/rooms/roster.py)."""
    return f"room:{{{room_id}}}:roster"


def bans(room_id: RoomId) -> str:
    """Hash: identity → JSON of who was removed from the room, and whether it may come back."""
    return f"room:{{{room_id}}}:bans"


def ticket(ticket_id: str) -> str:
    """JSON of what a ticket admits to, until it is used or three minutes old."""
    return f"ticket:{ticket_id}"


def nonce(name: str) -> str:
    """A signed request's nonce, while the request could be taken for a new one."""
    return f"nonce:{name}"


def attempts(kind: str, name: str) -> str:
    """What somebody, or some place, has tried lately: a count that lives for one window."""
    return f"attempts:{{{kind}}}:{name}"


def user(identity: Email | str) -> str:
    """Hash: type (PRESENTER, STUDENT, GUEST), roomId; by e-mail, or by a guest's id."""
    return f"user:{identity}"


SESSIONS_DUE = "sessions:due"
"""Sorted set: room → the ms at which somebody must look whether its HTTP media sessions live."""

DUE = "rooms:due"
"""Sorted set: room → the ms at which somebody must look at it (a lease or grace that ends)."""

CLOCK = "clock:correction"
"""String: the ms that are added to Redis' date for an even time (app/store/steady.py). All ms in
Redis that somebody waits for are of that time; dates that people are told are not."""


def node(kind: str, node_id: NodeId) -> str:
    """Hash with a TTL of seconds: a live process' address and load."""
    return f"node:{kind}:{node_id}"


def nodes(kind: str) -> str:
    """Sorted set: the live processes of a kind, by the ms of their last heartbeat."""
    return f"nodes:{kind}"


def lease(name: str) -> str:
    """String with a TTL of seconds: which process does a piece of work now."""
    return f"lease:{name}"


FEED = "{feed}:events"
"""Stream: what happened, for other systems (app/feed)."""

FEED_CURSORS = "{feed}:cursors"
"""Hash: lecture id → ``<code>:<seq>`` of the last event of its log that the feed has; or
``<code>:ended:<ms>``."""

FEED_NODES = "{feed}:nodes"
"""Hash: a process → ``<kind>:<state>`` as the feed told it last."""


SCRUB = "scrub:wanted"
"""How often files that hold what was deleted are wanted written anew; gone when that is done."""


def drain_order(node_id: NodeId) -> str:
    """String: for how many seconds an operator lets a process drain before it ends."""
    return f"drain:{node_id}"


def lifeline(node_id: NodeId) -> str:
    """Channel that a process listens to for as long as it lives; nothing is ever published."""
    return f"alive:{node_id}"


def assignments(purpose: str) -> str:
    """Hash: task → ``node|reserve ms|due ms`` (app/cluster/assignment.py)."""
    return f"tasks:{{{purpose}}}"


def strategy_memory(purpose: str) -> str:
    """String: what the strategy of a purpose remembers between two picks, as JSON."""
    return f"tasks:{{{purpose}}}:turns"


def commands(node_id: NodeId) -> str:
    """List: commands for a process, and answers to the commands it sent."""
    return f"commands:{node_id}"


def turn_slots(server: str) -> str:
    """Hash: slot → JSON of the secrets that sign a TURN server's credentials."""
    return f"turn:{server}:slots"


def turn_accepted(realm: str) -> str:
    """Set: the secrets that coturn takes for a realm; the name is coturn's own."""
    return f"turn/realm/{realm}/secret"
