"""Clipping: waveforms that stand still at the top."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.quality.frames import Stretch
from audiokit.stage import StreamFormat

__all__ = ["Clipping", "ClippingReport"]

# A crest of a smooth wave may round to three equal values. But a parabola that falls by no
# more than a step within one sample has fallen by four after two, on either side; some
# noise comes on top.
_SHORTEST_FLAT = 3
_FEWEST_STEPS = 24.0
# Soft noise takes few values, and three in a row are equal by chance.
_LOWEST_STEPS = 100.0
# Longer, and the source has stopped: that is a drop-out.
_LONGEST_FLAT_S = 0.05
# Flat tops are at the top of their second, not halfway up.
_TOP_SHARE = 0.5
# A lone run of three happens. The very same highest value, again and again, is a limit
# that single samples met.
_FEWEST_SAMPLES = 5
_NEAR_TOP = 0.99
_NEAR_STEPS = 2.5
_HITS_OVER_CHANCE = 4.0
# A square wave spends half its time at the top; what is there all the time is an offset.
_MOST_HITS = 0.75
# Finer than the step of 24 bits there is only rounding.
_FINEST_STEP = 2.0**-24


@dataclass(frozen=True, slots=True)
class ClippingReport:
    """How much of a stream is cut off at the top. Exact where the tops are still flat.

    Tops that a codec or a resampler has smoothed are not flat, and not found.
    """

    ratio: float
    """Share of the samples of all channels, 0 to 1."""
    n_samples: int
    """Clipped samples, of all channels."""
    n_runs: int
    """Flat tops of three samples and more."""
    longest_run_samples: int
    """Length of the longest flat top."""


class Clipping:
    """Share of samples in flat tops, at whatever level they were cut off.

    A flat top is three equal samples or more in the upper half of their stretch, whose
    neighbours lie lower by more steps of the quantiser than a rounded crest would leave.
    Where the highest value of a channel comes up far more often than those just below it
    let expect, each sample that has it counts, single ones too.

    Args:
        fmt: Format of the stream.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        longest = max(_SHORTEST_FLAT, round(_LONGEST_FLAT_S * fmt.sample_rate))
        self._channels = [_Channel(longest) for _ in range(fmt.channels)]
        self._n_samples = 0

    def add(self, stretch: Stretch) -> None:
        """Hear the next stretch."""
        self._n_samples += stretch.samples.size
        for index, channel in enumerate(self._channels):
            channel.add(np.ascontiguousarray(stretch.samples[:, index]))

    def report(self) -> ClippingReport:
        """Return how much of the samples so far is clipped."""
        counts = np.array([channel.counts() for channel in self._channels])
        n_clipped, n_runs, _ = counts.sum(axis=0).tolist()
        return ClippingReport(
            ratio=n_clipped / max(1, self._n_samples),
            n_samples=n_clipped,
            n_runs=n_runs,
            longest_run_samples=int(counts[:, 2].max()),
        )


