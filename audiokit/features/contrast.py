"""How far peaks stand above valleys, octave by octave."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.features.family import Family
from audiokit.features.grid import FrameGrid
from audiokit.features.levels import levels_of
from audiokit.features.plan import Plan
from audiokit.features.transform import FrameGroup

__all__ = ["ContrastFamily"]

_FIRST_EDGE_HZ = 200.0
_MOST_OCTAVES = 6
_SHARE = 0.02
_FLOOR = 1e-10


class ContrastFamily(Family):
    """``spectral_contrast_0_db`` …: peak over valley in each octave band, 0 dB or more.

    Bands are 0 to 200 Hz, octaves from there, and what is left at the top. Peak and
    valley are the means of the largest and smallest 2 % of the band's magnitudes, one
    bin at least. The numbers of ``librosa.feature.spectral_contrast``, so a dB here is
    one of 10 log10 of the *magnitude*; its limits, peaks at 80 dB below the loudest peak
    of the *whole* file and valleys at 80 dB below the loudest valley, are left out. Six
    octaves need more than 12.8 kHz; below that rate there are as many as begin under
    half of it.

    Args:
        plan: Where the bins lie.

    References:
        D. Jiang et al., "Music type classification by spectral contrast feature", ICME
        2002.
    """

    def __init__(self, plan: Plan) -> None:
        self._bands = _bands(plan.grid)
        self.columns = tuple(f"spectral_contrast_{index}_db" for index in range(len(self._bands)))

    def push(self, group: FrameGroup) -> NDArray[np.float32]:
        rows = np.empty((len(group.power), len(self._bands)), np.float32)
        for index, (band, n_bins) in enumerate(self._bands):
            valley, peak = _extremes(group.magnitude[:, band], n_bins)
            levels = levels_of(np.stack([valley, peak]), "db", floor=_FLOOR)
            np.subtract(levels[1], levels[0], out=rows[:, index])
        return rows


def _bands(grid: FrameGrid) -> list[tuple[slice, int]]:
    """Return the bins of each band, and how many of them make its peak and its valley."""
    edges_hz = _FIRST_EDGE_HZ * 2.0 ** np.arange(_MOST_OCTAVES)
    edges_hz = np.concatenate([[0.0], edges_hz[edges_hz < grid.sample_rate / 2.0]])
    bins_hz = grid.bins_hz
    bands = []
    for index, low_hz in enumerate(edges_hz):
        is_top = index == len(edges_hz) - 1
        high_hz = np.inf if is_top else edges_hz[index + 1]
        inside = np.flatnonzero((bins_hz >= low_hz) & (bins_hz <= high_hz))
        # librosa's octaves begin a bin early and end a bin early, so that each bin is in
        # one band; how many make 2 % is counted with both.
        start = inside[0] - (index > 0)
        stop = inside[-1] + 1
        n_bins = max(1, round(_SHARE * (stop - start)))
        bands.append((slice(int(start), int(stop if is_top else stop - 1)), n_bins))
    return bands


def _extremes(
    magnitude: NDArray[np.float32], n_bins: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the means of the smallest and largest bins of each row, ``(frames,)`` each."""
    if n_bins == 1:
        return magnitude.min(axis=1), magnitude.max(axis=1)
    ordered = np.sort(magnitude, axis=1)
    low = np.add.reduce(ordered[:, :n_bins], axis=1)
    high = np.add.reduce(ordered[:, -n_bins:], axis=1)
    return low / np.float32(n_bins), high / np.float32(n_bins)
