"""What is answered of repeats, transport-wide numbers, simulcast and speakers: all or nothing."""

import zlib

import pytest

from app.core.errors import BadOffer, TooLarge
from app.relay.core.media import IceCredentials, MediaPlan, Section, SourceName
from app.relay.negotiation.answer import LocalTransport, write_answer
from app.relay.negotiation.features import ALL, SERVED, Features
from app.relay.negotiation.plan import Negotiation, Role, negotiate
from app.relay.negotiation.sdp import MAX_SECTIONS, read_offer
from tests.unit.relay import offers

LOCAL = LocalTransport(
    ice=IceCredentials("oursufrg", "ours-password-of-24-char"),
    fingerprint=offers.FINGERPRINT,
    hosts=("192.0.2.7",),
    port=7882,
    has_tcp=False,
    session=77,
    version=1,
)
RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
DESCRIPTOR = (
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
)
SIMULCAST = (
    f"a=extmap:10 {RID}\na=extmap:11 {REPAIRED}\na=extmap:12 {DESCRIPTOR}\n"
    "a=rid:q send\na=rid:h send\na=rid:f send\na=simulcast:send q;h;f\n"
)
ONLY_VP8 = (
    f"m=video 9 UDP/TLS/RTP/SAVPF 96 97\n{offers.TRANSPORT}a=mid:1\n"
    f"a=extmap:3 {offers.TWCC}\na=extmap:4 {offers.MID}\na=sendonly\n"
    "a=rtpmap:96 VP8/90000\na=rtcp-fb:96 goog-remb\na=rtcp-fb:96 transport-cc\n"
    "a=rtcp-fb:96 ccm fir\na=rtcp-fb:96 nack\na=rtcp-fb:96 nack pli\n"
    "a=rtpmap:97 rtx/90000\na=fmtp:97 apt=96\n"
)


def ssrc_of(name: str) -> int:
    return zlib.crc32(name.encode())


def ask(
    text: str,
    role: Role,
    served: Features = ALL,
    sources: dict[str, SourceName] | None = None,
) -> tuple[Negotiation, list[list[str]]]:
    negotiation = negotiate(text, role, sources or {}, ssrc_of, served)
    answer = write_answer(negotiation, negotiation.plan, LOCAL)
    return negotiation, [part.split("\r\n") for part in answer.split("m=")]


def shapes(plan: MediaPlan) -> list[tuple[str, str | None, str, bool]]:
    return [(s.mid, s.source, s.direction, s.is_spare) for s in plan.sections]


def video_of(text: str, role: Role, served: Features = ALL) -> tuple[Section, list[str]]:
    negotiation, parts = ask(text, role, served)
    return negotiation.plan.sections[-1], parts[-1]


def test_repeats_have_payload_types_and_ssrcs_of_their_own() -> None:  # M11
    section, lines = video_of(offers.offer(offers.video("v", "recvonly")), "participant")
    assert [(c.payload_type, c.key, c.apt) for c in section.codecs][:2] == [
        (96, "vp8", 0),
        (97, "rtx", 96),
    ]
    assert [c.key for c in section.codecs].count("rtx") == 1
    assert lines[0].startswith("video 7882 UDP/TLS/RTP/SAVPF 96 97 98 ")
    assert "a=rtpmap:97 rtx/90000" in lines
    assert "a=fmtp:97 apt=96" in lines
    assert not [line for line in lines if line.startswith("a=rtcp-fb:97")]
    assert section.rtx_ssrc not in (0, section.ssrc)
    assert f"a=ssrc-group:FID {section.ssrc} {section.rtx_ssrc}" in lines
    assert f"a=ssrc:{section.rtx_ssrc} cname:lectern" in lines


def test_a_presenters_repeat_streams_are_known_by_its_groups() -> None:
    announced = "a=ssrc-group:FID 11 12\na=ssrc:11 cname:x\na=ssrc:12 cname:x\n"
    section, lines = video_of(offers.offer(ONLY_VP8 + announced), "presenter")
    assert section.remote_ssrcs == (11,)
    assert section.remote_rtx == ((11, 12),)
    assert section.rtx_ssrc == 0
    assert not [line for line in lines if line.startswith("a=ssrc")]


def test_transport_wide_feedback_takes_the_place_of_remb() -> None:  # M11
    section, lines = video_of(offers.offer(ONLY_VP8), "presenter")
    assert section.feedback == ("nack", "nack pli", "ccm fir", "transport-cc")
    assert [line for line in lines if line.startswith("a=rtcp-fb")] == [
        "a=rtcp-fb:96 nack",
        "a=rtcp-fb:96 nack pli",
        "a=rtcp-fb:96 ccm fir",
        "a=rtcp-fb:96 transport-cc",
    ]
    assert f"a=extmap:3 {offers.TWCC}" in lines


