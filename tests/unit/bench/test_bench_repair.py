"""The bench's clients repair and report as browsers do: held against the relay's own readers."""

import struct

import pytest

from app.relay.core import rtcp, transport
from bench.bars import Bar, judge
from bench.client import repair, rtp, sdp
from bench.client.dtls import make_certificate
from bench.report import Row


def told(feedback: bytes) -> transport.Told:
    compound = rtcp.parse(feedback)
    assert compound is not None
    (body,) = compound.transport
    read = transport.read(body)
    assert read is not None
    return read


def test_feedback_tells_what_came_when_and_what_did_not() -> None:
    feedback = repair.Feedback()
    for number, at in ((65_534, 1.0), (65_535, 1.0), (1, 1.5), (2, 1.501)):
        feedback.came(number, at)
    first = told(feedback.take(1, 2) or b"")
    assert (first.base, list(first.offsets), first.lost) == (65_534, [0, 1, 3, 4], [2])
    spread = [tick * transport.DELTA_SECONDS for tick in first.ticks]
    assert [round(at - spread[0], 3) for at in spread] == [0.0, 0.0, 0.5, 0.501]
    assert feedback.take(1, 2) is None
    feedback.came(5, 1.6)
    second = told(feedback.take(1, 2) or b"")
    assert (second.base, list(second.offsets), second.lost) == (3, [2], [0, 1])


def test_feedback_of_a_long_even_run_is_one_chunk() -> None:
    feedback = repair.Feedback()
    for number in range(300):
        feedback.came(number, 2.0 + number / 1000)
    read = told(feedback.take(1, 2) or b"")
    assert len(read.offsets) == 300
    assert not read.lost


def test_what_is_missing_is_asked_for_until_it_comes() -> None:
    missing = repair.Missing()
    assert missing.came(65_534) == []
    assert missing.came(2) == [65_535, 0, 1]
    asked = rtcp.parse(repair.nack(1, 7, [65_535, 0, 1]))
    assert asked is not None
    assert asked.nacked == [(7, 65_535), (7, 0), (7, 1)]
    assert repair.nacked(repair.nack(1, 7, [65_535, 0, 1])) == asked.nacked
    assert missing.due() == [], "asked for a moment ago"
    assert missing.came(0) == []
    assert missing.repaired(1)
    assert not missing.repaired(1)
    assert missing.due() == [65_535]
    for _ in range(20):
        missing.due()
    assert missing.due() == [], "given up"


def test_a_remb_says_its_bit_rate() -> None:
    read = rtcp.parse(repair.estimate(1, [7, 8], 5_000_000))
    assert read is not None
    assert read.estimates[0] == pytest.approx(5_000_000, rel=1e-4)


def test_a_repeat_holds_its_original() -> None:
    source = rtp.Vp8Source(7, "1", rtp.TransportNumbers())
    history = repair.History(9, sdp.RTX)
    packets = source.frame([1100, 1100], 3600, 0.0)
    assert [len(packet) for packet in packets] == [1100, 1100]
    for packet in packets:
        history.keep(packet)
    sequence = int.from_bytes(packets[1][2:4], "big")
    repeat = history.repeat(sequence)
    assert repeat is not None
    assert (repeat[1] & 0x7F, int.from_bytes(repeat[8:12], "big")) == (sdp.RTX, 9)
    found = repair.original(repeat, sdp.VP8)
    assert found is not None
    assert found[0] == sequence
    assert rtp.is_intact(found[1])
    assert history.repeat(sequence + 1) is None
    probe = struct.pack("!BBHII", 0xA0, sdp.RTX, 1, 0, 9) + bytes(3) + b"\x04"
    assert repair.original(probe, sdp.VP8) is None


def test_transport_wide_numbers_run_through_both_lines() -> None:
    numbers = rtp.TransportNumbers()
    video, audio = rtp.Vp8Source(7, "1", numbers), rtp.OpusSource(8, "0", numbers)
    packets = [*video.frame([900, 900], 3600, 0.0), audio.packet(0.0)]
    places = [repair.element_at(packet, sdp.TRANSPORT_ID) for packet in packets]
    assert all(places)
    pairs = zip(packets, places, strict=True)
    assert [int.from_bytes(packet[at : at + 2], "big") for packet, at in pairs] == [1, 2, 3]
    assert repair.element_at(packets[0], 13) == 0


def test_terms_are_those_of_the_servers_description() -> None:
    certificate = make_certificate()
    full = sdp.offer("a", "b", certificate.fingerprint, None, sdp.Sent(1, rtx_ssrc=2), repairs=True)
    terms = sdp.read_terms(full)
    assert terms == sdp.Terms(sdp.TRANSPORT_ID, frozenset({sdp.RTX}), True, True, True)
    assert str(terms) == "transport-cc, rtx, nack, goog-remb"
    assert "a=ssrc-group:FID 1 2" in full
    plain = sdp.offer("a", "b", certificate.fingerprint, None, None)
    assert sdp.read_terms(plain).transport_id == 0


def row(server: str, workload: str, count: int, us: float, kb: float = 120.0) -> Row:
    return Row(server, workload, count, 3, us, us, us, 0.0, 1.3, kb, 3.0, 1.0, 5.0, 1.0, 20.0)


def test_bars_are_met_or_missed_by_the_rows() -> None:
    bars = judge([
        row("lectern", "bursts", 100, 2.5), row("janus", "bursts", 100, 5.0),
        row("lectern", "bursts", 10, 7.0), row("janus", "bursts", 10, 6.0),
        row("lectern", "bursts", 200, 2.4), row("lectern", "browser", 100, 5.0, kb=131.0),
    ])  # fmt: skip
    missed = {bar.name for bar in bars if not bar.is_met}
    assert missed == {
        "bursts, N = 100, of Janus",
        "bursts, N = 10, beside Janus",
        "memory of a participant, N = 100",
    }
    assert "met" in str(next(bar for bar in bars if bar.name == "bursts, N = 200, beside N = 100"))
    assert str(Bar("x", 2.0, 1.0, "us")) == "MISSED  x: 2 us, at most 1"
