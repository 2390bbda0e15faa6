"""What clients ask for, after they were let in: budgeted, validated, handled in order, answered."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from app.core import metrics
from app.core.clock import Clock
from app.core.errors import (
    BadRequest,
    Internal,
    LecternError,
    NotJoined,
    RateLimited,
    Unavailable,
)
from app.transport.sio.connection import Connection, Reply
from app.transport.sio.desk import Fields, Namespace
from app.transport.sio.messages import read
from app.transport.sio.packets import Event, Request

log = structlog.get_logger(__name__)


class Intake:
    """Takes the events of every connection. ``spaces``: the namespaces, by name."""

    def __init__(
        self, spaces: Mapping[str, Namespace], clock: Clock, handler_seconds: float
    ) -> None:
        self._spaces = spaces
        self._clock = clock
        self._handler_seconds = handler_seconds

    def take(self, connection: Connection, event: Event) -> None:
        """File one event to be handled, or refuse it."""
        request = event.request
        if not self.may_send(connection, request):
            return
        reply = Reply(connection, request)
        space = self._spaces.get(request.namespace)
        if space is None or request.namespace not in connection.namespaces:
            reply.refuse(NotJoined("connect to the namespace first"))
            return
        route = space.routes.get(request.event)
        if route is None:
            reply.refuse(BadRequest("there is no such event here"))
            return
        try:
            message = read(route.message, event.args)

            async def handle() -> None:
                await self._answer(reply, request, lambda: route.handle(connection, message))

            connection.inbox.file(handle, event.size, reply.refuse)
        except LecternError as error:
            reply.refuse(error)

    async def _answer(
        self, reply: Reply, request: Request, handle: Callable[[], Awaitable[Fields]]
    ) -> None:
        """Run one handler and answer, whatever it does. Nothing leaves here but an answer."""
        try:
            async with asyncio.timeout(self._handler_seconds):
                fields = await handle()
        except LecternError as error:
            reply.refuse(error)
        except TimeoutError:
            reply.refuse(Unavailable("this took too long; try again"))
        except Exception:
            log.exception("handler failed", socket_event=request.event)
            reply.refuse(Internal("internal error"))
        else:
            reply.accept(fields)

    def may_send(self, connection: Connection, request: Request) -> bool:
        """Charge one event to its sender's budget; a flood is refused, and then closed."""
        budgets = connection.budgets
        budget = budgets.edits if request.event in {"edit", "draw"} else budgets.events
        now = self._clock.now()
        if budget.take(now):
            connection.asked_at = now
            return True
        if not budgets.offences.take(now):
            metrics.INPUT_DROPS.labels("socket", "flood").inc()
            connection.end()
        elif connection.is_open:
            Reply(connection, request).refuse(RateLimited("too many events: slow down"))
        return False
