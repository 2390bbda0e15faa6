"""Offers that a relay refuses: with a reason, and before they cost anything."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import BadOffer, LecternError, TooLarge
from app.relay.negotiation.plan import Role, negotiate
from app.relay.negotiation.sdp import check_size, read_offer
from tests.unit.relay import offers

GOOD = offers.offer(offers.audio("0", "sendrecv"), offers.video("1", "sendrecv"))
CANDIDATE = "a=candidate:1 1 udp 2122260223 192.0.2.1 50000 typ host\n"


def answer(text: str, role: Role = "presenter") -> None:
    negotiate(text, role, {}, lambda _name: 1)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "v=0"),
        ("v=0\r\n", "no media section"),
        ("v=0\r\nm=audio\r\n", "ill-formed m= line"),
        ("v=0\r\nm=audio x UDP/TLS/RTP/SAVPF 0\r\n", "ill-formed m= line"),
        ("v=0\r\nm=audio ² UDP/TLS/RTP/SAVPF 0\r\n", "ill-formed m= line"),
        (GOOD.replace("a=mid:1\r\n", ""), "section 1 of the offer has no valid mid"),
        (GOOD.replace("a=mid:1\r\n", "a=mid:0\r\n"), "one mid"),
        (GOOD.replace("a=group:BUNDLE 0 1", "a=group:BUNDLE 0"), "BUNDLE"),
        (GOOD.replace("a=group:BUNDLE 0 1", "a=x"), "BUNDLE"),
        (GOOD.replace("a=ice-ufrag", "a=no-ufrag"), "ice-ufrag"),
        (GOOD.replace("2/1muCWoOi3uLifh0NuRHlZZ", "short"), "ice-pwd"),
        (GOOD.replace("a=fingerprint", "a=no-fingerprint"), "fingerprint"),
        (GOOD.replace("sha-256", "sha-1"), "fingerprint"),
        (GOOD.replace("a=setup:actpass", "a=setup:passive"), "setup"),
        (GOOD.replace("a=rtcp-mux\r\n", ""), "rtcp-mux"),
        (GOOD.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), "DTLS-SRTP"),
        (GOOD.replace("opus/48000", "opus/fast"), "payload type 111"),
        (GOOD.replace("s=-", "s=\x00"), "control characters"),
        (GOOD.replace("sendrecv", "recvonly"), "nothing that a presenter could send"),
        (offers.offer(offers.data("0")), "nothing that a presenter could send"),
    ],
)
def test_a_bad_offer_is_refused_with_its_reason(text: str, reason: str) -> None:  # X12
    with pytest.raises(BadOffer, match=reason):
        answer(text)


def test_a_participant_that_only_sends_is_refused() -> None:
    with pytest.raises(BadOffer, match="nothing that a participant could receive"):
        answer(GOOD.replace("sendrecv", "sendonly"), "participant")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GOOD + "a=x:" + "y" * 65_536, "65536 bytes"),
        (GOOD + "a=x:" + "é" * 32_000, "65536 bytes"),
        (offers.offer(*[offers.data(str(n)) for n in range(25)]), "24 media sections"),
        (GOOD + CANDIDATE * 33, "32 candidates"),
        (GOOD + CANDIDATE * 5_000, "bytes"),
        ("v=0\n" + "a=candidate:1\n" * 4_600, "32 candidates"),
    ],
)
def test_limits_hold_before_parsing(text: str, reason: str) -> None:
    with pytest.raises(TooLarge, match=reason):
        read_offer(text)


def test_an_offer_at_the_limits_is_read() -> None:
    read_offer(GOOD + CANDIDATE * 32)
    read_offer(offers.offer(*[offers.data(str(n)) for n in range(8)]))


@pytest.mark.parametrize("count", [1_100, 5_000])
def test_thousands_of_candidates_cost_nothing(count: int) -> None:
    text = "v=0\n" + "a=candidate:1 1 udp 1 192.0.2.1 1 typ host\n" * count
    best = 1.0
    for _ in range(20):
        start = time.thread_time()
        with pytest.raises(TooLarge):
            check_size(text)
        best = min(best, time.thread_time() - start)
    assert best < 0.001


@given(st.text(max_size=400))
def test_any_text_is_answered_or_refused(text: str) -> None:
    with pytest.raises(LecternError):
        answer("v=0\n" + text)


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.sampled_from(["drop", "twice", "cut", "swap", "9"])),
        max_size=6,
    )
)
def test_a_damaged_offer_is_answered_or_refused(damage: list[tuple[int, str]]) -> None:
    lines = GOOD.split("\r\n")
    for where, how in damage:
        index = where % len(lines)
        if how == "drop":
            lines[index : index + 1] = []
        elif how == "twice":
            lines.insert(index, lines[index])
        elif how == "cut":
            lines[index] = lines[index][: len(lines[index]) // 2]
        elif how == "swap":
            lines[index], lines[0] = lines[0], lines[index]
        else:
            lines[index] = lines[index].replace("1", "99999999999")
    with contextlib.suppress(BadOffer, TooLarge):  # anything else is a defect
        answer("\r\n".join(lines))
