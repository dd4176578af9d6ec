"""Gated means and ranges of block powers, in constant memory."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["GatedPowers", "loudness_lufs"]

# BS.1770-5 Annex 1: the offset that makes a 997 Hz sine at 0 dBFS read -3.01.
_OFFSET_LU = -0.691
_ABSOLUTE_GATE_LUFS = -70.0
# Relative gates, as ratios of power: -10 LU in BS.1770-5, -20 LU in EBU Tech 3342.
_PROGRAMME_GATE = 0.1
_RANGE_GATE = 0.01
_RANGE_QUANTILES = (0.10, 0.95)

_BINS_PER_LU = 100
_N_BINS = 120 * _BINS_PER_LU


def loudness_lufs(power: float) -> float | None:
    """Return the loudness of a K-weighted mean square; None for silence."""
    # -200 LUFS: what is left of a stream of zeros after a filter, if anything.
    return _OFFSET_LU + 10.0 * math.log10(power) if power > 1e-20 else None


class GatedPowers:
    """A histogram of block powers that passed the absolute gate.

    A bin is 0.01 LU wide and keeps the sum of its powers, not their middle: means are
    exact, and a relative gate can only err among blocks that share its bin. A day takes
    as much memory as a second.
    """

    def __init__(self) -> None:
        self._counts = np.zeros(_N_BINS, np.int64)
        self._sums = np.zeros(_N_BINS)

    def add(self, powers: NDArray[np.float64]) -> None:
        """Count the blocks among `powers` that are louder than -70 LUFS."""
        gate = 10.0 ** ((_ABSOLUTE_GATE_LUFS - _OFFSET_LU) / 10.0)
        heard = powers[powers > gate]
        level_lu = 10.0 * np.log10(heard) + (_OFFSET_LU - _ABSOLUTE_GATE_LUFS)
        bins = np.clip((level_lu * _BINS_PER_LU).astype(np.int64), 0, _N_BINS - 1)
        # One after the other: the same sum for any cutting of the stream.
        np.add.at(self._sums, bins, heard)
        np.add.at(self._counts, bins, 1)

    def merge(self, other: GatedPowers) -> None:
        """Count the blocks of another stream too."""
        self._counts += other._counts
        self._sums += other._sums

    def integrated_lufs(self) -> float | None:
        """Return the loudness of all that passes both gates; None if nothing does."""
        counts, powers = self._gated(_PROGRAMME_GATE)
        if not counts.size:
            return None
        return loudness_lufs(float((counts * powers).sum() / counts.sum()))

    def range_lu(self) -> float | None:
        """Return the spread between quiet and loud blocks; None if nothing was heard.

        References:
            EBU Tech 3342: from the 10th to the 95th percentile, by nearest rank.
        """
        counts, powers = self._gated(_RANGE_GATE)
        if not counts.size:
            return None
        ranked = np.cumsum(counts)
        low, high = (
            powers[np.searchsorted(ranked, math.floor((ranked[-1] - 1) * part + 0.5), "right")]
            for part in _RANGE_QUANTILES
        )
        return 10.0 * math.log10(high / low)

    def _gated(self, gate: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return counts and mean powers of the bins above the relative gate, quiet to loud."""
        filled = np.flatnonzero(self._counts)
        counts, sums = self._counts[filled], self._sums[filled]
        if not filled.size:
            return counts, sums
        powers = sums / counts
        passed = powers > gate * sums.sum() / counts.sum()
        return counts[passed], powers[passed]
