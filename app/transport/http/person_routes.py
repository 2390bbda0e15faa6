"""REST: what a person may do about the data that is kept of them."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from app.archive.erasure import Erasure
from app.archive.scrubber import Scrubber
from app.auth.accounts import Accounts
from app.auth.principal import Account
from app.auth.shared_attempts import Counter
from app.core.errors import Forbidden, NotFound, Unauthorized, Unavailable
from app.transport.http.archive_bodies import Confirmation, ErasedPerson
from app.transport.http.identity import Callers
from app.transport.http.problems import refusals


def person_routes(
    erasure: Erasure, scrubber: Scrubber, accounts: Accounts, callers: Callers,
    attempts: Counter,
) -> APIRouter:  # fmt: skip
    """Return the routes of a person's rights. ``scrubber`` is told after an erasure."""
    router = APIRouter(tags=["accounts"])
    user = callers.user()

    @router.get("/profile/export", response_class=Response, responses=refusals(401, 503))
    async def export(caller: Annotated[Account, Depends(user)]) -> Response:
        """Give everything that is kept about the caller, as a JSON file."""
        try:
            found = await erasure.export(caller.email)
        except NotFound:
            raise Unauthorized("this account is gone") from None
        headers = {"Content-Disposition": 'attachment; filename="lectern.json"'}
        body = orjson.dumps(found, option=orjson.OPT_INDENT_2)
        return Response(body, media_type="application/json", headers=headers)

    @router.delete("/profile", responses=refusals(400, 401, 403, 409, 413, 429, 503))
    async def erase(
        body: Confirmation, request: Request, caller: Annotated[Account, Depends(user)]
    ) -> ErasedPerson:
        """Erase the caller: the password confirms it."""
        await accounts.get(caller.email)
        address = request.client.host if request.client else ""
        await attempts.spend(caller.email, address)
        try:
            await accounts.verify(caller.email, body.password)
        except NotFound:
            raise Forbidden("the password is wrong") from None
        except Unavailable:
            await attempts.refund(caller.email, address)
            raise
        await attempts.refund(caller.email, address)
        erased = await erasure.erase(caller.email)
        scrubber.ask()
        return ErasedPerson(lectures=erased.lectures, pending=erased.pending)

    return router
