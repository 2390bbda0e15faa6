"""Bad networks, live: real ICE, DTLS and SRTP through a seeded lossy network, on a real relay."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from bench.delay import percentile
from tests.integration.relay.clients import Rig, until
from tests.integration.relay.network import Network
from tests.integration.relay.repairing import Receiver, Sender, through

pytestmark = pytest.mark.usefixtures("foremost")


@contextlib.asynccontextmanager
async def lecture(
    rig: Rig, listeners: int, frame: tuple[int, ...] = (1100, 1100, 700)
) -> AsyncIterator[tuple[list[Network], Sender, list[Receiver]]]:
    """A presenter and listeners, each behind a network of its own: the presenter's is the first."""
    target = ("127.0.0.1", rig.service.port)
    async with contextlib.AsyncExitStack() as stack:
        networks = [
            await stack.enter_async_context(Network(target, seed)) for seed in range(listeners + 1)
        ]
        sender = Sender(through(rig.client, "presenter"), frame=frame)
        stack.callback(sender.close)
        await sender.come(networks[0])
        receivers = [Receiver(through(rig.client, "participant")) for _ in range(listeners)]
        for receiver, network in zip(receivers, networks[1:], strict=True):
            stack.callback(receiver.close)
            await receiver.come(network)
        yield networks, sender, receivers
    assert rig.service.stats()["errors"] == 0


def absent(sent: list[bytes], got: dict[int, bytes]) -> tuple[int, int]:
    """Return how many of what was sent never came, of how many since the first that did."""
    came = set(got.values())
    first = next(n for n, one in enumerate(sent) if one in came)
    return sum(one not in came for one in sent[first:]), len(sent) - first


async def test_five_percent_loss_each_way_costs_no_video_and_hardly_a_sound(  # M11
    rig: Rig,
) -> None:
    async with lecture(rig, 2) as (networks, sender, receivers):
        for network in networks:
            network.up.loss = network.down.loss = 0.05
        await sender.play(5.0)
        for network in networks:  # what is asked for last comes, too
            network.up.loss = network.down.loss = 0.0
        await asyncio.sleep(0.5)
        for receiver in receivers:
            lost, of = absent(sender.sent_video, receiver.video_got.by_index)
            assert (lost, receiver.video_got.missing) == (0, [])
            assert of > 0.95 * len(sender.sent_video)
            lost, of = absent(sender.sent_audio, receiver.audio_got.by_index)
            assert lost < 0.01 * of
            assert receiver.by_rtx > 5
            assert receiver.unopened == 0
        assert sender.nacks > 5
        assert min(network.down.lost for network in networks[1:]) > 10
        stats = rig.service.stats()
        assert stats["packets_recovered"] > 5
        assert stats["peers"] == 3


async def test_thirty_percent_loss_one_way_is_nobody_elses_business(rig: Rig) -> None:  # row 6
    async with lecture(rig, 3) as (networks, sender, receivers):
        weak, *others = receivers
        networks[1].down.loss = 0.3
        await sender.play(5.0)
        await asyncio.sleep(0.3)
        for other in others:
            assert absent(sender.sent_video, other.video_got.by_index)[0] == 0
            assert absent(sender.sent_audio, other.audio_got.by_index)[0] == 0
            assert other.by_rtx == 0
        assert sender.nacks == 0
        assert sender.keyframes_asked <= 4, "one weak link costs the presenter no keyframes"
        assert rig.service.stats()["peers"] == 4
        lost, of = absent(sender.sent_audio, weak.audio_got.by_index)
        assert lost < 0.05 * of
        networks[1].down.loss = 0.0
        before = weak.video_got.highest
        playing = asyncio.create_task(sender.play(10.0))
        await until(lambda: weak.video_got.highest > before + 60, 10.0)
        playing.cancel()


async def test_thirty_percent_loss_one_way_delays_nobody_else(rig: Rig) -> None:  # row 6
    """Half seconds with and without the loss take turns, so that whatever else this machine does
    falls on both alike."""
    async with lecture(rig, 3) as (networks, sender, receivers):
        _, *others = receivers
        took: dict[bool, list[float]] = {False: [], True: []}
        for turn in range(12):
            is_lossy = turn % 2 == 1
            networks[1].down.loss = 0.3 if is_lossy else 0.0
            seen = [
                (got, len(got.times)) for one in others for got in (one.video_got, one.audio_got)
            ]
            await sender.play(0.5)
            await asyncio.sleep(0.05)
            for got, before in seen:
                took[is_lossy] += got.delays(sender.left)[before:]
        assert networks[1].down.lost > 40
        for other in others:
            assert absent(sender.sent_video, other.video_got.by_index)[0] == 0
            assert absent(sender.sent_audio, other.audio_got.by_index)[0] == 0
            assert other.by_rtx == 0
        assert len(took[True]) == pytest.approx(len(took[False]), rel=0.05)
        for share, margin in ((0.5, 0.005), (0.95, 0.02)):  # less than between two sounds
            without, with_loss = (percentile(took[lossy], share) for lossy in (False, True))
            assert with_loss <= without + margin, share


async def test_reordering_and_half_a_second_of_round_trip_cost_nothing(rig: Rig) -> None:  # row 8
    async with lecture(rig, 1) as (networks, sender, receivers):
        for path in (networks[1].up, networks[1].down):
            path.delay = (0.2, 0.3)
        await sender.play(3.0)
        await asyncio.sleep(1.0)
        assert absent(sender.sent_video, receivers[0].video_got.by_index)[0] == 0
        assert absent(sender.sent_audio, receivers[0].audio_got.by_index)[0] == 0


async def test_a_presenter_whose_nat_rebinds_goes_on_with_its_next_check(  # row 5
    rig: Rig,
) -> None:
    async with lecture(rig, 1) as (networks, sender, receivers):
        await sender.play(0.4)
        playing = asyncio.create_task(sender.play(1.5))
        await asyncio.sleep(0.3)
        networks[0].rebind("127.0.0.3")
        sender.check(nominates=False)  # a browser's consent check, which comes every few seconds
        before = receivers[0].audio_got.highest
        await until(lambda: receivers[0].audio_got.highest > before + 10, 3.0)
        await playing
        await until(lambda: not receivers[0].video_got.missing, 2.0)


async def test_a_presenter_changes_network_within_three_seconds(rig: Rig) -> None:  # row 4, P6
    async with lecture(rig, 1) as (networks, sender, receivers):
        playing = asyncio.create_task(sender.play(2.5))
        await asyncio.sleep(0.4)
        networks[0].up.is_cut = networks[0].down.is_cut = True
        await asyncio.sleep(0.3)
        async with Network(("127.0.0.1", rig.service.port), seed=77) as other:
            for path in (other.up, other.down):
                path.loss, path.delay = 0.05, (0.02, 0.04)
            await sender.attach(("127.0.0.1", other.port))
            loop = asyncio.get_running_loop()
            start, before = loop.time(), receivers[0].audio_got.highest
            await sender.restart()
            await until(lambda: receivers[0].audio_got.highest > before + 5, 3.0)
            assert loop.time() - start < 3.0
            await playing
        assert rig.service.stats()["peers"] == 2
