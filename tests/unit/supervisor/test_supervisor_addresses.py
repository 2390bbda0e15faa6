"""Where the ready line sends a person, and where readiness is asked."""

import pytest

from app.settings import Settings
from app.supervisor import STOP_SECONDS, page_address, reachable


@pytest.mark.parametrize(
    ("host", "page"),
    [
        ("127.0.0.1", "http://127.0.0.1:8123"),
        ("0.0.0.0", "http://127.0.0.1:8123"),
        ("::", "http://[::1]:8123"),
        ("192.0.2.7", "http://192.0.2.7:8123"),
    ],
)
def test_the_page_is_one_that_a_browser_here_can_open(host: str, page: str) -> None:
    assert page_address(Settings(host=host, port=8123)) == page


def test_every_address_is_asked_at_itself() -> None:
    assert reachable("192.0.2.7") == "192.0.2.7"


def test_an_orderly_stop_fits_into_30_seconds() -> None:
    assert sum(STOP_SECONDS.values()) < 30
    assert list(STOP_SECONDS) == ["api", "relay", "redis"], "who uses a thing ends before it"
