"""One room: a presenter's tracks, the lines they feed, and who wants a keyframe."""

from typing import TYPE_CHECKING

from app.core.ids import PeerId, RoomId
from app.relay.core.batch import Batch
from app.relay.core.burst import BurstSender
from app.relay.core.counters import Counters
from app.relay.core.line import CNAME, Line, LineKey
from app.relay.core.peer import Peer
from app.relay.core.publisher import Publisher
from app.relay.core.rtcp import (
    OWN_SSRC,
    Compound,
    ReportBlock,
    bitrate_estimate,
    picture_loss,
    receiver_report,
    source_description,
)
from app.relay.core.sink import Sink
from app.relay.core.stats import RoomStats, TrackStats
from app.relay.core.track import ClockReport, Track

if TYPE_CHECKING:
    from app.relay.core.media import SourceName

BITRATE_BPS = 6_000_000
"""What REMB allows a presenter until subscribers' estimates set it: a sharp 1080p screen."""
_MAX_BLOCKS = 31


class Room:
    """Routes packets from the presenter's tracks to lines. Made and dropped by ``Relay``."""

    def __init__(
        self, ident: RoomId, sender: BurstSender, counters: Counters, batch: Batch
    ) -> None:
        self.id = ident
        self.peers: dict[PeerId, Peer] = {}
        self.presenter: Peer | None = None
        """The connected one."""
        self._lines: dict[LineKey, list[Line]] = {}
        self._tracks: dict[SourceName, Track] = {}
        self._touched: list[Track] = []
        self._sender = sender
        self._counters = counters
        self._batch = batch
        self._forwarded = 0

    # Peers -----------------------------------------------------------------------------------

    def connect(self, peer: Peer, now: float) -> Peer | None:
        """Let a peer with an address and keys take part; return a presenter that it replaced."""
        replaced = None
        if peer.role == "presenter":
            replaced = self.presenter
            self.presenter = peer
            self._tracks = {}
        if peer.sender is not None and peer.ice.selected is not None:
            for section in peer.plan.sections:
                if section.direction == "send":
                    sink = Sink(peer.ice.selected, peer.sender, section.kind == "video")
                    line = self._line_to_join(LineKey.of(section))
                    line.join(sink)
                    peer.sinks[section.ssrc] = sink
                    peer.lines[section.ssrc] = line
                    self._aim(line, now)
                    if line.is_video and line.target is not None:
                        line.target.keyframes.ask(now, newcomer=True)
        return replaced

    def disconnect(self, peer: Peer) -> None:
        """Take a peer out of every line; lines that nobody has any more are dropped."""
        self.peers.pop(peer.id, None)
        for ssrc, line in peer.lines.items():
            sink = peer.sinks[ssrc]
            line.leave(sink)
            self._forwarded += sink.packets
            siblings = self._lines.get(line.key, [])
            if line.is_empty and line in siblings:
                siblings.remove(line)
                if not siblings:
                    del self._lines[line.key]
        peer.lines.clear()
        peer.sinks.clear()
        if self.presenter is peer:
            self.presenter = None
            self._tracks = {}

    def _line_to_join(self, key: LineKey) -> Line:
        siblings = self._lines.setdefault(key, [])
        for line in siblings:
            if not line.is_near_wrap:
                return line
        line = Line(key, self._sender, self._counters, self._batch)
        siblings.append(line)
        return line

    # Packets ---------------------------------------------------------------------------------

    def touch(self, track: Track) -> bool:
        """Note that ``track`` has pending packets; return True for a track that is new here."""
        self._touched.append(track)
        if self._tracks.get(track.source) is track:
            return False
        self._tracks[track.source] = track
        return True

    def flush(self, now: float) -> None:
        """Forward what this wake-up brought."""
        touched, self._touched = self._touched, []
        try:
            for line in self._all_lines():
                line.target = self._wanted(line, now) or line.target
                self._move_newcomers(line, now)
            lines = self._all_lines()
            for track in touched:
                for line in lines:
                    if track is line.target or track is line.feed:
                        line.forward(track, now)
            for line in lines:
                self._want_keyframe(line, now)
        finally:
            # After a failure, too: nothing half-done may leak into the next wake-up.
            self._batch.count = 0
            for track in touched:
                track.pending.clear()

    def _all_lines(self) -> list[Line]:
        return [line for siblings in self._lines.values() for line in siblings]

    def _move_newcomers(self, line: Line, now: float) -> None:
        """Nobody begins shortly before a sequence number wraps: they get a fresh line."""
        if not line.waiting or not line.is_near_wrap:
            return
        fresh = self._line_to_join(line.key)
        moved, line.waiting = line.waiting, []
        for sink in moved:
            fresh.join(sink)
        of_moved = set(moved)
        for peer in self.peers.values():
            for ssrc, sink in peer.sinks.items():
                if sink in of_moved:
                    peer.lines[ssrc] = fresh
        if line.is_empty:
            self._lines[line.key].remove(line)
        self._aim(fresh, now)

    def _aim(self, line: Line, now: float) -> None:
        """Let the line be fed by what it should be; ask for the keyframe that this needs."""
        line.target = self._wanted(line, now) or line.target
        self._want_keyframe(line, now)

    def _want_keyframe(self, line: Line, now: float) -> None:
        """Ask once for the keyframe at which a line changes over; ``tick`` repeats it."""
        target = line.target
        if line.is_video and target is not None and target is not line.asked:
            line.asked = target
            if target is not line.feed:
                target.keyframes.ask(now, newcomer=True)

    def _wanted(self, line: Line, now: float) -> Track | None:
        if line.key.source is not None:
            return self._tracks.get(line.key.source)
        if not line.is_video:
            return self._tracks.get("microphone")
        screen = self._tracks.get("screen")
        camera = self._tracks.get("camera")
        if screen is not None and (camera is None or screen.is_active(now)):
            return screen
        return camera

    # Feedback --------------------------------------------------------------------------------

    def take_feedback(self, peer: Peer, compound: Compound, now: float) -> None:
        """Act on what a subscriber or the presenter said."""
        self._counters.nacks_received += compound.nacked
        for ssrc in compound.keyframe_requests:
            line = peer.lines.get(ssrc)
            if line is not None:
                self._counters.keyframe_requests_received += 1
                if line.is_video and line.feed is not None:
                    line.feed.keyframes.ask(now, newcomer=False)
        if peer.publisher is not None and peer is self.presenter:
            self._take_reports(peer.publisher, compound, now)

    def _take_reports(self, publisher: Publisher, compound: Compound, now: float) -> None:
        for report in compound.sender_reports:
            track = publisher.track_of(report.ssrc)
            if track is not None:
                track.clock = ClockReport(report.ntp, report.timestamp, now)
                for line in self._all_lines():
                    if line.feed is track:
                        line.report(line.sinks)
        for ssrc in compound.goodbyes:
            track = publisher.track_of(ssrc)
            if track is not None:
                track.stop()

    def next_keyframe_request(self) -> float | None:
        """Return when the next PLI is due."""
        return min((due for t in self._tracks.values() if (due := t.keyframes.due()) is not None),
                   default=None)  # fmt: skip

    def request_keyframes(self, now: float) -> None:
        """Send the presenter the PLIs that are due."""
        for track in self._tracks.values():
            due = track.keyframes.due()
            if due is not None and due <= now:
                track.keyframes.sent(now)
                if self._tell_presenter(receiver_report(()) + picture_loss(track.ssrc)):
                    self._counters.keyframe_requests_sent += 1

    def tick(self, now: float) -> None:
        """Look again at what silence changes: which track feeds a line, who still waits."""
        for line in self._all_lines():
            self._aim(line, now)
            target = line.target
            if line.needs_keyframe and target is not None and target.is_active(now):
                target.keyframes.ask(now, newcomer=False)

    def report(self, now: float) -> None:
        """Tell the presenter once a second how its tracks arrive, and how much it may send."""
        presenter = self.presenter
        if presenter is None or presenter.publisher is None or not self._tracks:
            return
        tracks = list(self._tracks.values())[:_MAX_BLOCKS]
        packet = receiver_report([_block(track, now) for track in tracks])
        packet += source_description(OWN_SSRC, CNAME)
        sections = presenter.publisher.bitrate_sections
        ssrcs = [track.ssrc for track in tracks if track.section.mid in sections]
        if ssrcs:
            packet += bitrate_estimate(BITRATE_BPS, ssrcs)
        self._tell_presenter(packet)

    def _tell_presenter(self, packet: bytes) -> bool:
        presenter = self.presenter
        if presenter is None or presenter.sender is None or presenter.ice.selected is None:
            return False
        sealed = presenter.sender.seal_rtcp(packet)
        return self._sender.send_control(sealed, presenter.ice.selected)

    def stats(self, now: float) -> RoomStats:
        participants = [peer for peer in self.peers.values() if peer.role == "participant"]
        sinks = [sink for peer in self.peers.values() for sink in peer.sinks.values()]
        tracks = tuple(
            TrackStats(
                track.source,
                track.codec.key if track.codec else "",
                track.ssrc,
                track.reception.packets,
                track.reception.bytes,
                track.reception.lost,
                track.is_active(now),
                track.peer,
            )
            for track in self._tracks.values()
        )
        return RoomStats(
            len(participants),
            sum(peer.is_connected for peer in participants),
            self.presenter is not None,
            tracks,
            self._forwarded + sum(sink.packets for sink in sinks),
        )


def _block(track: Track, now: float) -> ReportBlock:
    reception = track.reception
    clock = track.clock
    return ReportBlock(
        track.ssrc,
        reception.take_fraction_lost(),
        reception.lost,
        reception.highest,
        int(reception.jitter),
        clock.ntp >> 16 & 0xFFFFFFFF if clock else 0,
        int((now - clock.arrived) * 65536) if clock else 0,
    )
