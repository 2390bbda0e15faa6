"""What coturn's statistics say about each user."""

from app.turn import usage
from app.turn.usage import FORGOTTEN_SECONDS, UsageBook, lifetime_in

PATH = "turn/realm/r/user/1700000000:alice/allocation/000000000000000001/"
TRAFFIC = "rcvp=6, rcvb=554, sentp=6, sentb=398"


def test_an_allocation_from_begin_to_end() -> None:  # T13
    book = UsageBook()
    book.hear(PATH + "status", "new lifetime=600, type=UDP, local=…", 1.0)
    assert book.allocations == 1
    book.hear(PATH + "status", "refreshed lifetime=600, type=UDP", 2.0)
    assert book.allocations == 1
    book.hear(PATH + "traffic", TRAFFIC, 3.0)
    book.hear(PATH + "traffic", TRAFFIC, 3.5)
    book.hear(PATH + "traffic/peer", TRAFFIC, 3.5)
    book.hear(PATH + "total_traffic", "rcvp=12, rcvb=1108, sentp=12, sentb=796", 4.0)
    book.hear(PATH + "status", "deleted", 4.0)
    alice = book.users["alice"]
    assert (alice.received_bytes, alice.sent_bytes) == (1108, 796), "each byte once"
    assert book.allocations == 0


def test_credentials_that_were_renewed_are_one_user() -> None:  # T13
    book = UsageBook()
    book.hear(PATH + "status", "new lifetime=600", 1.0)
    later = PATH.replace("1700000000", "1700000300").replace("01/", "02/")
    book.hear(later + "status", "new lifetime=600", 2.0)
    assert list(book.users) == ["alice"]
    assert book.allocations == 2


def test_a_dead_coturn_has_no_allocations() -> None:
    book = UsageBook()
    book.hear(PATH + "status", "new lifetime=600", 1.0)
    book.child_ended()
    assert book.allocations == 0


def test_users_are_forgotten_and_never_too_many(monkeypatch: object) -> None:
    book = UsageBook()
    book.hear(PATH + "status", "new lifetime=600", 0.0)
    book.hear(PATH.replace("alice", "bob") + "traffic", TRAFFIC, 0.0)
    book.forget(FORGOTTEN_SECONDS + 1)
    assert list(book.users) == ["alice"], "who has something open is not forgotten"
    for number in range(usage.MOST_USERS + 5):
        book.hear(PATH.replace("alice", f"u{number}") + "traffic", TRAFFIC, 1.0)
    assert len(book.users) == usage.MOST_USERS


def test_anything_else_is_ignored() -> None:
    book = UsageBook()
    for channel in ("__XXX__", "turn/realm/r/user/x/allocation/y/status", PATH + "cookies", ""):
        book.hear(channel, "new", 1.0)
    assert book.users == {}


def test_lifetimes() -> None:
    assert lifetime_in("new lifetime=600, type=UDP") == 600
    assert lifetime_in("deleted") is None
