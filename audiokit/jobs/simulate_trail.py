"""What happened in a call, packet by packet and block by block."""

from __future__ import annotations

import math
from array import array

import numpy as np
from numpy.typing import NDArray

from audiokit.jobs.call import CallWatcher
from audiokit.stage import Block
from audiokit.transit.jitter_buffer import JitterBuffer
from audiokit.transit.packet import Packet, sequence_distance
from audiokit.transit.trace import Trace

__all__ = ["Trail"]


class Trail(CallWatcher):
    """Remember what became of every packet, and how far behind every block was.

    Takes some 16 bytes per packet and 40 per block.

    Attributes:
        sent_s: When each packet was sent, by the sender's clock.
        delay_s: How long it took, by the receiver's; infinity where it never came. Of a
            packet that came twice, the quicker time.
        block: Which each of the following is of those that were heard.
        heard_delay_ms: From mouth to ear, of each block.
        buffered_ms: What was waiting after it.
        target_ms: The delay that the buffer aimed at.
        is_made_up: 1 where a block ended with sound that was made up.
        stream_s: Where each block lies in the stream.
    """

    def __init__(self) -> None:
        self.sent_s, self.delay_s = array("d"), array("d")
        self.block = array("q")
        self.heard_delay_ms, self.buffered_ms, self.target_ms = (array("f") for _ in range(3))
        self.is_made_up, self.stream_s = array("b"), array("d")
        self._last_sequence = 0

    def sent(self, packet: Packet, sent_s: float) -> None:
        self.sent_s.append(sent_s)
        self.delay_s.append(math.inf)
        self._last_sequence = packet.sequence

    def arrived(self, packet: Packet, arrival_s: float) -> None:
        index = len(self.sent_s) - 1 + sequence_distance(packet.sequence, self._last_sequence)
        if 0 <= index < len(self.sent_s):
            self.delay_s[index] = min(self.delay_s[index], arrival_s - self.sent_s[index])

    def heard(self, block: int, delay_s: float, stream_s: float, buffer: JitterBuffer) -> None:
        self.block.append(block)
        self.heard_delay_ms.append(1000.0 * delay_s)
        self.buffered_ms.append(1000.0 * buffer.buffered_s)
        self.target_ms.append(1000.0 * buffer.target_delay_s)
        self.is_made_up.append(buffer.is_concealing)
        self.stream_s.append(stream_s)

    def losses(self) -> NDArray[np.bool_]:
        """Return of each packet whether it never came."""
        return np.isinf(np.frombuffer(self.delay_s, np.float64))

    def trace(self) -> Trace | None:
        """Return what the link did, to be done again; None if nothing was sent."""
        if not self.sent_s:
            return None
        first_s = self.sent_s[0]
        # A drifting clock can make the quickest seem to arrive before they were sent.
        return Trace(
            tuple(sent_s - first_s for sent_s in self.sent_s),
            tuple(max(0.0, delay_s) for delay_s in self.delay_s),
        )

    def in_place(self, heard: Block, sample_rate: int, *, n_pull: int) -> Block:
        """Return what was heard, each sample where it lay in the sender's sound.

        What stretching added is left out, and what it took away is drawn out of what is
        left: for measures that compare sample by sample.

        Args:
            heard: From the first block on, ``(samples, channels)``.
            sample_rate: In Hz.
            n_pull: Samples of a block.
        """
        stream = np.frombuffer(self.stream_s, np.float64) * sample_rate
        at = np.frombuffer(self.block, np.int64) * float(n_pull)
        if not len(stream):
            return heard
        # Where the stream stands still, sound was made up that stands for nothing.
        moves = np.append(np.diff(stream) > 0.5, [True])
        stream, at = stream[moves], at[moves]
        wanted = np.arange(round(stream[0]), round(stream[-1]) + n_pull)
        places = np.interp(wanted, stream, at)
        beyond = wanted > stream[-1]
        places[beyond] = at[-1] + (wanted[beyond] - stream[-1])
        whole = np.minimum(places.astype(np.int64), len(heard) - 1)
        following = np.minimum(whole + 1, len(heard) - 1)
        part = (places - whole).astype(np.float32)[:, np.newaxis]
        placed: Block = heard[whole] + (heard[following] - heard[whole]) * part
        return placed
