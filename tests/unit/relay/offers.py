"""Offers as browsers write them, cut to what an answer depends on."""

FINGERPRINT = ":".join(["AB"] * 32)
MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
TWCC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"

TRANSPORT = (
    "c=IN IP4 0.0.0.0\n"
    "a=rtcp:9 IN IP4 0.0.0.0\n"
    "a=ice-ufrag:4ZcD\n"
    "a=ice-pwd:2/1muCWoOi3uLifh0NuRHlZZ\n"
    "a=ice-options:trickle\n"
    f"a=fingerprint:sha-256 {FINGERPRINT}\n"
    "a=setup:actpass\n"
    "a=rtcp-mux\n"
)
AUDIO_CODECS = (
    "a=rtpmap:111 opus/48000/2\n"
    "a=rtcp-fb:111 transport-cc\n"
    "a=fmtp:111 minptime=10;useinbandfec=1\n"
    "a=rtpmap:63 red/48000/2\n"
    "a=fmtp:63 111/111\n"
    "a=rtpmap:9 G722/8000\n"
    "a=rtpmap:0 PCMU/8000\n"
    "a=rtpmap:13 CN/8000\n"
)
VIDEO_CODECS = (
    "a=rtpmap:102 H264/90000\n"
    "a=rtcp-fb:102 goog-remb\n"
    "a=rtcp-fb:102 nack pli\n"
    "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001F\n"
    "a=rtpmap:127 H264/90000\n"
    "a=fmtp:127 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f\n"
    "a=rtpmap:96 VP8/90000\n"
    "a=rtcp-fb:96 goog-remb\n"
    "a=rtcp-fb:96 transport-cc\n"
    "a=rtcp-fb:96 ccm fir\n"
    "a=rtcp-fb:96 nack\n"
    "a=rtcp-fb:96 nack pli\n"
    "a=rtpmap:97 rtx/90000\n"
    "a=fmtp:97 apt=96\n"
    "a=rtpmap:45 AV1/90000\n"
    "a=fmtp:45 level-idx=5;profile=0;tier=0\n"
    "a=rtpmap:98 VP9/90000\n"
    "a=fmtp:98 profile-id=0\n"
    "a=rtpmap:100 VP9/90000\n"
    "a=fmtp:100 profile-id=2\n"
    "a=rtpmap:116 ulpfec/90000\n"
)


def audio(mid: str, direction: str, extra: str = "", port: int = 9) -> str:
    return (
        f"m=audio {port} UDP/TLS/RTP/SAVPF 111 63 9 0 13\n{TRANSPORT}a=mid:{mid}\n"
        f"a=extmap:1 {LEVEL}\na=extmap:2 {SEND_TIME}\na=extmap:3 {TWCC}\na=extmap:4 {MID}\n"
        f"a={direction}\n{AUDIO_CODECS}{extra}"
    )


def video(mid: str, direction: str, extra: str = "", port: int = 9) -> str:
    return (
        f"m=video {port} UDP/TLS/RTP/SAVPF 102 127 96 97 45 98 100 116\n{TRANSPORT}"
        f"a=mid:{mid}\na=rtcp-rsize\na=extmap:2 {SEND_TIME}\na=extmap:3 {TWCC}\n"
        f"a=extmap:4 {MID}\na={direction}\n{VIDEO_CODECS}{extra}"
    )


def data(mid: str) -> str:
    return (
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\n"
        f"{TRANSPORT}a=mid:{mid}\na=sctp-port:5000\n"
    )


def offer(*sections: str, bundle: str | None = None) -> str:
    """Join sections to an offer with the line ends of a browser; they are bundled by default."""
    mids = [
        line.removeprefix("a=mid:")
        for section in sections
        for line in section.splitlines()
        if line.startswith("a=mid:")
    ]
    group = " ".join(mids) if bundle is None else bundle
    text = (
        "v=0\no=- 46117 2 IN IP4 127.0.0.1\ns=-\nt=0 0\n"
        f"a=group:BUNDLE {group}\na=extmap-allow-mixed\na=msid-semantic: WMS\n{''.join(sections)}"
    )
    return text.replace("\n", "\r\n")
