"""REST: signing up and in, the profile."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from app.auth.accounts import Accounts
from app.auth.addresses import known_email
from app.auth.attempts import TooManyAttempts
from app.auth.principal import Account
from app.auth.shared_attempts import Counter
from app.auth.tokens import UserTokens
from app.core.clock import Clock
from app.core.errors import BadRequest, NotFound, Unavailable
from app.core.metrics import SIGN_INS
from app.transport.http.bodies import Person, Rename, SignedIn, SignIn, SignUp, Token
from app.transport.http.identity import Callers
from app.transport.http.problems import refusals


def auth_routes(
    accounts: Accounts,
    tokens: UserTokens,
    callers: Callers,
    sign_ins: Counter,
    sign_ups: Counter,
    clock: Clock,
) -> APIRouter:
    """Return the routes under ``/auth`` and ``/profile``."""
    router = APIRouter(tags=["accounts"])
    user = callers.user()

    @router.post("/auth/signup", status_code=201, responses=refusals(400, 409, 413, 429, 503))
    async def sign_up(body: SignUp, request: Request) -> Person:
        """Make an account. A known e-mail is a conflict."""
        email = known_email(body.email) or ""
        address = request.client.host if request.client else ""
        await sign_ups.spend(email, address)
        try:
            return Person.of(await accounts.create(body.username, body.email, body.password))
        except (BadRequest, Unavailable):
            await sign_ups.refund(email, address)  # nothing was learned about anybody
            raise

    @router.post("/auth/signin", responses=refusals(400, 404, 413, 429, 503))
    async def sign_in(body: SignIn, request: Request) -> SignedIn:
        """Exchange e-mail and password for a token of one hour."""
        email = known_email(body.email) or ""
        address = request.client.host if request.client else ""
        try:
            await sign_ins.spend(email, address)
        except TooManyAttempts:
            SIGN_INS.labels("limited").inc()
            raise
        try:
            account = await accounts.verify(body.email, body.password)
        except NotFound:
            SIGN_INS.labels("refused").inc()
            raise
        except Unavailable:
            await sign_ins.refund(email, address)  # nothing was learned about the password
            raise
        await sign_ins.refund(email, address)
        SIGN_INS.labels("ok").inc()
        token = tokens.issue(account, clock.wall())
        return SignedIn(token=token, email=account.email, username=account.username)

    @router.post("/auth/refresh", responses=refusals(401, 503))
    async def refresh(caller: Annotated[Account, Depends(user)]) -> Token:
        """Exchange a token that is still good for a fresh one."""
        account = await accounts.get(caller.email)
        return Token(token=tokens.issue(account, clock.wall()))

    @router.get("/profile", responses=refusals(401, 503))
    async def profile(caller: Annotated[Account, Depends(user)]) -> Person:
        """Tell who the caller is."""
        return Person.of(await accounts.get(caller.email))

    @router.post("/profile", responses=refusals(400, 401, 413, 503))
    async def rename(body: Rename, caller: Annotated[Account, Depends(user)]) -> Person:
        """Give the caller another name. Tokens carry it from the next sign-in or refresh on."""
        return Person.of(await accounts.rename(caller.email, body.username))

    return router
