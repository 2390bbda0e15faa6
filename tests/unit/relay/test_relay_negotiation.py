"""What a relay answers to offers as browsers make them."""

import pytest
from aiortc.sdp import SessionDescription

from app.core.errors import BadOffer
from app.relay.core.media import IceCredentials, Section, SourceName
from app.relay.negotiation.answer import LocalTransport, signalled_candidates, write_answer
from app.relay.negotiation.plan import Negotiation, Role, keep_lines, negotiate
from tests.unit.relay import offers

LOCAL = LocalTransport(
    ice=IceCredentials("oursufrg", "ours-password-of-24-char"),
    fingerprint=offers.FINGERPRINT,
    hosts=("192.0.2.7", "2001:db8::7"),
    port=7882,
    has_tcp=True,
    session=77,
    version=1,
)


def ssrc_of(name: str) -> int:
    return 1000 + ["audio microphone", "video camera", "video screen", "video any"].index(name)


def ask(
    text: str, role: Role = "participant", sources: dict[str, SourceName] | None = None
) -> tuple[Negotiation, str]:
    negotiation = negotiate(text, role, sources or {}, ssrc_of, frozenset())
    return negotiation, write_answer(negotiation, negotiation.plan, LOCAL)


def block(answer: str, index: int) -> list[str]:
    """Return the lines of one media section of an answer."""
    return ["m=" + part for part in answer.split("m=")[1:]][index].split("\r\n")


def sources(sections: tuple[Section, ...]) -> list[tuple[str, str | None, str]]:
    return [(section.mid, section.source, section.direction) for section in sections]


def test_a_presenter_is_received_in_our_order_of_codecs() -> None:
    text = offers.offer(offers.audio("0", "sendrecv"), offers.video("1", "sendonly"))
    negotiation, answer = ask(text, "presenter")
    audio, video = negotiation.plan.sections
    assert sources((audio, video)) == [("0", "microphone", "receive"), ("1", "camera", "receive")]
    assert [codec.key for codec in audio.codecs] == ["opus", "red"]
    assert [codec.key for codec in video.codecs] == [
        "vp8", "vp9/0", "vp9/2", "h264/4200/1", "h264/4200/0", "av1/0",
    ]  # fmt: skip
    assert block(answer, 0)[0] == "m=audio 7882 UDP/TLS/RTP/SAVPF 111 63"
    assert block(answer, 1)[0] == "m=video 7882 UDP/TLS/RTP/SAVPF 96 98 100 102 127 45"
    assert "a=recvonly" in block(answer, 0)
    assert "a=fmtp:111 minptime=10;useinbandfec=1" in block(answer, 0)
    assert not [line for line in answer.split("\r\n") if line.startswith("a=ssrc")]


def test_only_what_is_done_is_answered() -> None:
    _, answer = ask(offers.offer(offers.video("v", "sendrecv")), "presenter")
    lines = block(answer, 0)
    feedback = [line for line in lines if line.startswith("a=rtcp-fb:96 ")]
    assert feedback == [
        "a=rtcp-fb:96 nack pli",
        "a=rtcp-fb:96 ccm fir",
        "a=rtcp-fb:96 goog-remb",
    ]
    assert "rtx" not in answer
    assert offers.TWCC not in answer
    assert f"a=extmap:4 {offers.MID}" in lines
    assert f"a=extmap:2 {offers.SEND_TIME}" in lines


def test_a_participant_is_answered_in_full_before_anybody_presents() -> None:  # X11
    text = offers.offer(offers.audio("0", "recvonly"), offers.video("1", "recvonly"))
    negotiation, answer = ask(text)
    audio, video = negotiation.plan.sections
    assert sources((audio, video)) == [("0", "microphone", "send"), ("1", None, "send")]
    assert len(video.codecs) == 6
    assert f"a=ssrc:{audio.ssrc} cname:lectern" in block(answer, 0)
    assert f"a=ssrc:{video.ssrc} cname:lectern" in block(answer, 1)
    assert "a=msid:lecture microphone" in block(answer, 0)
    assert "a=msid:lecture video" in block(answer, 1)
    assert "a=sendonly" in block(answer, 1)


def test_two_video_sections_are_camera_and_screen() -> None:
    text = offers.offer(
        offers.audio("a", "recvonly"), offers.video("v", "recvonly"), offers.video("s", "recvonly")
    )
    negotiation, answer = ask(text)
    assert sources(negotiation.plan.sections) == [
        ("a", "microphone", "send"),
        ("v", "camera", "send"),
        ("s", "screen", "send"),
    ]
    assert "a=msid:lecture camera" in block(answer, 1)
    assert "a=msid:screen screen" in block(answer, 2)
    assert len({section.ssrc for section in negotiation.plan.sections}) == 3


