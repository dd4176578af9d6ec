"""One direction of a call on a virtual clock: packets in, sound out."""

from __future__ import annotations

import numpy as np

from audiokit.stage import Block
from audiokit.transit.decoder import PacketDecoder
from audiokit.transit.jitter_buffer import JitterBuffer
from audiokit.transit.jitter_settings import JitterSettings
from audiokit.transit.link import Link, LinkCounts, LinkSettings
from audiokit.transit.packet import Packet
from audiokit.transit.receiver_stats import ReceiverStats

__all__ = ["Call", "CallWatcher"]

# A longer silence of the sender is left out: a capture may have been paused for days.
_LONGEST_PAUSE_S = 30.0
_N_DELAY_BINS, _BIN_S = 6000, 0.001


class CallWatcher:
    """Who is told of every packet and every block of a call; takes note of nothing itself."""

    def sent(self, packet: Packet, sent_s: float) -> None:
        """Take note of a packet that was sent, by the sender's clock."""

    def arrived(self, packet: Packet, arrival_s: float) -> None:
        """Take note of a packet that arrived, be it twice, by the receiver's clock."""

    def heard(self, block: int, delay_s: float, stream_s: float, buffer: JitterBuffer) -> None:
        """Take note of a block.

        Args:
            block: Which it is of those that are heard, the silence of a sender that stopped
                among them; of that itself nothing is told.
            delay_s: From mouth to ear, of its first sample.
            stream_s: Where that lies in the stream, in s after the first arrived packet.
            buffer: As it is after the block.
        """