@pytest.mark.parametrize(
    "text",
    [
        ONLY_VP8.replace(f"a=extmap:3 {offers.TWCC}\n", ""),
        ONLY_VP8.replace("a=rtcp-fb:96 transport-cc\n", ""),
    ],
)
def test_half_an_agreement_on_transport_wide_numbers_is_none(text: str) -> None:
    section, _ = video_of(offers.offer(text), "presenter")
    assert section.feedback == ("nack", "nack pli", "ccm fir", "goog-remb")


def test_a_codec_without_feedback_keeps_the_section_from_it() -> None:
    section, lines = video_of(offers.offer(offers.video("v", "sendonly")), "presenter")
    assert "nack" not in section.feedback  # H.264 of this offer has none
    assert "a=rtcp-fb:96 nack" not in lines
    assert "a=rtcp-fb:96 nack pli" in lines


def test_audio_has_transport_wide_numbers_though_red_names_none() -> None:
    negotiation, parts = ask(offers.offer(offers.audio("0", "recvonly")), "participant")
    assert negotiation.plan.sections[0].feedback == ("transport-cc",)
    assert "a=rtcp-fb:111 transport-cc" in parts[1]
    assert not [line for line in parts[1] if line.startswith("a=rtcp-fb:63")]


def test_simulcast_by_rid_is_received() -> None:  # M10
    section, lines = video_of(offers.offer(ONLY_VP8 + SIMULCAST), "presenter")
    assert section.rids == ("q", "h", "f")
    assert section.is_simulcast
    assert [line for line in lines if "rid:" in line or "simulcast" in line] == [
        "a=rid:q recv",
        "a=rid:h recv",
        "a=rid:f recv",
        "a=simulcast:recv q;h;f",
    ]
    assert f"a=extmap:10 {RID}" in lines
    assert f"a=extmap:11 {REPAIRED}" in lines
    assert f"a=extmap:12 {DESCRIPTOR}" in lines


@pytest.mark.parametrize(
    ("lines", "rids"),
    [
        ("a=rid:a send\na=rid:b send pt=96\na=simulcast:recv x send ~b;a\n", ("b", "a")),
        ("a=rid:a send\na=rid:b send\na=simulcast:send a,b;b\n", ("a", "b")),
        ("a=rid:a send\na=simulcast:send a;ghost\n", ()),
        ("a=rid:a recv\na=rid:b recv\na=simulcast:recv a;b\n", ()),
        ("a=simulcast:send\na=rid:\na=rid:x\n", ()),
        ("a=rid:a! send\na=rid:b send\na=simulcast:send a!;b;;~\n", ()),
        (
            "".join(f"a=rid:{n} send\n" for n in range(9)) + "a=simulcast:send 0;1;2;3;4;5;6;7;8\n",
            ("0", "1", "2", "3"),
        ),
    ],
)
def test_what_simulcast_is_read_from(lines: str, rids: tuple[str, ...]) -> None:
    section, _ = video_of(offers.offer(ONLY_VP8 + lines), "presenter")
    assert section.rids == rids
    assert section.is_simulcast == bool(rids)


def test_simulcast_by_ssrc_group_is_received() -> None:
    announced = "a=ssrc-group:SIM 1 2 3\na=ssrc-group:FID 1 4\na=ssrc-group:FID 2 5\n" + "".join(
        f"a=ssrc:{n} cname:x\n" for n in range(1, 6)
    )
    section, _ = video_of(offers.offer(ONLY_VP8 + announced), "presenter")
    assert section.is_simulcast
    assert section.remote_ssrcs == (1, 2, 3)
    assert section.remote_rtx == ((1, 4), (2, 5))


def test_mixed_header_extensions_are_agreed_where_descriptors_come() -> None:
    _, parts = ask(offers.offer(ONLY_VP8 + SIMULCAST), "presenter")
    assert "a=extmap-allow-mixed" in parts[0]
    _, parts = ask(offers.offer(ONLY_VP8), "presenter")
    assert "a=extmap-allow-mixed" not in parts[0]


