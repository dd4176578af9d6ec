"""The filters, semitones and blocks of pyAudioAnalysis on a frame rule."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError
from audiokit.features.grid import FrameGrid

__all__ = ["N_BLOCKS", "N_MFCC", "ShortTermTables", "short_term_tables"]

N_BLOCKS = 10
"""Into how many blocks the entropies cut a frame, or its spectrum."""

N_MFCC = 13
"""Cepstral coefficients of a row."""

# 13 filters equally far apart from 133.33 Hz, then 27 by a constant factor.
_N_LINEAR, _N_LOGARITHMIC = 13, 27
_LOWEST_HZ, _SPACING_HZ, _FACTOR = 133.33, 200.0 / 3.0, 1.0711703
_A0_HZ = 27.5


@dataclass(frozen=True, slots=True)
class ShortTermTables:
    """What spectra are multiplied by; read-only, for every stream of a kind.

    Args:
        n_bins: How many bins count, from 0 Hz: half the window's samples, so that the one
            at half the sample rate is left out.
        filters: Of the magnitude, ``(bins of the transform, 40)``.
        cosines: The orthonormal DCT-II, ``(40, 13)``.
        moments: The bins' places in halves of the sample rate to the powers 0, 1 and 2,
            ``(bins of the transform, 3)``.
        semitones: Of the power, ``(bins of the transform, 12)``, A first.
    """

    n_bins: int
    filters: NDArray[np.float32]
    cosines: NDArray[np.float32]
    moments: NDArray[np.float64]
    semitones: NDArray[np.float32]


@lru_cache(maxsize=16)
def short_term_tables(grid: FrameGrid) -> ShortTermTables:
    """Return the tables of a frame rule.

    Raises:
        SettingError: The package's filters or semitones do not fit in; it fails there with
            an index error.
    """
    n_bins = grid.window_samples // 2
    # It counts a bin higher than it is.
    places = np.arange(1, n_bins + 1) / n_bins
    cosines = np.cos(np.pi * np.outer(np.arange(40) + 0.5, np.arange(N_MFCC)) / 40.0)
    cosines *= np.where(np.arange(N_MFCC) == 0, np.sqrt(1.0 / 40.0), np.sqrt(2.0 / 40.0))
    return ShortTermTables(
        n_bins,
        filters=_kept(grid, _filters(grid, n_bins) / n_bins),
        cosines=np.ascontiguousarray(cosines, np.float32),
        moments=np.ascontiguousarray(_below_top(grid, places[:, None] ** np.arange(3))),
        semitones=_kept(grid, _semitones(grid, n_bins)),
    )


def _below_top(grid: FrameGrid, table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return it with zeros for the bins that do not count."""
    n_missing = grid.n_fft // 2 + 1 - len(table)
    return np.pad(table, ((0, n_missing), (0, 0)))


def _kept(grid: FrameGrid, table: NDArray[np.float64]) -> NDArray[np.float32]:
    kept = np.ascontiguousarray(_below_top(grid, table), np.float32)
    kept.flags.writeable = False
    return kept


def _filters(grid: FrameGrid, n_bins: int) -> NDArray[np.float64]:
    """Return the triangles, ``(n_bins, 40)``."""
    n_edges = _N_LINEAR + _N_LOGARITHMIC + 2
    linear_hz = _LOWEST_HZ + np.arange(_N_LINEAR) * _SPACING_HZ
    steps = np.arange(1, n_edges - _N_LINEAR + 1)
    edges_hz = np.concatenate([linear_hz, linear_hz[-1] * _FACTOR**steps])
    # It takes the bins, which reach to half the sample rate, for ones that reach all the
    # way: each filter lies an octave lower than its name.
    edge_bins = np.floor(edges_hz * n_bins / grid.sample_rate).astype(int) + 1
    if edge_bins[-1] > n_bins:
        rule = f"above {edges_hz[-1]:.0f} Hz for pyAudioAnalysis' filters"
        raise SettingError("sample_rate", grid.sample_rate, rule, "Resample first.")
    bins_hz = np.arange(n_bins) / n_bins * grid.sample_rate
    filters = np.zeros((n_bins, n_edges - 2))
    for index, (low_hz, centre_hz, high_hz) in enumerate(
        zip(edges_hz[:-2], edges_hz[1:-1], edges_hz[2:], strict=True)
    ):
        start, middle, stop = edge_bins[index : index + 3]
        height = 2.0 / (high_hz - low_hz)
        rising, falling = slice(start, middle), slice(middle, stop)
        filters[rising, index] = height / (centre_hz - low_hz) * (bins_hz[rising] - low_hz)
        filters[falling, index] = height / (high_hz - centre_hz) * (high_hz - bins_hz[falling])
    return filters


def _semitones(grid: FrameGrid, n_bins: int) -> NDArray[np.float64]:
    """Return how much of each bin's power a semitone has, ``(n_bins, 12)``."""
    above_hz = np.arange(1, n_bins + 1) * (grid.sample_rate / (2.0 * n_bins))
    numbers = np.round(12.0 * np.log2(above_hz / _A0_HZ)).astype(int)
    if numbers[-1] >= n_bins:
        least_ms = 2000.0 * (numbers[-1] + 1) / grid.sample_rate
        rule = f"{least_ms:g} ms or more at {grid.sample_rate} Hz for pyAudioAnalysis' chroma"
        raise SettingError("window_ms", 1000.0 * grid.window_samples / grid.sample_rate, rule)
    # It writes the bins to their semitones one over the other: of those that share one, the
    # last remains. What it then divides by is how many share not that semitone, but the one
    # that the bin of the semitone's number belongs to. Below 27.5 Hz numbers are negative,
    # and count from the end.
    last = np.full(n_bins, -1)
    last[numbers] = np.arange(n_bins)
    n_sharing = np.array([np.count_nonzero(numbers == number) for number in numbers])
    semitones = np.zeros((n_bins, 12))
    for place in np.flatnonzero(last >= 0):
        semitones[last[place], place % 12] += 1.0 / n_sharing[numbers[place]]
    return semitones
