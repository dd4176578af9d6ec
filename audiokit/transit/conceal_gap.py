"""What every concealer does alike: begin a gap, fade it, and go over into what arrives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from audiokit.ranges import check_sample_rate
from audiokit.stage import Block, StreamFormat
from audiokit.transit.conceal_history import History
from audiokit.transit.concealer import Concealer

__all__ = ["Continuation", "GapConcealer", "Vectors"]

Vectors: TypeAlias = NDArray[np.float64]
Continuation: TypeAlias = Callable[[int], Vectors]
"""From a number of samples to the first so many of the gap, ``(samples, channels)``."""

_HIGHEST_RATE_HZ = 48000
# How much of a gap is made at a time: a packet of 20 ms and its way out, two more, the rest.
_STAGES_S = (0.032, 0.072)


class GapConcealer(Concealer, ABC):
    """Fill gaps; the method is what `_begin` returns.

    However a gap is cut into packets, what is played is the same, bit for bit. A gap fades to
    silence, so that nothing lost for long hums on. Nothing is analysed until a packet is lost:
    a good block costs one copy into the history.

    Args:
        fmt: Format of the stream; 8 to 48 kHz.

    Raises:
        SettingError: The sample rate is out of range.
    """

    heard_s: ClassVar[float] = 0.1
    """How much of the past the method looks at."""
    hold_s: ClassVar[float] = 0.02
    """How long a gap stays at its level."""
    fade_s: ClassVar[float] = 0.06
    """How long it takes to fade then."""
    shortest_overlap_s: ClassVar[float] = 0.002
    longest_overlap_s: ClassVar[float] = 0.008
    """Over how much of the first good block it goes over into it: a tenth of the gap, within
    these."""

    latency_samples = 0

    def __init__(self, fmt: StreamFormat) -> None:
        check_sample_rate(fmt.sample_rate, to="conceal losses", highest=_HIGHEST_RATE_HZ)
        self.fmt = fmt
        rate = fmt.sample_rate
        self._history = History(fmt, round(self.heard_s * rate))
        n_longest = self._longest()
        stages = (round(stage_s * rate) for stage_s in _STAGES_S)
        self._stages = (*(stage for stage in stages if stage < n_longest), n_longest)
        self.reset()

    def reset(self) -> None:
        self._history.reset()
        self._continuation: Continuation | None = None
        self._made = self._nothing()
        self._loudest = 0.0
        # Of the gap: how much was played; of its way out: what is left, and where it began.
        self._played = 0
        self._out = self._nothing()
        self._n_out = 0

    def received(self, block: Block) -> Block:
        if self._continuation is not None:
            self._end_gap(block, self._continuation)
        if len(self._out):
            block = self._cross_over(block)
        self._history.add(block)
        return block

    def lost(self, n_samples: int, following: Block | None = None) -> Block:  # noqa: ARG002
        if n_samples == 0:
            return self.fmt.silence(0)
        if self._continuation is None:
            self._continuation = self._open_gap()
        block: Block = self._next(n_samples, self._continuation).astype(np.float32)
        self._history.add(block)
        return block

    @abstractmethod
    def _begin(self, heard: Vectors) -> Continuation:
        """Return how a gap goes on after what was heard, ``(samples, channels)``."""

    def _longest(self) -> int:
        """Return how long a gap is heard, with its way out."""
        return round((self.hold_s + self.fade_s + self.longest_overlap_s) * self.fmt.sample_rate)

    def _nothing(self) -> Vectors:
        return np.zeros((0, self.fmt.channels))

    def _open_gap(self) -> Continuation:
        self._made, self._played = self._nothing(), 0
        self._out = self._nothing()
        heard = self._history.heard()
        self._loudest = float(np.abs(heard).max())
        return self._begin(heard)

    def _close_gap(self) -> None:
        """Forget the gap; what comes is not crossed over."""
        self._continuation = None
        self._out = self._nothing()

    def _next(self, n_samples: int, further: Continuation) -> Vectors:
        """Return the next samples of the gap, faded."""
        begin, end = self._played, self._played + n_samples
        for stage in self._stages:
            # Each stage by itself, so that no cutting asks for other lengths.
            if len(self._made) < min(end, self._stages[-1]) and len(self._made) < stage:
                made = further(stage)[len(self._made) :]
                # Nothing made up is louder than what was heard.
                made = made.clip(-self._loudest, self._loudest)
                self._made = np.concatenate([self._made, made])
        self._played = end
        part = self._made[begin:end]
        if len(part) < n_samples:
            silence = np.zeros((n_samples - len(part), self.fmt.channels))
            part = np.concatenate([part, silence])
        if end <= self.hold_s * self.fmt.sample_rate:
            return part
        return part * self._fade(begin, n_samples)[:, np.newaxis]

    def _fade(self, begin: int, n_samples: int) -> Vectors:
        time_s = np.arange(begin, begin + n_samples) / self.fmt.sample_rate
        fade: Vectors = np.clip(1.0 - (time_s - self.hold_s) / self.fade_s, 0.0, 1.0)
        return fade

    def _end_gap(self, block: Block, further: Continuation) -> None:
        """Make the way out of the gap, into this block and maybe some more."""
        if len(block) == 0:
            return
        rate = self.fmt.sample_rate
        overlap_s = 0.1 * self._played / rate
        overlap_s = min(max(overlap_s, self.shortest_overlap_s), self.longest_overlap_s)
        self._n_out = round(overlap_s * rate)
        out = self._next(self._n_out, further)
        self._close_gap()
        self._out = out

    def _cross_over(self, block: Block) -> Block:
        """Return a block with the rest of the gap's way out in it."""
        n_samples = min(len(block), len(self._out))
        begin = self._n_out - len(self._out)
        rise = np.arange(begin + 1, begin + n_samples + 1) / (self._n_out + 1)
        rise = rise[:, np.newaxis]
        mixed: Block = block.copy()
        mixed[:n_samples] = self._out[:n_samples] * (1.0 - rise) + block[:n_samples] * rise
        self._out = self._out[n_samples:]
        return mixed
