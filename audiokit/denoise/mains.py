"""Finding mains hum: steady lines at the multiples of 50 or 60 Hz."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["FRAME_HOPS", "LineSpectra", "MainsFinder"]

Steps = NDArray[np.complex128]
LineSpectra = NDArray[np.complex64]
"""Low bins of successive spectra, ``(frames, channels, bins)``.

Scaled so that a tone in the middle of a bin has its amplitude there.
"""

FRAME_HOPS = 4
"""From one frame to the next that shares no sample with it: a steady tone goes on there."""

# A voice fills at most every second multiple of 50 Hz, so that four of the first six, two of
# them odd, ...
_FIRST_LINES = 6
_ENOUGH_LINES, _ENOUGH_ODD_LINES = 4, 2
# ... may be believed after a moment, and one alone only after a second: that of the mains or
# of their rectifier. Higher up, a voice holds its notes so long.
_LONE_LINES = 2
_FAST_S, _FAST_FRAMES, _FAST_STEADINESS = 0.2, 4, 0.85
_SLOW_S, _SLOW_FRAMES, _SLOW_STEADINESS = 1.0, 40, 0.8
_HIGHEST_HZ = 500.0
# The ends of the range are there to tell what lies beyond it, such as a motor's slip.
_DRIFT_HZ = 0.525
_STEPS = 43
_STEADY = np.array([[_FAST_STEADINESS], [_SLOW_STEADINESS]])
# Of an amplitude of -90 dBFS: nobody hears hum below.
_SILENCE = 1e-9
# Cosine of the angle by which a line may miss the common frequency.
_IN_STEP = 0.8


class MainsFound(NamedTuple):
    """What was found.

    Args:
        fundamental_hz: Its frequency, to about 0.05 Hz.
        confidence: Mean steadiness of the lines that told, 0 to 1.
    """

    fundamental_hz: float
    confidence: float


class MainsFinder:
    """Tell whether the mains hum in a stream, and at which frequency.

    A bin is as steady as its phase goes on from each frame to the fourth after, whatever
    its level: a pause counts as much as a loud syllable. A voice glides, so its lines are
    not steady for long; the mains' are, and all step by one frequency.

    Args:
        candidates_hz: Fundamentals to look for, each to half a hertz.
        bin_hz: Distance of the bins; a frame lasts one over this, and the next begins
            after a quarter of that.
    """

    def __init__(self, candidates_hz: Sequence[float], *, bin_hz: float) -> None:
        self._combs = [_Comb(hz, bin_hz=bin_hz) for hz in candidates_hz]
        self._bins = np.concatenate([comb.bins for comb in self._combs])
        edges = np.cumsum([0, *(len(comb.bins) for comb in self._combs)]).tolist()
        self._slices = [slice(*pair) for pair in pairwise(edges)]
        frame_s = 1.0 / (FRAME_HOPS * bin_hz)
        self._rates = np.array(
            [[-math.expm1(-frame_s / _FAST_S)], [-math.expm1(-frame_s / _SLOW_S)]]
        )
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._recent: LineSpectra | None = None
        self._sums = np.zeros((2, len(self._bins)), np.complex128)
        self._n_heard = 0

    def look(self, spectra: LineSpectra) -> tuple[int, MainsFound] | None:
        """Take the next spectra, up to where mains hum is certain.

        Returns:
            The number of the frame that made it certain, and what was found; the frames
            behind it have not been looked at. None when nothing was found in any.
        """
        lines = spectra[..., self._bins]
        if self._recent is not None:
            lines = np.concatenate([self._recent, lines])
        self._recent = lines[-FRAME_HOPS:]
        if len(lines) <= FRAME_HOPS:
            return None
        n_before = len(lines) - len(spectra)
        for number, means in enumerate(self._means(lines), start=FRAME_HOPS - n_before):
            found = self._judge(means)
            if found:
                return number, max(found, key=lambda one: one.confidence)
        return None

    def _means(self, lines: LineSpectra) -> Iterator[Steps]:
        """Yield the mean steps of all bins after each frame, over the short and the long run."""
        product = lines[FRAME_HOPS:] * lines[:-FRAME_HOPS].conj()
        # Channels are summed with their phases: the sign of a channel does not matter.
        steps = product.sum(axis=1) / (np.abs(product).sum(axis=1) + _SILENCE)
        for step in steps:
            self._n_heard += 1
            self._sums += self._rates * (step - self._sums)
            yield self._sums / (1.0 - (1.0 - self._rates) ** self._n_heard)

    def _judge(self, means: Steps) -> list[MainsFound]:
        if self._n_heard < _FAST_FRAMES:
            return []
        found: list[MainsFound] = []
        fast, slow = np.abs(means) >= _STEADY
        for comb, lines in zip(self._combs, self._slices, strict=True):
            if self._n_heard >= _SLOW_FRAMES and slow[lines].any():
                found += comb.judge(means[1, lines], steadiness=_SLOW_STEADINESS, n_lines=1)
            first = slice(lines.start, lines.start + _FIRST_LINES)
            if np.count_nonzero(fast[first]) >= _ENOUGH_LINES:
                found += comb.judge(
                    means[0, first], steadiness=_FAST_STEADINESS, n_lines=_ENOUGH_LINES
                )
        return found


class _Comb:
    """The lines of one fundamental."""

    def __init__(self, fundamental_hz: float, *, bin_hz: float) -> None:
        self._fundamental_hz = fundamental_hz
        self._numbers = np.arange(1, int(_HIGHEST_HZ / fundamental_hz) + 1)
        self.bins = np.rint(self._numbers * fundamental_hz / bin_hz).astype(int)
        self._drifts_hz = np.linspace(-_DRIFT_HZ, _DRIFT_HZ, _STEPS)
        # How far each line turns in the time of a frame, for every drift.
        turns = np.outer(fundamental_hz + self._drifts_hz, self._numbers) / bin_hz
        self._unturn = np.exp(-2j * np.pi * turns)

    def judge(self, steps: Steps, *, steadiness: float, n_lines: int) -> list[MainsFound]:
        """Return what the mean steps of the lines prove, if enough lines are steady."""
        size = np.abs(steps)
        steady = size >= steadiness
        if np.count_nonzero(steady) < n_lines:
            return []
        turned = (steps * steady * self._unturn[:, : len(steps)]).real
        best = int(np.argmax(turned.sum(axis=1)))
        in_step = turned[best] >= _IN_STEP * np.maximum(size, steadiness)
        if best in (0, _STEPS - 1) or not _are_enough(in_step, n_lines):
            return []
        # Every line that agrees speaks for this fundamental rather than the other.
        confidence = float(turned[best][in_step].sum()) / len(steps)
        return [MainsFound(self._fundamental_hz + float(self._drifts_hz[best]), confidence)]


def _are_enough(in_step: NDArray[np.bool_], n_lines: int) -> bool:
    """Tell whether no voice has just these lines."""
    n_found = np.count_nonzero(in_step)
    if n_lines == 1:
        return bool(n_found > 1 or in_step[:_LONE_LINES].any())
    return bool(n_found >= n_lines and np.count_nonzero(in_step[::2]) >= _ENOUGH_ODD_LINES)