def test_the_client_may_name_its_sources() -> None:
    text = offers.offer(offers.video("x", "sendonly"), offers.video("y", "sendonly"))
    negotiation, _ = ask(text, "presenter", {"x": "screen"})
    assert sources(negotiation.plan.sections) == [
        ("x", "screen", "receive"),
        ("y", "camera", "receive"),
    ]


def test_a_wrongly_named_source_is_refused() -> None:
    text = offers.offer(offers.video("x", "sendonly"), offers.video("y", "sendonly"))
    with pytest.raises(BadOffer, match="section x is video"):
        ask(text, "presenter", {"x": "microphone"})
    with pytest.raises(BadOffer, match="two sections"):
        ask(text, "presenter", {"x": "screen", "y": "screen"})


def test_what_is_not_served_keeps_its_place() -> None:
    text = offers.offer(
        offers.data("d"),
        offers.audio("a", "sendrecv"),
        offers.audio("b", "sendrecv"),
        offers.video("v", "recvonly"),
    )
    negotiation, answer = ask(text, "presenter")
    assert sources(negotiation.plan.sections) == [
        ("a", "microphone", "receive"),
        ("v", None, "inactive"),
    ]
    assert block(answer, 0)[:1] == ["m=application 0 UDP/DTLS/SCTP webrtc-datachannel"]
    assert block(answer, 2)[:1] == ["m=audio 0 UDP/TLS/RTP/SAVPF 111"]
    assert "a=mid:b" in block(answer, 2)
    assert "a=inactive" in block(answer, 3)
    assert "a=group:BUNDLE a v\r\n" in answer
    assert signalled_candidates(negotiation, LOCAL)[0].sdpMLineIndex == 1


def test_a_bundle_only_section_is_served_and_a_rejected_one_is_not() -> None:
    text = offers.offer(
        offers.audio("0", "recvonly"),
        offers.video("1", "recvonly", "a=bundle-only\n", port=0),
        offers.video("2", "recvonly", port=0),
    )
    negotiation, _ = ask(text)
    assert [section.mid for section in negotiation.plan.sections] == ["0", "1"]


def test_the_transport_is_lite_passive_bundled_and_complete() -> None:
    text = offers.offer(offers.audio("0", "recvonly"), offers.video("1", "recvonly"))
    negotiation, answer = ask(text)
    head = answer.split("m=")[0]
    assert "a=ice-lite\r\n" in head
    assert "a=group:BUNDLE 0 1\r\n" in head
    for index in (0, 1):
        lines = block(answer, index)
        assert "a=setup:passive" in lines
        assert "a=rtcp-mux" in lines
        assert f"a=fingerprint:sha-256 {offers.FINGERPRINT}" in lines
        assert "a=ice-ufrag:oursufrg" in lines
        assert "a=candidate:1 1 udp 2130706431 192.0.2.7 7882 typ host" in lines
        assert "a=candidate:2 1 udp 2130706175 2001:db8::7 7882 typ host" in lines
        assert "a=end-of-candidates" in lines
    assert negotiation.remote == IceCredentials("4ZcD", "2/1muCWoOi3uLifh0NuRHlZZ")
    assert negotiation.fingerprints == (("sha-256", offers.FINGERPRINT),)
    first, second, third, fourth = signalled_candidates(negotiation, LOCAL)
    assert first.candidate == "candidate:1 1 udp 2130706431 192.0.2.7 7882 typ host"
    assert (second.sdpMid, second.sdpMLineIndex) == ("0", 0)
    # RFC 6544 §4.2: behind every UDP candidate, and the first address before the second
    tail = "typ host tcptype passive"
    assert third.candidate == f"candidate:3 1 tcp 1520435199 192.0.2.7 7882 {tail}"
    assert fourth.candidate == f"candidate:4 1 tcp 1520434943 2001:db8::7 7882 {tail}"


