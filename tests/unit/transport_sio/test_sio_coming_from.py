"""What other systems' sockets say is mapped onto what ours do say: the documentation's table."""

import re
from pathlib import Path

from app.transport.sio.connection import KNOWN_EVENTS

DOCS = Path(__file__).parents[3] / "docs"

LICODE_IN = """publish unpublish subscribe unsubscribe connectionMessage streamMessage
    streamMessageP2P sendDataStream updateStreamAttributes startRecorder stopRecorder
    getStreamStats clientDisconnection setStreamPriorityStrategy setConnectionTargetBandwidth"""
LICODE_OUT = """onAddStream onRemoveStream onDataStream onUpdateAttributeStream
    stream_message_erizo connection_message_erizo stream_message_p2p publish_me unpublish_me
    onBandwidthAlert connection_failed"""
OWT = """login relogin refreshReconnectionTicket logout text publish unpublish stream-control
    subscribe unsubscribe subscription-control soac participant stream progress drop"""
NO_EVENTS = {"peerId", "auth.ticket", "auth.accessToken", "auth.cursor", "connectionState", "p2p"}
NO_EVENTS |= {"iceServers"}


def rows() -> list[tuple[str, str]]:
    text = (DOCS / "coming-from.md").read_text(encoding="utf-8")
    section = text.partition("## What the sockets say")[2].partition("What is lost")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [(line.split("|")[1], line.split("|")[2]) for line in lines]


def test_every_event_of_theirs_has_its_place() -> None:  # L21, L22, O22
    named = {name for there, _ in rows() for name in re.findall(r"`([\w-]+)", there)}
    assert not set(f"{LICODE_IN} {LICODE_OUT} {OWT}".split()) - named


def test_every_event_of_ours_in_it_is_one() -> None:  # L21, L22, O22
    protocol = (DOCS / "protocol.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| ((?:`\w+`(?:, )?)+)", protocol, re.MULTILINE))
    events = {name for cell in told for name in re.findall(r"\w+", cell)} | KNOWN_EVENTS
    named = {name for _, here in rows() for name in re.findall(r"`([\w.]+)`", here)}
    assert named - NO_EVENTS <= events