class _Channel:
    """Flat tops of one channel."""

    def __init__(self, longest_flat: int) -> None:
        self._n_runs = 0
        self._longest = 0
        self._n_flat = 0
        self._longest_flat = longest_flat
        self._tops = _Top(1.0), _Top(-1.0)
        self._tail = np.zeros(0, np.float32)

    def counts(self) -> tuple[int, int, int]:
        """Return clipped samples, flat tops, and the length of the longest."""
        n_single = sum(top.n_single for top in self._tops)
        if self._n_flat + n_single < _FEWEST_SAMPLES:
            return 0, 0, 0
        return self._n_flat + n_single, self._n_runs, self._longest

    def add(self, samples: NDArray[np.float32]) -> None:
        joined = np.concatenate([self._tail, samples])
        for top in self._tops:
            top.hear(samples)
        starts, ends = _flats(joined)
        if len(starts):
            self._add_flats(joined, starts, ends)
        # A run that may go on is looked at again, with the sample before it.
        is_other = joined[-self._longest_flat - 2 : -1] != joined[-1]
        n_open = len(is_other) - int(np.flatnonzero(is_other)[-1]) if is_other.any() else 0
        self._tail = joined[-(n_open or self._longest_flat) - 1 :].copy()

    def _add_flats(
        self, joined: NDArray[np.float32], starts: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> None:
        high, low = float(joined.max()), float(joined.min())
        value = joined[starts]
        is_top = (value > 0) & (value >= _TOP_SHARE * high)
        is_top |= (value < 0) & (value <= _TOP_SHARE * low)
        is_top &= (starts > 0) & (ends < len(joined)) & (ends - starts <= self._longest_flat)
        starts, ends, value = starts[is_top], ends[is_top], value[is_top]
        if not len(starts):
            return
        sides = np.stack([value - joined[starts - 1], value - joined[ends]]) * np.sign(value)
        step = _step(joined)
        is_cut = (sides > 0.0).all(axis=0) & (sides.sum(axis=0) >= _FEWEST_STEPS * step)
        is_cut &= np.abs(value) >= _LOWEST_STEPS * step
        lengths, value = (ends - starts)[is_cut], value[is_cut]
        self._n_runs += len(lengths)
        self._longest = max(self._longest, int(lengths.max(initial=0)))
        self._n_flat += int(lengths.sum())
        for top in self._tops:
            top.n_flat += int(lengths[value == top.value].sum())


class _Top:
    """How often the highest value of one sign comes up, and what lies just below it."""

    def __init__(self, sign: float) -> None:
        self.value = 0.0
        self.n_flat = 0
        self._sign = sign
        self._n_hits = 0
        self._n_near = 0
        self._n_heard = 0
        self._step = 0.0

    @property
    def n_single(self) -> int:
        """Samples at the limit, beyond those in flat tops; 0 where there is no limit."""
        n_steps = self._band / max(self._step, _FINEST_STEP)
        by_chance = self._n_near / max(1.0, n_steps)
        is_limit = self._n_hits >= max(_FEWEST_SAMPLES, _HITS_OVER_CHANCE * by_chance)
        is_limit &= self._n_hits <= _MOST_HITS * self._n_heard
        return max(0, self._n_hits - self.n_flat) if is_limit else 0

    @property
    def _band(self) -> float:
        widest = abs(self.value) / 2.0
        return min(widest, max((1.0 - _NEAR_TOP) * abs(self.value), _NEAR_STEPS * self._step))

    def hear(self, samples: NDArray[np.float32]) -> None:
        self._n_heard += len(samples)
        extreme = float(samples.max()) if self._sign > 0 else float(samples.min())
        if extreme * self._sign <= _NEAR_TOP * self.value * self._sign:
            return
        if extreme * self._sign > self.value * self._sign:
            self.value = extreme
            self.n_flat = self._n_hits = self._n_near = 0
            self._step = _step(samples)
        n_hits = int(np.count_nonzero(samples == np.float32(self.value)))
        lowest = self.value - self._sign * self._band
        is_near = samples >= lowest if self._sign > 0 else samples <= lowest
        self._n_near += int(np.count_nonzero(is_near)) - n_hits
        self._n_hits += n_hits


def _flats(samples: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where runs of three equal samples and more begin, and where they have ended."""
    is_same = samples[1:] == samples[:-1]
    position = np.flatnonzero(is_same[1:] & is_same[:-1])
    is_first = np.diff(position, prepend=-2) > 1
    is_last = np.diff(position, append=len(samples) + 2) > 1
    return position[is_first], position[is_last] + _SHORTEST_FLAT


def _step(samples: NDArray[np.float32]) -> float:
    """Return the finest difference between two values in the upper part of a stretch.

    Where all are the same, nothing finer is known than the value itself.
    """
    size = np.abs(samples)
    upper = np.sort(size[size >= _TOP_SHARE / 2 * float(size.max())])
    steps = np.diff(upper)
    steps = steps[steps > _FINEST_STEP]
    return float(steps.min()) if len(steps) else float(size.max())