def test_a_participants_further_sections_are_spare() -> None:  # X11
    text = offers.offer(
        offers.audio("0", "recvonly"),
        offers.video("1", "recvonly"),
        offers.video("2", "recvonly"),
        offers.audio("3", "recvonly"),
        offers.video("4", "recvonly"),
        offers.audio("5", "recvonly"),
    )
    negotiation, parts = ask(text, "participant")
    assert shapes(negotiation.plan) == [
        ("0", "microphone", "send", False),
        ("1", "camera", "send", False),
        ("2", "screen", "send", False),
        ("3", None, "send", True),
        ("4", None, "send", True),
        ("5", None, "send", True),
    ]
    ssrcs = [section.ssrc for section in negotiation.plan.sections]
    assert ssrcs[3] == ssrc_of("audio spare 0")
    assert ssrcs[5] == ssrc_of("audio spare 1")
    assert len(set(ssrcs)) == 6
    assert "a=msid:speaker-4 4" in parts[5]
    assert "a=sendonly" in parts[4]


def test_a_presenter_hears_speakers_in_what_it_receives_by() -> None:
    text = offers.offer(
        offers.audio("0", "sendrecv"), offers.audio("1", "recvonly"), offers.video("2", "recvonly")
    )
    negotiation, _ = ask(text, "presenter")
    assert shapes(negotiation.plan) == [
        ("0", "microphone", "receive", False),
        ("1", None, "send", True),
        ("2", None, "send", True),
    ]


def test_what_a_participant_sends_is_received() -> None:
    text = offers.offer(
        offers.audio("0", "recvonly"), offers.audio("1", "sendonly"), offers.video("2", "sendonly")
    )
    negotiation, parts = ask(text, "participant", sources={"2": "screen"})
    assert shapes(negotiation.plan) == [
        ("0", "microphone", "send", False),
        ("1", "microphone", "receive", False),
        ("2", "screen", "receive", False),
    ]
    assert "a=recvonly" in parts[2]
    with pytest.raises(BadOffer, match="could receive"):
        ask(offers.offer(offers.audio("1", "sendonly")), "participant")


def test_nothing_is_agreed_that_is_not_served() -> None:
    text = offers.offer(
        offers.audio("0", "sendrecv"), ONLY_VP8 + SIMULCAST, offers.audio("2", "recvonly")
    )
    negotiation, parts = ask(text, "presenter", frozenset())
    whole = "\n".join(line for part in parts for line in part)
    for word in ("rtx", "transport-cc", "simulcast", "rid", RID, offers.TWCC, DESCRIPTOR):
        assert word not in whole
    assert "a=rtcp-fb:96 goog-remb" in parts[2]
    assert shapes(negotiation.plan)[2] == ("2", None, "inactive", False)
    assert not any(s.rids or s.is_simulcast or s.remote_rtx for s in negotiation.plan.sections)


def test_the_default_is_what_the_core_does() -> None:
    negotiation = negotiate(offers.offer(ONLY_VP8), "presenter", {}, ssrc_of)
    assert negotiation.plan == ask(offers.offer(ONLY_VP8), "presenter", SERVED)[0].plan


def test_eight_speakers_fit() -> None:
    voices = [offers.audio(f"a{n}", "recvonly") for n in range(9)]
    pictures = [
        ONLY_VP8.replace("a=mid:1", f"a=mid:v{n}").replace("sendonly", "recvonly")
        for n in range(MAX_SECTIONS - 9)
    ]
    negotiation, _ = ask(offers.offer(*voices, *pictures), "participant")
    spares = [section for section in negotiation.plan.sections if section.is_spare]
    assert sum(section.kind == "audio" for section in spares) == 8
    assert sum(section.kind == "video" for section in spares) == 13
    with pytest.raises(TooLarge, match="24 media sections"):
        read_offer(offers.offer(*voices, *pictures, offers.audio("more", "recvonly")))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("b=AS:500\r\n", 500_000),
        ("b=TIAS:420000\r\nb=AS:500\r\n", 420_000),
        ("b=AS:0\r\n", None),
        ("b=AS:-5\r\n", None),
        ("b=AS:many\r\n", None),
        ("b=CT:300\r\n", None),
        ("", None),
    ],
)
def test_what_a_receiver_takes_at_most_is_read(lines: str, expected: int | None) -> None:  # L28
    plain = offers.offer(offers.audio("0", "recvonly"), offers.video("1", "recvonly"))
    head, sound, picture = plain.partition("m=audio")[0], "m=audio", plain.partition("m=audio")[2]
    session = negotiate(f"{head}{lines}{sound}{picture}", "participant", {}, ssrc_of).plan
    assert session.max_bps == expected
    assert all(section.max_bps is None for section in session.sections)
    marked = plain.replace("a=mid:1\r\n", f"{lines}a=mid:1\r\n").replace(
        "a=mid:0\r\n", f"{lines}a=mid:0\r\n"
    )
    plan = negotiate(marked, "participant", {}, ssrc_of).plan
    assert plan.max_bps is None
    assert [section.max_bps for section in plan.sections] == [None, expected], "audio is never less"
