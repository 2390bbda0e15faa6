"""Who calls."""

import pytest

from app.auth.principal import Account
from app.auth.tokens import UserTokens
from app.core.errors import Unauthorized
from app.core.ids import Email
from app.transport.http.identity import Callers, Service, bare_token
from tests.manual_clock import ManualClock

ADA = Account(Email("ada@example.org"), "Ada")
TOKENS = UserTokens("the tests' secret of at least 32 bytes")


@pytest.mark.parametrize(
    ("header", "token"),
    [(None, ""), ("", ""), ("x", "x"), (" x ", "x"), ("Bearer x", "x"), ("bearer  x ", "x"),
     ("Bearer", ""), ("Basic x", "Basic x")],
)  # fmt: skip
def test_the_header(header: str | None, token: str) -> None:
    assert bare_token(header) == token


async def test_a_user_and_a_service(clock: ManualClock) -> None:
    # X17
    callers = Callers(TOKENS, "service", clock)
    token = TOKENS.issue(ADA, clock.wall())
    assert await callers.user()(token) == ADA
    assert await callers.user_or_service()(token) == ADA
    assert await callers.user_or_service()("Bearer service") == Service()
    with pytest.raises(Unauthorized):
        await callers.user()("service")


@pytest.mark.parametrize("setting", [None, ""])
@pytest.mark.parametrize("header", [None, "", "Bearer ", "service", "None", "é"])
async def test_without_a_service_token_no_service_is_let_in(
    clock: ManualClock, setting: str | None, header: str | None
) -> None:
    # X17
    with pytest.raises(Unauthorized):
        await Callers(TOKENS, setting, clock).user_or_service()(header)


async def test_an_expired_token(clock: ManualClock) -> None:
    token = TOKENS.issue(ADA, clock.wall())
    clock.advance(3600)
    with pytest.raises(Unauthorized, match="expired"):
        await Callers(TOKENS, None, clock).user()(token)