class Call:
    """Send packets over a link into a jitter buffer, and hear what comes of it.

    A machine: `send` packets in the order of their times, and at last `finish`. Both return
    what was heard meanwhile, in blocks of `JitterSettings.pull_ms`. Nothing is heard until the
    buffer begins to play; from then on every block counts, the silence of a sender that
    stopped included.

    Args:
        decoder: What makes sound of packets.
        clock_hz: Of the packets' timestamps.
        link: What happens to packets on their way.
        jitter: How the buffer waits.
        rng: Where the link's chance comes from.

    Attributes:
        captured_s: When the sample of timestamp 0 met the microphone, by the sender's clock.
            None where nobody knows: the quickest packets of late then took no time.
        watchers: Who is told of everything.
        first_timestamp: Of the packet that arrived first, from which the stream counts.
        begin_s: Where in that stream the sound begins that is heard.
        packet_samples: Samples that a packet stands for.
        left_out_s: Pauses that were too long to be heard.
    """

    def __init__(
        self,
        decoder: PacketDecoder,
        *,
        clock_hz: int,
        link: LinkSettings,
        jitter: JitterSettings,
        rng: np.random.Generator,
    ) -> None:
        self.fmt = decoder.fmt
        self.captured_s: float | None = None
        self.watchers: list[CallWatcher] = []
        self.first_timestamp: int | None = None
        self.begin_s = self.left_out_s = 0.0
        self.clock_hz, self._packet_s = clock_hz, jitter.packet_ms / 1000.0
        self.packet_samples = round(self._packet_s * decoder.fmt.sample_rate)
        self._link, self._per_sender_s = Link(link, rng), 1.0 / (1.0 + link.drift_ppm * 1e-6)
        self._buffer = JitterBuffer(decoder, clock_hz=clock_hz, settings=jitter)
        self._n_pull = self.fmt.sample_rate * jitter.pull_ms // 1000
        self._pull_s = jitter.pull_ms / 1000.0
        self._pull_at_s, self._n_pulls, self._n_heard = 0.0, 0, 0
        self._has_begun = False
        # When the stream's first sample met the microphone, by the receiver's clock.
        self._origin_s = 0.0
        self._delay_sum_s, self._n_delays = 0.0, 0
        self._delays = [0] * _N_DELAY_BINS

    @property
    def counts(self) -> LinkCounts:
        """What the link did so far."""
        return self._link.counts

    def stats(self) -> ReceiverStats:
        """Return what the buffer did so far."""
        return self._buffer.stats()

    def send(self, packet: Packet, now_s: float) -> list[Block]:
        """Send a packet; return what was heard before.

        Args:
            packet: What is sent.
            now_s: When, by the sender's clock.
        """
        blocks: list[Block] = []
        self._hear(now_s * self._per_sender_s, blocks)
        for watcher in self.watchers:
            watcher.sent(packet, now_s)
        self._link.push(packet, now_s)
        return blocks

    def finish(self, end_timestamp: int | None = None) -> list[Block]:
        """Return what is heard until nothing is left, cut where the stream ends.

        Args:
            end_timestamp: Where the sender's sound ended, in ticks of the clock: what was sent
                beyond it is cut off, and what was lost before it made up. None: where the
                newest packet ends.
        """
        blocks: list[Block] = []
        while (arrival_s := self._link.next_arrival_s()) is not None:
            self._hear(max(arrival_s, self._pull_at_s) + self._pull_s, blocks)
        if self.first_timestamp is None:
            return blocks
        buffer, end_s = self._buffer, None
        if end_timestamp is not None:
            end_s = (end_timestamp - self.first_timestamp) / self.clock_hz
        n_beyond = 0
        while buffer.buffered_s > 0.5 / self.fmt.sample_rate:
            position_s, before = buffer.stream_s, buffer.stats()
            self._pull(blocks)
            after = buffer.stats()
            # Of the last block, what follows the stream's end was made up.
            n_beyond = self._n_pull - round((buffer.stream_s - position_s) * self.fmt.sample_rate)
            n_beyond += after.removed_samples_for_acceleration
            n_beyond -= before.removed_samples_for_acceleration
            n_beyond -= after.inserted_samples_for_deceleration
            n_beyond += before.inserted_samples_for_deceleration
        n_beyond = min(max(0, n_beyond), self._n_pull)
        if end_s is not None:
            n_beyond -= round((end_s - buffer.stream_s) * self.fmt.sample_rate)
        while n_beyond < 0 and self._has_begun:
            self._pull(blocks)
            n_beyond += self._n_pull
        return _without_end(blocks, n_beyond)

    def mean_delay_s(self) -> float | None:
        """Return the mean time from mouth to ear; None if nothing was heard."""
        return self._delay_sum_s / self._n_delays if self._n_delays else None

    def delay_below_s(self, share: float) -> float | None:
        """Return the delay from mouth to ear that this share of the sound keeps below."""
        left = share * self._n_delays
        for index, count in enumerate(self._delays):
            left -= count
            if count and left <= 0.0:
                return (index + 1) * _BIN_S
        return None

    def _hear(self, until_s: float, blocks: list[Block]) -> None:
        """Go on until just before a time."""
        while self._pull_at_s < until_s:
            if not self._buffer.is_playing and not self._buffer.buffered_s:
                next_s = self._link.next_arrival_s()
                self._pass_over(until_s if next_s is None else min(next_s, until_s), blocks)
                if self._pull_at_s >= until_s:
                    return
            self._pull(blocks)

    def _pass_over(self, until_s: float, blocks: list[Block]) -> None:
        """Let time go by in which nothing can be heard."""
        n_pulls = max(0, int((until_s - self._pull_at_s) / self._pull_s))
        if self._has_begun:
            n_heard = min(n_pulls, round(_LONGEST_PAUSE_S / self._pull_s))
            blocks += [self.fmt.silence(self._n_pull)] * n_heard
            self._n_heard += n_heard
            self.left_out_s += (n_pulls - n_heard) * self._pull_s
        self._pass(n_pulls)

    def _pass(self, n_pulls: int) -> None:
        self._n_pulls += n_pulls
        # Multiplied, not added up: nothing is to drift.
        self._pull_at_s = self._n_pulls * self._pull_s

    def _pull(self, blocks: list[Block]) -> None:
        now_s, buffer = self._pull_at_s, self._buffer
        for arrival_s, packet in self._link.pull(now_s):
            if self.first_timestamp is None:
                self._begin(packet)
            for watcher in self.watchers:
                watcher.arrived(packet, arrival_s)
            buffer.push(packet, arrival_s)
        stream_s = buffer.stream_s
        block = buffer.pull(now_s)
        self._pass(1)
        if buffer.is_playing:
            if not self._has_begun:
                self._has_begun = True
                # Packets that were overtaken lie before the one that came first.
                stream_s = self.begin_s = buffer.stream_s - self._pull_s
            if self.captured_s is None:
                self._origin_s = buffer.quickest_s - self._packet_s
            delay_s = now_s - stream_s * self._per_sender_s - self._origin_s
            index = int(delay_s / _BIN_S)
            # Further behind is no call, but a clock that jumped.
            if 0 <= index < _N_DELAY_BINS and not buffer.is_concealing:
                self._delay_sum_s += delay_s
                self._n_delays += 1
                self._delays[index] += 1
            for watcher in self.watchers:
                watcher.heard(self._n_heard, delay_s, stream_s, buffer)
        if self._has_begun:
            self._n_heard += 1
            blocks.append(block)

    def _begin(self, packet: Packet) -> None:
        self.first_timestamp = packet.timestamp
        if self.captured_s is not None:
            stream_s = self.captured_s + packet.timestamp / self.clock_hz
            self._origin_s = stream_s * self._per_sender_s


def _without_end(blocks: list[Block], n_samples: int) -> list[Block]:
    """Return blocks without so many samples at their end."""
    while n_samples > 0 and blocks:
        last = blocks.pop()
        if len(last) > n_samples:
            blocks.append(last[: len(last) - n_samples])
        n_samples -= len(last)
    return blocks
