"""A little more or less time for the same sound, one pitch period at once.

References:
    W. Verhelst, M. Roelands, "An overlap-add technique based on waveform similarity (WSOLA) for
    high quality time-scale modification of speech", ICASSP 1993.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.stage import Block, StreamFormat

__all__ = ["Stretcher"]

_SHORTEST_S, _LONGEST_S = 0.0025, 0.015
# Waves are compared at this rate first, then finely around the best.
_COARSE_HZ = 4000
# Below this mean square (-60 dBFS), no join can be heard.
_QUIET = 1e-6


class Stretcher:
    """Insert or remove one period of a sound, cross-faded over its whole length.

    The period is where the sound resembles itself most, 2.5 to 15 ms. All channels move
    together.

    Args:
        fmt: Format of the blocks.

    Attributes:
        longest_samples: Most that one call inserts or removes.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        self.fmt = fmt
        self._shortest = max(2, round(_SHORTEST_S * fmt.sample_rate))
        self.longest_samples = max(self._shortest + 1, round(_LONGEST_S * fmt.sample_rate))
        self._stride = max(1, fmt.sample_rate // _COARSE_HZ)
        lengths = range(self._shortest, self.longest_samples + 1)
        self._fades = {
            length: (np.arange(length, dtype=np.float32) + np.float32(0.5))[:, np.newaxis]
            / np.float32(length)
            for length in lengths
        }

    def lengthen(self, played: Block, block: Block, *, likeness: float) -> Block | None:
        """Return a block with the period before it heard twice.

        Args:
            played: What was heard before, `longest_samples` or more.
            block: What comes next, at least `longest_samples`.
            likeness: Least normalised correlation of what is joined, -1 to 1.

        Returns:
            ``(samples + period, channels)``; None where no period is alike enough.
        """
        longest = self.longest_samples
        both = np.concatenate([played[-longest:], block[:longest]])
        period = self._period(both, likeness)
        if period is None:
            return None
        fade = self._fades[period]
        again = played[-period:]
        joined = block[:period] + (again - block[:period]) * fade
        # Faded over its whole length, the period ends as it did before: with what follows.
        return np.concatenate([joined, block])

    def shorten(self, block: Block, *, likeness: float) -> Block | None:
        """Return a block with its first two periods faded into one.

        Args:
            block: At least twice `longest_samples`.
            likeness: Least normalised correlation of what is joined, -1 to 1.

        Returns:
            ``(samples - period, channels)``; None where no period is alike enough.
        """
        longest = self.longest_samples
        period = self._period_at_start(block[: 2 * longest], likeness)
        if period is None:
            return None
        fade = self._fades[period]
        first, second = block[:period], block[period : 2 * period]
        joined = first + (second - first) * fade
        return np.concatenate([joined, block[2 * period :]])

    def _period(self, both: Block, likeness: float) -> int | None:
        """Return the lag at which what follows the middle resembles what precedes it."""
        mono = both[:, 0] if both.shape[1] == 1 else both.mean(axis=1)
        half = len(mono) // 2
        return self._best_lag(mono[::-1].copy(), half, likeness)

    def _period_at_start(self, block: Block, likeness: float) -> int | None:
        mono = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)
        return self._best_lag(np.ascontiguousarray(mono), len(mono) // 2, likeness)

    def _best_lag(self, mono: NDArray[np.float32], half: int, likeness: float) -> int | None:
        """Return the lag of the best match of the first `half` samples further on."""
        if float(np.dot(mono, mono)) < _QUIET * len(mono):
            return (self._shortest + self.longest_samples) // 2
        lags, score = self._coarse(mono, half)
        # The lower harmonics, which are all that was compared, are more alike than the rest.
        if score < likeness:
            return None
        best, score = self._fine(mono, half, lags)
        return best if score >= likeness else None

    def _coarse(self, mono: NDArray[np.float32], half: int) -> tuple[range, float]:
        """Return the lags worth a closer look, and how alike the best of them is roughly."""
        step = self._stride
        width = half // step * step
        # Sums do as means would: likeness knows no scale.
        slow = np.add.reduce(mono[: len(mono) // step * step].reshape(-1, step), axis=1)
        n_window = width // step
        window = slow[:n_window]
        first = -(-self._shortest // step)
        scores = _likeness(slow, window, first, len(slow) - n_window)
        best = int(scores.argmax())
        centre = (first + best) * step
        low = max(self._shortest, centre - step)
        last = max(low, min(self.longest_samples, centre + step))
        return range(low, last + 1), float(scores[best])

    def _fine(self, mono: NDArray[np.float32], half: int, lags: range) -> tuple[int, float]:
        n_window = min(half, len(mono) - lags[-1])
        scores = _likeness(mono, mono[:n_window], lags[0], lags[-1])
        best = int(scores.argmax())
        return lags[0] + best, float(scores[best])


def _likeness(
    mono: NDArray[np.float32], window: NDArray[np.float32], first: int, last: int
) -> NDArray[np.float64]:
    """Return the normalised correlation of a window with the signal at lags first to last."""
    n_window = len(window)
    part = mono[first : last + n_window]
    products = np.correlate(part, window, "valid")
    energy = np.zeros(len(part) + 1)
    np.cumsum(part * part, out=energy[1:])
    power = energy[n_window:] - energy[:-n_window]
    own = float(np.dot(window, window))
    scores: NDArray[np.float64] = products / np.sqrt(np.maximum(power * own, 1e-12))
    return scores
