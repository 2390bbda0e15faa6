"""Every metric of this server, by its Prometheus name. One registry per process.

Labels are closed sets (a route's template, a reason's code), never a person, room or address.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from app.core.tally import Tally

REGISTRY = CollectorRegistry()
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

LOOP_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

HTTP_REQUESTS = Counter(
    "lectern_http_requests_total",
    "REST requests answered.",
    ["method", "route", "status"],
    registry=REGISTRY,
)
HTTP_SECONDS = Histogram(
    "lectern_http_request_seconds",
    "Seconds from a REST request's headers to its answer's end.",
    ["method", "route"],
    registry=REGISTRY,
)
SIGN_INS = Counter(
    "lectern_sign_ins_total",
    "Sign-ins by outcome: ok, refused, limited.",
    ["outcome"],
    registry=REGISTRY,
)
TICKETS = Counter(
    "lectern_tickets_total",
    "Tickets by outcome: issued, taken, or why one was refused (its code).",
    ["outcome"],
    registry=REGISTRY,
)
REMOVALS = Counter(
    "lectern_removals_total",
    "People removed from lectures: banned, or removed alone.",
    ["kind"],
    registry=REGISTRY,
)
PASSWORDS_WAITING = Gauge(
    "lectern_password_hashes_waiting",
    "Password hashes running or waiting for a thread.",
    registry=REGISTRY,
)
SOCKET_CONNECTIONS = Gauge(
    "lectern_socket_connections",
    "Open Socket.IO connections by namespace.",
    ["namespace"],
    registry=REGISTRY,
)
SOCKET_EVENTS = Counter(
    "lectern_socket_events_total",
    "Socket.IO events handled, by event and outcome (ok, or a refusal's code).",
    ["event", "outcome"],
    registry=REGISTRY,
)
WEBHOOKS = Counter(
    "lectern_webhooks_total",
    "Calls of webhooks: taken, refused (tried again), given_up, gone (410), lost (read too late).",
    ["outcome"],
    registry=REGISTRY,
)
QUEUE_DROPS = Counter(
    "lectern_queue_drops_total",
    "What a full bounded queue dropped or refused, by queue.",
    ["queue"],
    registry=REGISTRY,
)
INPUT_DROPS = Counter(
    "lectern_input_drops_total",
    "Bad input dropped without an answer, by where it came in and why.",
    ["source", "reason"],
    registry=REGISTRY,
)
COMMAND_SECONDS = Histogram(
    "lectern_command_seconds",
    "Seconds from a command between processes to its answer, or to its deadline.",
    registry=REGISTRY,
)
COMMANDS = Counter(
    "lectern_commands_total",
    "Commands between processes, by what came of them: ok, unavailable, or a refusal's code.",
    ["outcome"],
    registry=REGISTRY,
)
JOIN_SECONDS = Histogram(
    "lectern_join_seconds",
    "Seconds from an offer to its answer, by who joins (presenter, participant).",
    ["who"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
    registry=REGISTRY,
)
REDIS_SECONDS = Tally(
    "lectern_redis_seconds",
    "Seconds that Redis took to answer one command or script, failures included.",
    (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
    REGISTRY,
)
ROOMS = Gauge("lectern_rooms", "Live rooms whose presenter this process serves.", registry=REGISTRY)
LOOP_LAG_SECONDS = Tally(
    "lectern_loop_lag_seconds",
    "How late the event loop's timers were, whatever the reason.",
    LOOP_BUCKETS,
    REGISTRY,
)
LOOP_STALL_SECONDS = Tally(
    "lectern_loop_stall_seconds",
    "How long the event loop computed in one piece when a timer was late.",
    LOOP_BUCKETS,
    REGISTRY,
)
RECORDING_JOBS = Counter(
    "lectern_recording_jobs_total",
    "Recordings finalised by this process, by outcome: done, failed, cancelled.",
    ["outcome"],
    registry=REGISTRY,
)
TASKS = Gauge("lectern_tasks", "Tasks of this process' event loop.", registry=REGISTRY)


def exposition() -> bytes:
    """Return every metric of this process in Prometheus' text format."""
    return generate_latest(REGISTRY)
