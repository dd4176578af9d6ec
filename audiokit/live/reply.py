"""One reply from the server: packets as they come, sound when it is due."""

from __future__ import annotations

from collections import deque

from audiokit.codec.opus import OpusDecoder
from audiokit.live.messages import WireFormat
from audiokit.live.packets import AudioPacket
from audiokit.live.pcm import PcmFormat, to_pcm
from audiokit.stage import StreamFormat
from audiokit.transit.jitter_buffer import JitterBuffer
from audiokit.transit.jitter_settings import JitterSettings
from audiokit.transit.packet import OPUS_CLOCK_HZ, Packet

__all__ = ["PULL_S", "Reply"]

PULL_S = 0.02
_LEAST_PACKETS = 3
_MOST_EARLY = 10_000
_MOST_DELAY_S = 2.0
# So long after the last packet, a reply without an end has ended.
_BROKEN_OFF_S = 2.0


class Reply:
    """A machine: packets in, 20 ms of samples out, behind a jitter buffer.

    Packets that come before their time are held until then: a reply that was ready beforehand
    may come all at once, and the jitter buffer shall not take that for a quick network.

    The least delay is three packets, and half the round trip where that is longer: on a path so
    long, what holds one packet up holds it up for longer.

    Args:
        fmt: What its packets hold.
        out: What comes out.
        round_trip_s: As measured; None where it is not known.

    Attributes:
        has_begun: Whether what `pull` gives is sound already.
        least_delay_s: The jitter buffer's.
        n_dropped: Packets that found no room.
    """

    def __init__(self, fmt: WireFormat, out: PcmFormat, *, round_trip_s: float | None) -> None:
        self._fmt = fmt
        wanted_s = max(_LEAST_PACKETS * fmt.packet_s, (round_trip_s or 0.0) / 2.0)
        self.least_delay_s = min(_MOST_DELAY_S, wanted_s)
        self._buffer = JitterBuffer(
            OpusDecoder(StreamFormat(out.sample_rate, out.channels)),
            clock_hz=OPUS_CLOCK_HZ,
            settings=JitterSettings(
                pull_ms=round(1000 * PULL_S),
                min_delay_ms=1000.0 * self.least_delay_s,
                max_delay_ms=1000.0 * min(5.0, 3.0 * self.least_delay_s),
                packet_ms=1000.0 * fmt.packet_s,
            ),
        )
        self._frame_ticks = round(OPUS_CLOCK_HZ * fmt.frame_ms / 1000.0)
        self._early: deque[tuple[AudioPacket, float]] = deque()
        self._begin_s: float | None = None
        self._n_frames: int | None = None
        self._last_s: float | None = None
        self._has_left = False
        self.has_begun = False
        self.n_dropped = 0

    def push(self, packet: AudioPacket, now_s: float) -> None:
        """Take a packet that has just arrived; beyond ten minutes ahead it is dropped."""
        if len(self._early) < _MOST_EARLY:
            self._early.append((packet, now_s))
        else:
            self.n_dropped += 1
        if packet.is_end:
            first = packet.sequence * self._fmt.frames_per_packet
            self._n_frames = first + len(packet.frames)

    def pull(self, now_s: float) -> bytes | None:
        """Return the samples of the next 20 ms; None when all has been played.

        Args:
            now_s: 20 ms after the call before.
        """
        if self._last_s is None:
            self._last_s = now_s
        self._let_in(now_s)
        block = self._buffer.pull(now_s)
        self.has_begun = self.has_begun or self._buffer.is_playing
        return None if self._is_over(now_s) else to_pcm(block)

    def break_off(self) -> None:
        """Say that no more will come: the connection is gone."""
        self._has_left = True

    def _let_in(self, now_s: float) -> None:
        """Give the jitter buffer the packets whose time has come."""
        if self._begin_s is None and self._early:
            # Those that waited for another reply to end begin now.
            self._begin_s = now_s - PULL_S
        while self._early and self._begin_s is not None:
            packet, arrival_s = self._early[0]
            due_s = self._begin_s + packet.sequence * self._fmt.packet_s
            if due_s > now_s:
                return
            self._early.popleft()
            self._last_s = now_s
            first = packet.sequence * self._fmt.frames_per_packet
            for number, frame in enumerate(packet.frames, first):
                if frame:
                    ticks = number * self._frame_ticks & 0xFFFFFFFF
                    heard = Packet(number & 0xFFFF, ticks, frame)
                    self._buffer.push(heard, max(arrival_s, due_s))

    def _is_over(self, now_s: float) -> bool:
        idle_s = now_s - (self._last_s or now_s)
        if self._n_frames is None:
            is_dry = (
                not self._early and self._buffer.buffered_s <= 0.0 and idle_s > self.least_delay_s
            )
            return idle_s > _BROKEN_OFF_S or (self._has_left and is_dry)
        played_s = self._buffer.stream_s if self.has_begun else 0.0
        wanted_s = self._n_frames * self._fmt.frame_ms / 1000.0
        return played_s >= wanted_s - 1e-6 or idle_s > wanted_s + _BROKEN_OFF_S
