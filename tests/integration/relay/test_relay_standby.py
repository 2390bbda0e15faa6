"""A program beside the presenter's page: who is heard, and who again, without a word."""

from tests.integration.relay.clients import NODE, ROOM, Client, Rig, ToneTrack

PAGE, PROGRAM, LATER = 440.0, 880.0, 660.0


async def presents(rig: Rig, tone: float, **how: object) -> Client:
    """Connect a presenter of one tone; ``how`` goes into its command."""
    client = Client(rig.client, ROOM, "presenter", 1)
    rig.clients.append(client)
    client.pc.addTrack(ToneTrack(tone))
    plain = client.command
    client.command = lambda sdp: plain(sdp).model_copy(update=how)  # type: ignore[method-assign]
    await client.offer()
    await client.connected()
    return client


async def test_a_page_that_was_there_is_heard_again_when_the_program_ends(rig: Rig) -> None:
    page = await presents(rig, PAGE)
    listener = await rig.join()
    await listener.tunes_in(PAGE)
    program = await presents(rig, PROGRAM, beside=True)
    await listener.tunes_in(PROGRAM)
    assert page.pc.connectionState == "connected"
    await rig.client.close_peer(NODE, ROOM, program.peer)
    await listener.tunes_in(PAGE)
    assert rig.service.stats()["peers"] == 2
    assert rig.service.stats()["errors"] == 0


async def test_a_page_that_came_meanwhile_is_heard_when_the_program_is_lost(rig: Rig) -> None:
    program = await presents(rig, PROGRAM, beside=True)
    listener = await rig.join()
    await listener.tunes_in(PROGRAM)
    await presents(rig, PAGE, waits=True)
    await presents(rig, LATER, waits=True)
    await listener.tunes_in(PROGRAM)
    await program.pc.close()  # its DTLS says goodbye: no command, no api process
    await listener.tunes_in(LATER)
    measured = await rig.client.measure(NODE, ROOM)
    assert sorted(peer.role for peer in measured.peers) == [
        "participant", "participant", "presenter",
    ]  # fmt: skip


async def test_a_page_that_presents_leaves_nothing_to_those_that_waited(rig: Rig) -> None:
    old = await presents(rig, PAGE)
    program = await presents(rig, PROGRAM, beside=True)
    listener = await rig.join()
    await listener.tunes_in(PROGRAM)
    newer = await presents(rig, LATER)
    await listener.tunes_in(LATER)
    await rig.client.close_peer(NODE, ROOM, program.peer)
    await rig.client.close_peer(NODE, ROOM, newer.peer)
    measured = await rig.client.measure(NODE, ROOM)
    roles = {peer.peer: peer.role for peer in measured.peers}
    assert roles == {old.peer: "participant", listener.peer: "participant"}, "P9: no stale page"
