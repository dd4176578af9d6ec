"""How often values occur, the old ones counting less and less."""

from __future__ import annotations

import math

__all__ = ["FadingHistogram"]

_LARGEST_WEIGHT = 1e9


class FadingHistogram:
    """Counts in bins from 0 on, that fade as more is counted.

    What is new weighs more, instead of all that is old less: one multiplication per entry.

    Args:
        n_bins: How many there are; the last one takes what lies beyond.
        memory: How many entries it takes until an old one counts 1/e of a new one.

    Attributes:
        bins: The counts, in units that grow; only their ratios mean anything.
        weight: What a new entry counts, in the same units.
    """

    def __init__(self, n_bins: int, *, memory: float) -> None:
        self.bins = [0.0] * n_bins
        self.weight = 1.0
        self._growth = math.exp(1.0 / memory)
        self._last = n_bins - 1

    def fade(self) -> None:
        """Let all that is counted so far count a little less."""
        self.weight *= self._growth
        if self.weight > _LARGEST_WEIGHT:
            self.bins = [count / self.weight for count in self.bins]
            self.weight = 1.0

    def add(self, index: int) -> None:
        """Count one in a bin."""
        self.bins[min(self._last, index)] += self.weight

    def add_from(self, first: int, after: int) -> None:
        """Count one in each bin from `first` to before `after`."""
        for index in range(first, min(after, self._last + 1)):
            self.bins[index] += self.weight

    def shift(self, n_bins: int) -> None:
        """Move all counts down by so many bins, or up if negative; the ends collect."""
        bins = self.bins
        if n_bins > 0:
            moved = [sum(bins[: n_bins + 1]), *bins[n_bins + 1 :]]
            self.bins = moved + [0.0] * (len(bins) - len(moved))
        elif n_bins < 0:
            moved = [0.0] * min(-n_bins, self._last) + bins
            self.bins = [*moved[: self._last], sum(moved[self._last :])]
