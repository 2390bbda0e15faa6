"""Socket.IO packets: what is read, what is refused, what closes, and what is written."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from socketio.packet import Packet

from app.core.errors import BadRequest, TooLarge
from app.transport.sio import config
from app.transport.sio.packets import (
    Ack,
    Connect,
    Decoder,
    Disconnect,
    Event,
    PacketError,
    Refusal,
    Request,
    encode_ack,
    encode_event,
)


def fed(*messages: Any) -> Any:
    decoder = Decoder()
    return [decoder.feed(message) for message in messages][-1]


def test_the_head_says_whether_an_answer_is_wanted() -> None:
    assert fed('2/lecture,["ask",{"a":1}]').request == Request("/lecture", "ask", None)
    assert fed('2/lecture,0["ask",{}]').request == Request("/lecture", "ask", 0)
    assert fed('212["ask"]').request == Request("/", "ask", 12)


@pytest.mark.parametrize(
    ("message", "packet"),
    [
        ('0/lecture,{"accessToken":"t"}', Connect("/lecture", {"accessToken": "t"})),
        ("0", Connect("/", None)),
        ("0/enter-room,", Connect("/enter-room", None)),
        ("1/lecture,", Disconnect("/lecture")),
        ("1/lecture", Disconnect("/lecture")),
        ("3/lecture,7[]", Ack()),
    ],
)
def test_other_packets(message: str, packet: object) -> None:
    assert fed(message) == packet


def test_attachments_are_put_in_their_places() -> None:
    head = '51-/lecture,3["edit",{"content":{"objects":{"_placeholder":true,"num":0}}}]'
    assert Decoder().feed(head) is None
    event = fed(head, b"board")
    assert event.args == [{"content": {"objects": b"board"}}]
    assert event.request.ack_id == 3
    assert fed(head, b"").args[0]["content"]["objects"] == b""


@pytest.mark.parametrize("number", ["1", "-1", '"0"', "true", "0.0", "null", "[]"])
def test_a_forged_placeholder_is_refused(number: str) -> None:
    refused = fed(f'51-["edit",{{"_placeholder":true,"num":{number}}}]', b"x")
    assert isinstance(refused, Refusal)
    assert isinstance(refused.error, BadRequest)


def test_too_many_attachments_are_refused_before_any_comes() -> None:
    with pytest.raises(PacketError):
        fed('55-["edit",{}]')


def test_too_many_bytes_are_not_kept_and_the_next_event_is_read() -> None:
    decoder = Decoder()
    decoder.feed('52-["edit",{}]')
    assert decoder.feed(b"x" * config.MAX_ATTACHED_BYTES) is None
    refused = decoder.feed(b"y")
    assert isinstance(refused, Refusal)
    assert isinstance(refused.error, TooLarge)
    assert isinstance(decoder.feed('2["ask",{}]'), Event)


@pytest.mark.parametrize(("event", "fits"), [("presenterOffer", 70_000), ("ask", 40_000)])
def test_text_has_a_limit_by_event_and_is_not_parsed_beyond(event: str, fits: int) -> None:
    assert isinstance(fed(f'2["{event}","{"a" * fits}"]'), Event)
    refused = fed(f'27["{event}",' + "[" * 140_000)
    assert isinstance(refused, Refusal)
    assert refused.request == Request("/", event, 7)
    assert isinstance(refused.error, TooLarge)


@pytest.mark.parametrize("rest", ["", "]]", ',"\\ud83d"]', ",NaN]"])
def test_an_event_with_broken_json_is_answered(rest: str) -> None:
    refused = fed('2/lecture,3["ask"' + rest)
    assert isinstance(refused, Refusal)
    assert refused.request == Request("/lecture", "ask", 3)


@pytest.mark.parametrize(
    "messages",
    [
        [""], ["x"], ["7[]"], ["2"], ["2{}"], ["2[]"], ["2[1]"], ["4{}"], ["6"],
        ['20-["a"]'], ['5["a"]'], [b"x"], ['51-["a"]', '2["b"]'], [3], ['2["a\\u0022b"]'],
        ['2/' + "x" * 90 + ',["a"]'],
    ],
)  # fmt: skip
def test_what_is_no_packet(messages: list[Any]) -> None:
    with pytest.raises(PacketError):
        fed(*messages)


def test_deep_nesting_is_an_error_of_ours() -> None:
    assert isinstance(fed('2["a",' + "[" * 20_000), Refusal)
    deep = "[" * 40 + "]" * 40
    assert isinstance(fed(f'51-["a",{deep}]', b"x"), Refusal)


@given(st.lists(st.one_of(st.text(max_size=60), st.binary(max_size=20)), max_size=6))
def test_any_input_is_a_packet_or_a_packet_error(messages: list[str | bytes]) -> None:
    decoder = Decoder()
    for message in messages:
        try:
            decoder.feed(message)
        except PacketError:
            return


@given(st.from_regex(r"[0-6]([0-9]{0,3}-)?(/[a-z]{0,5},)?[0-9]{0,3}\[\"[a-z]{0,4}\".{0,20}"))
def test_anything_like_a_packet_is_one_or_a_packet_error(message: str) -> None:
    try:
        Decoder().feed(message)
    except PacketError:
        return


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**50), 2**50) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), values, max_size=3))
def test_what_we_write_the_library_reads(payload: dict[str, Any]) -> None:
    for messages, data, ident in (
        (encode_event("/lecture", "update", payload), ["update", payload], None),
        (encode_ack("/lecture", 5, payload), [payload], 5),
    ):
        packet = Packet(encoded_packet=messages[0])
        for attachment in messages[1:]:
            packet.add_attachment(attachment)
        assert (packet.namespace, packet.id, packet.data) == ("/lecture", ident, data)


def test_the_wire_form_of_an_update() -> None:
    messages = encode_event("/lecture", "update", {"content": {"objects": b"\x1f\x8b"}, "seq": 4})
    assert messages == [
        '51-/lecture,["update",{"content":{"objects":{"_placeholder":true,"num":0}},"seq":4}]',
        b"\x1f\x8b",
    ]
    assert encode_event("/lecture", "response", {"type": "lecture"}) == [
        '2/lecture,["response",{"type":"lecture"}]'
    ]
