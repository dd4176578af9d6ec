"""Where in its stream a packet belongs, though numbers wrap, senders restart, bits flip."""

from __future__ import annotations

from dataclasses import dataclass

from audiokit.transit.packet import Packet, sequence_distance, timestamp_distance

__all__ = ["Placed", "Sequencer"]

# RFC 3550, appendix A.1: how far a number may jump ahead, or back, within one stream.
_MAX_DROPOUT, _MAX_MISORDER = 3000, 100
# So many in a row make a new stream; fewer are stray packets.
_N_TO_BEGIN_ANEW = 3
# Longer than any pause in which a sender keeps counting, at any sample rate.
_MAX_STEP_S = 30.0
_SEEN_MASK = (1 << _MAX_MISORDER) - 1


@dataclass(slots=True)
class Placed:
    """A packet with numbers that never wrap.

    Args:
        packet: What arrived.
        arrival_s: When.
        sequence: Its place in the stream, counted on through restarts.
        ticks: Its time in the stream, in ticks of the RTP clock, likewise.
        is_anew: Whether the sender began anew with it.
    """

    packet: Packet
    arrival_s: float
    sequence: int
    ticks: int
    is_anew: bool = False


class Sequencer:
    """Give each packet its place in one stream without end.

    A jump, or another SSRC, is believed when three packets in a row agree; they then go on
    where the old stream was, as much later as they arrived. What nobody confirms is dropped.

    Args:
        clock_hz: Of the timestamps.

    Attributes:
        n_expected: Packets from the first to the newest, those of older streams included.
        n_received: How many of these came, duplicates aside.
        n_duplicates: Packets that came again.
        n_strays: Packets of no stream.
        n_restarts: How often the sender began anew.

    References:
        RFC 3550, appendix A.1.
    """

    def __init__(self, clock_hz: int) -> None:
        self._clock_hz = clock_hz
        self._max_step = round(_MAX_STEP_S * clock_hz)
        self._newest: Placed | None = None
        self._ssrc = 0
        # One bit per sequence number, the newest first.
        self._seen = 0
        self._suspects: list[tuple[Packet, float]] = []
        self.n_expected = self.n_received = self.n_duplicates = 0
        self.n_strays = self.n_restarts = 0

    def place(self, packet: Packet, arrival_s: float) -> list[Placed]:
        """Return the packets that now have a place: mostly the one, rarely none or three.

        Args:
            packet: What arrived.
            arrival_s: When.
        """
        newest = self._newest
        if newest is None:
            return [self._begin(packet, arrival_s)]
        step = ((packet.sequence - newest.packet.sequence + 0x8000) & 0xFFFF) - 0x8000
        tick_step = timestamp_distance(packet.timestamp, newest.packet.timestamp)
        if (
            packet.ssrc != self._ssrc
            or not -_MAX_MISORDER < step < _MAX_DROPOUT
            or not -self._max_step < tick_step < self._max_step
        ):
            return self._suspect(packet, arrival_s)
        if self._suspects:
            self.n_strays += len(self._suspects)
            self._suspects.clear()
        placed = Placed(packet, arrival_s, newest.sequence + step, newest.ticks + tick_step)
        if step > 0:
            self._seen = (self._seen << step | 1) & _SEEN_MASK
            self.n_expected += step
            self._newest = placed
        else:
            bit = 1 << -step
            if self._seen & bit:
                self.n_duplicates += 1
                return []
            self._seen |= bit
            if placed.sequence < 0:
                # Older than the one that came first: the stream began earlier.
                self.n_expected = max(self.n_expected, newest.sequence - placed.sequence + 1)
        self.n_received += 1
        return [placed]

    def _begin(self, packet: Packet, arrival_s: float) -> Placed:
        self._ssrc, self._seen = packet.ssrc, 1
        self.n_expected += 1
        self.n_received += 1
        self._newest = Placed(packet, arrival_s, 0, 0)
        return self._newest

    def _suspect(self, packet: Packet, arrival_s: float) -> list[Placed]:
        if self._suspects and not self._follows(packet, self._suspects[-1][0]):
            self.n_strays += len(self._suspects)
            self._suspects.clear()
        self._suspects.append((packet, arrival_s))
        if len(self._suspects) < _N_TO_BEGIN_ANEW:
            return []
        waiting, self._suspects = self._suspects, []
        return self._begin_anew(waiting)

    def _follows(self, packet: Packet, earlier: Packet) -> bool:
        step = timestamp_distance(packet.timestamp, earlier.timestamp)
        return (
            packet.ssrc == earlier.ssrc
            and sequence_distance(packet.sequence, earlier.sequence) == 1
            and 0 < step < self._max_step
        )

    def _begin_anew(self, waiting: list[tuple[Packet, float]]) -> list[Placed]:
        newest = self._newest
        if newest is None:
            message = "a stream began anew that never began"
            raise AssertionError(message)
        first, arrival_s = waiting[0]
        paused_s = min(max(0.0, arrival_s - newest.arrival_s), _MAX_STEP_S)
        ticks = newest.ticks + max(1, round(paused_s * self._clock_hz))
        sequence = newest.sequence + 1
        placed = [
            Placed(
                packet,
                at_s,
                sequence + index,
                ticks + timestamp_distance(packet.timestamp, first.timestamp),
                is_anew=index == 0,
            )
            for index, (packet, at_s) in enumerate(waiting)
        ]
        self._newest = placed[-1]
        self._ssrc = first.ssrc
        # Nothing of the old stream is known as seen; old numbers are older than the new first.
        self._seen = (1 << len(placed)) - 1
        self.n_expected += len(placed)
        self.n_received += len(placed)
        self.n_restarts += 1
        return placed
