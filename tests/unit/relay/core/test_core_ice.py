"""The ICE-lite agent: who is admitted, what is answered, where media goes."""

import pytest
from aioice import stun

from app.relay.core.events import PeerGone, PeerMoved
from app.relay.core.ice import MAX_ADDRESSES
from app.relay.core.media import IceCredentials
from app.relay.core.stun import read_check
from tests.unit.relay.core.world import (
    OUT_AUDIO,
    PARTICIPANT_PLAN,
    PRESENTER_PLAN,
    AudioSource,
    Client,
    World,
)

ELSEWHERE = ("198.51.100.7", 7000)


def unconnected(world: World, role: str = "participant") -> Client:
    plan = PARTICIPANT_PLAN if role == "participant" else PRESENTER_PLAN
    client = Client(world, "someone", role, plan, "AEAD_AES_128_GCM")
    world.add(client)
    return client


def test_a_check_is_answered_with_the_address_it_came_from_and_is_signed() -> None:
    world = World()
    client = unconnected(world)
    client.check()
    [answer] = client.stun
    assert answer.message_class is stun.Class.RESPONSE
    assert answer.attributes["XOR-MAPPED-ADDRESS"] == client.address
    assert answer.check_message_integrity(client.local.password.encode())
    assert "FINGERPRINT" in answer.attributes


def test_an_ipv6_address_is_answered_too() -> None:
    world = World()
    client = unconnected(world)
    client.address = ("2001:db8::5", 6000)
    client.check()
    assert client.stun[0].attributes["XOR-MAPPED-ADDRESS"] == ("2001:db8::5", 6000)


def test_wrong_password_or_unknown_ufrag_admits_nothing_and_is_not_answered() -> None:
    world = World()
    client = unconnected(world)
    client.check(password="guessed")
    client.check(local=IceCredentials("nobody", client.local.password))
    assert world.sends == []
    assert world.relay.counters.stun_refused == 2
    assert not world.relay.send_dtls(client.id, b"hello")


def test_a_check_without_integrity_admits_nothing() -> None:
    world = World()
    client = unconnected(world)
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.attributes["USERNAME"] = f"{client.local.ufrag}:x"
    message.add_fingerprint()
    world.deliver([(bytes(message), client.address)])
    assert world.sends == []


def test_media_and_dtls_from_an_unvalidated_address_are_dropped() -> None:
    world = World()
    presenter = world.presenter()
    student = world.participant()
    packet = AudioSource(presenter).packet()
    record = bytes((22, 0xFE, 0xFD)) + bytes(8) + b"\0\1x"
    world.deliver([(presenter.seal(packet), ELSEWHERE), (record, ELSEWHERE)])
    assert student.heard == []
    assert world.relay.counters.dropped_unknown_address == 2
    assert world.relay.take_dtls() == []


def test_dtls_passes_both_ways_for_a_validated_address_only_when_sound() -> None:
    world = World()
    client = unconnected(world)
    client.check()
    record = bytes((22, 0xFE, 0xFD)) + bytes(8) + b"\0\1x"
    world.deliver([(record, client.address), (record[:-1], client.address)])
    assert world.relay.take_dtls() == [(client.id, record)]
    assert world.relay.counters.dropped_malformed == 1
    assert world.relay.send_dtls(client.id, record)
    world.settle()
    assert client.dtls == [record]


def test_a_peer_that_takes_our_role_is_told_so() -> None:
    world = World()
    client = unconnected(world)
    client.check(role="ICE-CONTROLLED")
    [answer] = client.stun
    assert answer.error_code == 487
    assert not world.relay.send_dtls(client.id, b"x")


def test_media_follows_a_nomination_to_another_address() -> None:
    world = World()
    presenter = world.presenter()
    student = world.participant()
    audio = AudioSource(presenter)
    audio.send()
    student.check(nominate=False, address=ELSEWHERE)
    audio.send()
    assert len(student.heard) == 2
    student.address = ELSEWHERE
    audio.send()
    assert len(student.heard) == 2
    student.check(nominate=True)
    audio.send()
    assert [e.address for e in world.events_of(PeerMoved)] == [ELSEWHERE]
    numbers = [packet.sequence for packet in student.heard]
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 3]
    assert student.failed == 0


def test_a_rebound_nat_is_followed_within_three_seconds_without_a_nomination() -> None:
    # promise 5: NAT rebind ≤ 3 s
    world = World()
    presenter = world.presenter()
    student = world.participant()
    audio = AudioSource(presenter)
    student.address = ELSEWHERE
    for _ in range(3):
        world.advance(1.0)
        student.check(nominate=False)
    audio.send()
    assert len(student.heard_of(OUT_AUDIO)) == 1