FIREFOX = f"""v=0
o=mozilla...THIS_IS_SDPARTA-99.0 4294967295 0 IN IP4 0.0.0.0
s=-
t=0 0
a=sendrecv
a=fingerprint:sha-256 {offers.FINGERPRINT.lower()}
a=group:BUNDLE 0 1
a=ice-options:trickle
a=msid-semantic:WMS *
m=audio 9 UDP/TLS/RTP/SAVPF 109 9 101
c=IN IP4 0.0.0.0
a=recvonly
a=extmap:1 {offers.LEVEL}
a=extmap:2/recvonly urn:ietf:params:rtp-hdrext:csrc-audio-level
a=extmap:3 {offers.MID}
a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1
a=ice-pwd:57e5b3e3f2a4c8ad24de43ffb8c5bd1e
a=ice-ufrag:9a7f1b2c
a=mid:0
a=rtcp-mux
a=rtpmap:109 opus/48000/2
a=rtpmap:9 G722/8000/1
a=rtpmap:101 telephone-event/8000
a=setup:actpass
a=ssrc:1 cname:{{x}}
m=video 0 UDP/TLS/RTP/SAVPF 120 124
c=IN IP4 0.0.0.0
a=bundle-only
a=recvonly
a=extmap:3 {offers.MID}
a=fmtp:120 max-fs=12288;max-fr=60
a=fmtp:124 apt=120
a=ice-pwd:57e5b3e3f2a4c8ad24de43ffb8c5bd1e
a=ice-ufrag:9a7f1b2c
a=mid:1
a=rtcp-fb:120 nack
a=rtcp-fb:120 nack pli
a=rtcp-fb:120 ccm fir
a=rtcp-mux
a=rtpmap:120 VP8/90000
a=rtpmap:124 rtx/90000
a=setup:actpass
"""


def test_firefox_states_its_certificate_once_for_all_sections() -> None:
    negotiation, answer = ask(FIREFOX)
    assert negotiation.fingerprints == (("sha-256", offers.FINGERPRINT),)
    assert negotiation.remote.ufrag == "9a7f1b2c"
    audio, video = negotiation.plan.sections
    assert audio.extensions == ((offers.LEVEL, 1), (offers.MID, 3))
    assert [codec.payload_type for codec in video.codecs] == [120]
    assert block(answer, 1)[0] == "m=video 7882 UDP/TLS/RTP/SAVPF 120"
    assert (audio.feedback, video.feedback) == ((), ("nack pli", "ccm fir"))
    assert "a=bundle-only" not in answer
    assert "goog-remb" not in answer


def test_another_implementation_reads_the_answer() -> None:
    text = offers.offer(
        offers.audio("0", "recvonly"), offers.video("1", "recvonly"), offers.data("2")
    )
    parsed = SessionDescription.parse(ask(text)[1])
    assert [media.kind for media in parsed.media] == ["audio", "video", "application"]
    assert [media.direction for media in parsed.media] == ["sendonly", "sendonly", "inactive"]
    assert parsed.media[0].ice.iceLite
    assert parsed.media[0].dtls.role == "server"
    assert parsed.media[1].rtp.codecs[0].mimeType == "video/VP8"


def test_repair_streams_are_not_media() -> None:
    extra = (
        "a=ssrc-group:FID 111 222\na=ssrc:111 cname:x\na=ssrc:111 msid:a b\na=ssrc:222 cname:x\n"
    )
    text = offers.offer(offers.video("1", "sendonly", extra))
    assert ask(text, "presenter")[0].plan.sections[0].remote_ssrcs == (111,)


def test_an_offer_again_keeps_every_line() -> None:
    text = offers.offer(offers.audio("0", "recvonly"), offers.video("1", "recvonly"))
    before = ask(text)[0].plan
    more = offers.offer(
        offers.audio("0", "recvonly"), offers.video("1", "recvonly"), offers.video("2", "recvonly")
    )
    again = ask(more)[0]
    kept = keep_lines(again, before)
    assert kept.sections[:2] == before.sections
    # the one picture that shows whatever there is stays so; what comes beside it is for speakers
    assert sources(kept.sections) == [
        ("0", "microphone", "send"),
        ("1", None, "send"),
        ("2", None, "send"),
    ]
    assert [section.is_spare for section in kept.sections] == [False, False, True]
    assert len({section.ssrc for section in kept.sections}) == 3
    answer = write_answer(again, kept, LOCAL)
    assert block(answer, 2)[0].startswith("m=video 7882 ")
    assert "a=group:BUNDLE 0 1 2\r\n" in answer
    assert keep_lines(ask(text)[0], before) == before
    with pytest.raises(BadOffer, match="section 1 changed"):
        keep_lines(ask(offers.offer(offers.audio("0", "recvonly")))[0], before)
