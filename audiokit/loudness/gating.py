"""Gated means and ranges of block powers, in constant memory."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "GATING_BLOCK_S",
    "GATING_STEP_S",
    "PowerDistribution",
    "PowerHistogram",
    "loudness_lufs",
]

# BS.1770-5 Annex 1: the offset that makes a 997 Hz sine at 0 dBFS read -3.01.
_OFFSET_LU = -0.691
_ABSOLUTE_GATE_LUFS = -70.0
# Relative gates, as ratios of power: -10 LU in BS.1770-5, -20 LU in EBU Tech 3342.
_PROGRAMME_GATE = 0.1
_RANGE_GATE = 0.01
_RANGE_QUANTILES = (0.10, 0.95)

GATING_BLOCK_S, GATING_STEP_S = 0.4, 0.1
"""Length of a gating block, and from one to the next: BS.1770-5, Annex 1."""

_BINS_PER_LU = 100
# What is below the gate is counted too, as a gain may lift it above; not what is below
# the noise of 24 bits. The loudest that a stream can hold is +138 LUFS: 28800 bins.
_FLOOR_LUFS = -150.0
# Counted at once, because a call costs as much as hundreds of blocks.
_MIN_COUNTED = 1000


def loudness_lufs(power: float) -> float | None:
    """Return the loudness of a K-weighted mean square; None for silence."""
    # -200 LUFS: what is left of a stream of zeros after a filter, if anything.
    return _OFFSET_LU + 10.0 * math.log10(power) if power > 1e-20 else None


@dataclass(frozen=True, slots=True, eq=False)
class PowerDistribution:
    """How often which power occurred: what gated means and ranges follow from.

    A bin is 0.01 LU wide and keeps the sum of its powers, not their middle: means are
    exact, and a gate can only err among blocks that share its bin. Small where levels
    are few, and never more than 28800 bins.

    Args:
        bins: ``(filled,)``: which bins hold anything, from quiet to loud.
        counts: ``(filled,)``: how many blocks.
        sums: ``(filled,)``: of their powers.
    """

    bins: NDArray[np.int64]
    counts: NDArray[np.int64]
    sums: NDArray[np.float64]

    def integrated_lufs(self, gain_db: float = 0.0) -> float | None:
        """Return the loudness of all that passes both gates; None if nothing does.

        Args:
            gain_db: A gain that all blocks have had since: it lifts some above the
                absolute gate, which stays where it is.

        References:
            ITU-R BS.1770-5, Annex 1.
        """
        counts, powers = self._gated(_PROGRAMME_GATE, gain_db)
        if not counts.size:
            return None
        return loudness_lufs(float((counts * powers).sum() / counts.sum()))

    def range_lu(self, gain_db: float = 0.0) -> float | None:
        """Return the spread between quiet and loud blocks; None if nothing passes the gates.

        Args:
            gain_db: As for `integrated_lufs`.

        References:
            EBU Tech 3342: from the 10th to the 95th percentile, by nearest rank.
        """
        counts, powers = self._gated(_RANGE_GATE, gain_db)
        if not counts.size:
            return None
        low, high = (powers[_nearest_rank(counts, part)] for part in _RANGE_QUANTILES)
        return 10.0 * math.log10(high / low)

    def quantile(self, part: float) -> float | None:
        """Return the power that so large a part (0 to 1) stays below; None if empty."""
        if not self.counts.size:
            return None
        rank = _nearest_rank(self.counts, part)
        return float(self.sums[rank] / self.counts[rank])

    def merged_with(self, other: PowerDistribution) -> PowerDistribution:
        """Return the distribution of both streams together."""
        bins, places = np.unique(np.concatenate([self.bins, other.bins]), return_inverse=True)
        counts, sums = np.zeros(len(bins), np.int64), np.zeros(len(bins))
        np.add.at(counts, places, np.concatenate([self.counts, other.counts]))
        np.add.at(sums, places, np.concatenate([self.sums, other.sums]))
        return PowerDistribution(bins, counts, sums)

    def after_gain(self, gain_db: float) -> PowerDistribution:
        """Return the distribution of the same stream after a constant gain."""
        bins = self.bins + round(gain_db * _BINS_PER_LU)
        # What falls below the floor is no longer counted; nothing real rises above the top.
        kept = bins >= 0
        sums = self.sums * 10.0 ** (gain_db / 10.0)
        return PowerDistribution(bins[kept], self.counts[kept], sums[kept])

    def _gated(
        self, relative_gate: float, gain_db: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return counts and mean powers of the bins above both gates, quiet to loud."""
        powers = self.sums / self.counts * 10.0 ** (gain_db / 10.0)
        heard = powers > 10.0 ** ((_ABSOLUTE_GATE_LUFS - _OFFSET_LU) / 10.0)
        counts, powers = self.counts[heard], powers[heard]
        if not counts.size:
            return counts, powers
        passed = powers > relative_gate * (counts * powers).sum() / counts.sum()
        return counts[passed], powers[passed]


class PowerHistogram:
    """Counts block powers above -150 LUFS. A day takes as much memory as a minute."""

    def __init__(self) -> None:
        self._counted = _distribution_of(np.zeros(0))
        self._waiting: list[NDArray[np.float64]] = []
        self._n_waiting = 0

    def add(self, powers: NDArray[np.float64]) -> None:
        """Count the blocks among `powers` that are louder than -150 LUFS.

        Args:
            powers: Mean squares, ``(blocks,)``; not to be written to afterwards.
        """
        self._waiting.append(powers)
        self._n_waiting += len(powers)
        if self._n_waiting >= _MIN_COUNTED:
            self._counted = self.distribution()
            self._waiting, self._n_waiting = [], 0

    def distribution(self) -> PowerDistribution:
        """Return what was counted so far."""
        if not self._n_waiting:
            return self._counted
        return self._counted.merged_with(_distribution_of(np.concatenate(self._waiting)))


def _distribution_of(powers: NDArray[np.float64]) -> PowerDistribution:
    """Return the distribution of some powers."""
    heard = powers[powers > 10.0 ** ((_FLOOR_LUFS - _OFFSET_LU) / 10.0)]
    level_lu = 10.0 * np.log10(heard) + (_OFFSET_LU - _FLOOR_LUFS)
    bins, places = np.unique((level_lu * _BINS_PER_LU).astype(np.int64), return_inverse=True)
    n_bins = len(bins)
    counts = np.bincount(places, minlength=n_bins).astype(np.int64)
    sums = np.asarray(np.bincount(places, weights=heard, minlength=n_bins), np.float64)
    return PowerDistribution(bins, counts, sums)


def _nearest_rank(counts: NDArray[np.int64], part: float) -> int:
    """Return the bin in which so large a part of all blocks is reached."""
    ranked = np.cumsum(counts)
    return int(np.searchsorted(ranked, math.floor((ranked[-1] - 1) * part + 0.5), "right"))