def test_a_presenter_that_moves_goes_on_sending() -> None:
    world = World()
    presenter = world.presenter()
    student = world.participant()
    audio = AudioSource(presenter)
    audio.send(2)
    presenter.address = ELSEWHERE
    presenter.check()
    audio.send(2)
    assert len(student.heard) == 4
    assert student.heard[-1].sequence == student.heard[0].sequence + 3


def test_a_copied_check_from_another_address_admits_nobody() -> None:
    world = World()
    student = world.participant()
    copied = student.check()
    world.deliver([(copied, ELSEWHERE)])
    assert world.events_of(PeerMoved) == []
    assert ELSEWHERE not in world.relay._by_address


def test_addresses_of_one_peer_are_bounded() -> None:
    world = World()
    student = world.participant()
    for port in range(1000, 1100):
        student.check(nominate=False, address=("198.51.100.7", port))
    assert len(world.relay._by_address) == MAX_ADDRESSES
    assert world.relay._by_address[student.address].id == student.id


def test_restart_accepts_both_ufrags_until_the_new_one_is_used() -> None:
    world = World()
    presenter = world.presenter()
    student = world.participant()
    audio = AudioSource(presenter)
    old = student.local
    new = IceCredentials("fresh", "a-fresh-password-of-enough-length")
    world.relay.restart_ice(student.id, new, IceCredentials("r", "p"), world.now)
    student.check(local=old)
    assert len(student.stun) == 2
    student.address = ELSEWHERE
    student.check(local=new)
    assert student.stun[-1].check_message_integrity(new.password.encode())
    audio.send()
    assert len(student.heard) == 1
    answered = len(student.stun)
    student.check(local=old)
    assert len(student.stun) == answered
    student.check(local=new)
    assert len(student.stun) == answered + 1


def test_a_second_restart_voids_the_first_ones_unused_ufrag() -> None:
    world = World()
    student = world.participant()
    first, second = IceCredentials("one", "p" * 24), IceCredentials("two", "q" * 24)
    world.relay.restart_ice(student.id, first, first, world.now)
    world.relay.restart_ice(student.id, second, second, world.now)
    answered = len(student.stun)
    student.check(local=first)
    assert len(student.stun) == answered
    student.check(local=second)
    assert len(student.stun) == answered + 1


def test_a_silent_peer_is_gone_after_thirty_seconds_and_not_before() -> None:
    world = World()
    student = world.participant()
    world.advance(29.0)
    assert world.events_of(PeerGone) == []
    world.advance(2.0)
    [gone] = world.events_of(PeerGone)
    assert (gone.peer, gone.reason) == (student.id, "silent")
    assert world.relay.stats("004217", world.now) is None
    assert world.relay.next_timer() is None or not world.relay.handle_timer(world.now + 1)
    assert world.relay.next_timer() is None


def test_checks_alone_keep_a_peer() -> None:
    world = World()
    student = world.participant()
    for _ in range(20):
        world.advance(5.0, step=0.5)
        student.check()
    assert world.events_of(PeerGone) == []


def test_unauthentic_datagrams_do_not_keep_a_peer() -> None:
    world = World()
    student = world.participant()
    for _ in range(10):
        world.advance(4.0, step=0.5)
        world.deliver([(bytes((0x80, 96)) + bytes(60), student.address)])
    assert len(world.events_of(PeerGone)) == 1


def test_a_handshake_that_is_not_done_in_ten_seconds_ends_the_peer() -> None:
    world = World()
    client = unconnected(world)
    client.check()
    world.advance(9.0)
    client.check()
    assert world.events_of(PeerGone) == []
    world.advance(2.0)
    assert [gone.reason for gone in world.events_of(PeerGone)] == ["handshake"]


def test_a_removed_peer_leaves_nothing_behind() -> None:
    world = World()
    presenter = world.presenter()
    student = world.participant()
    assert world.relay.remove_peer(student.id)
    assert not world.relay.remove_peer(student.id)
    assert world.relay.remove_room("004217") == [presenter.id]
    relay = world.relay
    assert not (relay._peers)
    assert not (relay._rooms)
    assert not (relay._by_address)
    assert not (relay._by_ufrag)


@pytest.mark.parametrize(
    "source",
    [("192.0.2.7", 1), ("192.0.2.7", 65_535), ("2001:db8::7", 50_000), ("fe80::7%2", 50_000),
     ("192.0.2.7", 70_000)],
)  # fmt: skip
def test_a_response_is_the_one_that_aioice_would_write(source: tuple[str, int]) -> None:
    asked = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    asked.attributes["USERNAME"] = "ours:theirs"
    asked.add_message_integrity(b"password")
    check = read_check(bytes(asked))
    assert check is not None
    expected = stun.Message(
        stun.Method.BINDING, stun.Class.RESPONSE, asked.transaction_id,
        {"XOR-MAPPED-ADDRESS": (source[0], source[1] & 0xFFFF)},
    )  # fmt: skip
    expected.add_message_integrity(b"password")
    assert check.response(source, "password") == bytes(expected)
