"""Packets that have arrived and are not yet played, in the order of the stream."""

from __future__ import annotations

from dataclasses import dataclass

from audiokit.errors import MalformedPacketError
from audiokit.transit.decoder import PacketDecoder
from audiokit.transit.packet import COMFORT_NOISE, TELEPHONE_EVENT
from audiokit.transit.sequencer import Placed

__all__ = ["PacketQueue", "Waiting"]

_NO_AUDIO = frozenset({COMFORT_NOISE, TELEPHONE_EVENT})
# Beyond any delay that can be set, at packets of 10 ms.
_MOST_PACKETS = 1000


@dataclass(slots=True)
class Waiting:
    """A packet that waits for its turn.

    Args:
        ticks: When in the stream it begins.
        payload: What to decode; empty where it holds no audio.
        n_samples: How long it lasts; 0 where it holds no audio.
        arrival_s: When it came.
        is_anew: Whether the decoder must forget what was before.
    """

    ticks: int
    payload: bytes
    n_samples: int
    arrival_s: float
    is_anew: bool


class PacketQueue:
    """Keep packets until their turn; refuse those whose turn has passed.

    Args:
        decoder: Knows how long packets are.
        clock_hz: Of the timestamps.
        payload_type: Of packets with audio; None for that of the first.

    Attributes:
        next_sequence: Whose turn it is.
        next_ticks: When in the stream the sound begins that was not yet taken.
        end_ticks: When in the stream the newest packet ends.
        n_discarded: Packets that came too late, or were skipped to make room.
        n_malformed: Packets that the decoder refused.
        n_ignored: Packets with no audio, or another codec's.
    """

    def __init__(
        self, decoder: PacketDecoder, *, clock_hz: int, payload_type: int | None = None
    ) -> None:
        self._decoder = decoder
        self._ticks_per_sample = clock_hz / decoder.fmt.sample_rate
        self._payload_type = payload_type
        self._waiting: dict[int, Waiting] = {}
        self._has_begun = False
        self.next_sequence = self.next_ticks = self.end_ticks = 0
        self.n_discarded = self.n_malformed = self.n_ignored = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def admit(self, placed: Placed) -> bool:
        """Keep a packet; return whether it is audio, be it late or not."""
        packet = placed.packet
        payload = packet.payload
        if packet.payload_type in _NO_AUDIO:
            payload = b""
        elif self._payload_type is None:
            self._payload_type = packet.payload_type
        elif packet.payload_type != self._payload_type:
            payload = b""
        n_samples = 0
        if payload:
            try:
                n_samples = self._decoder.n_samples(payload)
            except MalformedPacketError:
                # Its place stays empty, as if it had been lost.
                self.n_malformed += 1
                return False
        else:
            self.n_ignored += 1
        if self._has_begun and placed.sequence < self.next_sequence:
            self.n_discarded += n_samples > 0
            return n_samples > 0
        self._waiting[placed.sequence] = Waiting(
            placed.ticks, payload, n_samples, placed.arrival_s, placed.is_anew
        )
        end_ticks = placed.ticks + int(n_samples * self._ticks_per_sample)
        if end_ticks > self.end_ticks or len(self._waiting) == 1:
            self.end_ticks = end_ticks
        if len(self._waiting) > _MOST_PACKETS:
            self._skip_one()
        return n_samples > 0

    def oldest(self) -> Waiting | None:
        """Return the oldest packet there is, whether its turn has come or not."""
        return self._waiting[min(self._waiting)] if self._waiting else None

    def begin(self) -> None:
        """Make it the turn of the oldest packet there is; older ones are late from now on."""
        self._has_begun = True
        self.next_sequence = min(self._waiting)
        self.next_ticks = self._waiting[self.next_sequence].ticks

    def peek(self) -> Waiting | None:
        """Return the packet whose turn it is; None if it is not there."""
        return self._waiting.get(self.next_sequence)

    def take(self) -> Waiting | None:
        """Take the packet whose turn it is, which passes to the next; None if it is not there."""
        waiting = self._waiting.pop(self.next_sequence, None)
        if waiting is not None:
            self.next_sequence += 1
            self.next_ticks = waiting.ticks + int(waiting.n_samples * self._ticks_per_sample)
        return waiting

    def gap(self) -> tuple[int, Waiting]:
        """Return how many packets are missing before the oldest there is, and that one."""
        oldest = min(self._waiting)
        return oldest - self.next_sequence, self._waiting[oldest]

    def pass_over(self, n_packets: int, ticks: int) -> None:
        """Give up packets that are missing, and go on after them.

        Args:
            n_packets: How many.
            ticks: When in the stream what follows begins.
        """
        self.next_sequence += n_packets
        self.next_ticks = ticks

    def make_room(self, most_ticks: int) -> None:
        """Skip gaps and the oldest packets until no more than this is left to play."""
        while self._waiting and self.end_ticks - self.next_ticks > most_ticks:
            waiting = self.peek()
            if waiting is None or waiting.ticks > self.next_ticks:
                self.begin()
            else:
                self._skip_one()

    def _skip_one(self) -> None:
        self.begin()
        skipped = self.take()
        self.n_discarded += skipped is not None and skipped.n_samples > 0
