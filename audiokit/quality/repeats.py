"""Where the last packet is played again: what simple concealment puts into a gap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.quality.frames import Stretch
from audiokit.stage import StreamFormat

__all__ = ["Repeats"]

_PACKETS_S = (0.01, 0.02, 0.03, 0.04, 0.06)
# The look is at one sample in a millisecond.
_STEP_S = 0.001
# Two samples of noise may be equal; nine in a row, a millisecond apart, are not.
_FEWEST_EQUAL = 9
# What repeats for longer is a tone.
_LONGEST_S = 0.13
_SOFTEST = 1e-4
# A hum repeats itself as well, but did so before.
_SIDE_S = 0.005
_NEWS_BEFORE = 0.1
_FEWEST_STEPS = 16.0
# A sample or two after the repetition may be equal by chance.
_LONGER_S = 0.0004
_MOST_SPANS = 20_000


class Repeats:
    """Find spans of 10 to 130 ms that repeat what was just heard, sample by sample.

    Looks for whole packets of usual lengths: 10, 20, 30, 40 and 60 ms. A repetition that
    fades, or that a codec or a resampler has touched, is not found.

    Args:
        fmt: Format of the stream.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        rate = fmt.sample_rate
        exact = [round(packet_s * rate) for packet_s in _PACKETS_S]
        self._lags = [lag for lag in exact if lag * 100 % rate == 0]
        self._step = max(1, round(_STEP_S * rate))
        self._longest = round(_LONGEST_S * rate)
        self._longer = round(_LONGER_S * rate)
        self._side = round(_SIDE_S * rate)
        self._tails = [np.zeros(0, np.float32) for _ in range(fmt.channels)]
        self._n_heard = 0
        self._done = [0] * fmt.channels
        self.spans: list[tuple[int, int]] = []
        """First sample, and the first that is new again, of each span."""

    def add(self, stretch: Stretch) -> None:
        """Hear the next stretch."""
        self._n_heard += len(stretch.samples)
        for index, tail in enumerate(self._tails):
            joined = np.concatenate([tail, stretch.samples[:, index]])
            self._look(joined, index)
            kept = 2 * self._longest + max(self._lags, default=0)
            self._tails[index] = joined[-kept:].copy()
        del self.spans[_MOST_SPANS:]

    def _look(self, joined: NDArray[np.float32], index: int) -> None:
        first = self._n_heard - len(joined)
        # What reaches into the last part may go on.
        end_of_look = len(joined) - self._longest
        for lag in self._lags:
            is_equal = joined[lag :: self._step] == joined[: -lag or None : self._step]
            n_equal = _FEWEST_EQUAL
            if len(is_equal) < n_equal or np.count_nonzero(is_equal) < n_equal:
                continue
            for start, end in self._refined(joined, lag, is_equal):
                is_new = first + end > self._done[index]
                if is_new and start > lag and end <= end_of_look:
                    self.spans.append((first + start, first + end))
        self._done[index] = max(self._done[index], first + end_of_look)

    def _refined(
        self, joined: NDArray[np.float32], lag: int, is_equal: NDArray[np.bool_]
    ) -> list[tuple[int, int]]:
        """Return runs of equal samples to the sample, that are neither tones nor silence."""
        bounds = np.flatnonzero(np.diff(is_equal, prepend=False, append=False))
        found = []
        for begin, end in zip(bounds[::2].tolist(), bounds[1::2].tolist(), strict=True):
            if end - begin < _FEWEST_EQUAL or (end - begin) * self._step > self._longest:
                continue
            start, stop = lag + begin * self._step, lag + (end - 1) * self._step + 1
            while start > lag and joined[start - 1] == joined[start - 1 - lag]:
                start -= 1
            while stop < len(joined) and joined[stop] == joined[stop - lag]:
                stop += 1
            is_whole = (stop - start) % lag <= self._longer and stop - start >= lag
            if is_whole and self._is_repeat(joined, start, stop, lag=lag):
                found.append((start, stop))
        return found

    def _is_repeat(self, joined: NDArray[np.float32], start: int, stop: int, *, lag: int) -> bool:
        span = joined[start:stop]
        moves = np.abs(np.diff(span))
        moves = moves[moves > 0.0]
        # Coarse or soft sound takes so few values that it repeats itself.
        softest = max(_SOFTEST, _FEWEST_STEPS * float(moves.min(initial=1.0)))
        if len(moves) < len(span) // 4 or float(span.max() - span.min()) < softest:
            return False
        before = joined[max(lag, start - self._side) : start]
        news = before - joined[max(lag, start - self._side) - lag : start - lag]
        return bool(np.sum(news**2) > _NEWS_BEFORE**2 * np.sum(before**2))
