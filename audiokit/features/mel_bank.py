"""Mel bands: triangles over the bins of a spectrum."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from audiokit.features.aligned import aligned_product
from audiokit.features.grid import FrameGrid
from audiokit.features.levels import levels_of
from audiokit.features.presets import Levels, Preset
from audiokit.features.transform import FrameGroup

__all__ = ["MelBank", "MelLevels"]

# Slaney's scale: straight up to 1 kHz, then 27 steps for each factor of 6.4.
_HZ_PER_MEL = 200.0 / 3.0
_CORNER_HZ = 1000.0
_CORNER_MEL = _CORNER_HZ / _HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27.0


def _slaney_mel(frequency_hz: float) -> float:
    if frequency_hz < _CORNER_HZ:
        return frequency_hz / _HZ_PER_MEL
    return float(_CORNER_MEL + np.log(frequency_hz / _CORNER_HZ) / _LOG_STEP)


def _hz_from_slaney_mel(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    curved = _CORNER_HZ * np.exp(_LOG_STEP * (mels - _CORNER_MEL))
    return np.where(mels < _CORNER_MEL, mels * _HZ_PER_MEL, curved)


def _htk_mel(frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1127.0 * np.log1p(frequency_hz / 700.0)


def _triangles(places: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return triangles of height 1 between each three edges, ``(bands, places)``."""
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (places - low) / (centre - low)
    falling = (high - places) / (high - centre)
    return np.clip(np.minimum(rising, falling), 0.0, None)


def _slaney_weights(
    grid: FrameGrid, n_mels: int, fmin_hz: float, fmax_hz: float
) -> NDArray[np.float64]:
    mels = np.linspace(_slaney_mel(fmin_hz), _slaney_mel(fmax_hz), n_mels + 2)
    edges_hz = _hz_from_slaney_mel(mels)
    return _triangles(grid.bins_hz, edges_hz) * (2.0 / (edges_hz[2:] - edges_hz[:-2]))[:, None]


def _htk_weights(
    grid: FrameGrid, n_mels: int, fmin_hz: float, fmax_hz: float
) -> NDArray[np.float64]:
    ends = _htk_mel(np.array([fmin_hz, fmax_hz]))
    weights = _triangles(_htk_mel(grid.bins_hz), np.linspace(ends[0], ends[1], n_mels + 2))
    # Neither program looks at the bin at half the sample rate.
    weights[:, -1] = 0.0
    return weights


@lru_cache(maxsize=16)
def _weights(
    bands: str, grid: FrameGrid, n_mels: int, fmin_hz: float, fmax_hz: float
) -> NDArray[np.float32]:
    """Return the weights ``(bins, n_mels)``; read-only, for every stream of a kind."""
    make = _slaney_weights if bands == "slaney" else _htk_weights
    weights = np.ascontiguousarray(make(grid, n_mels, fmin_hz, fmax_hz).T, dtype=np.float32)
    weights.flags.writeable = False
    return weights


class MelBank:
    """Triangular bands, equally spaced in mel.

    ``slaney``: Slaney's scale, triangles over Hz, of equal area (librosa, Whisper).
    ``htk``: 1127 ln(1 + f / 700), triangles over mel, of equal height (HTK, Kaldi).

    Args:
        grid: Whose bins are weighted.
        preset: Which bands, how many, from where.
        top_hz: Where the highest band ends; at most half the sample rate.

    Attributes:
        weights: What the bins are multiplied by, ``(bins, n_mels)``, read-only.
        is_of_magnitude: The bins are magnitudes, else powers.

    References:
        M. Slaney, Auditory Toolbox, Technical Report 1998-010, Interval Research.
        The HTK Book 3.4, section 5.4.
    """

    def __init__(self, grid: FrameGrid, preset: Preset, *, top_hz: float) -> None:
        self.n_mels = preset.n_mels
        self.is_of_magnitude = preset.is_band_of_magnitude
        self.weights = _weights(preset.bands, grid, preset.n_mels, preset.fmin_hz, top_hz)

    @property
    def n_empty(self) -> int:
        """How many bands are so narrow that no bin falls into them."""
        return int(np.count_nonzero(self.weights.max(axis=0) == 0.0))

    def __call__(self, group: FrameGroup) -> NDArray[np.float32]:
        """Return the power of each band, ``(frames, n_mels)``; for HTK, the magnitude."""
        bins = group.magnitude if self.is_of_magnitude else group.power
        return aligned_product(bins, self.weights, first=group.first)


class MelLevels:
    """The bands of a bank in a unit.

    Args:
        bank: The bands.
        unit: See `levels_of`.
        floor: See `levels_of`.
    """

    def __init__(self, bank: MelBank, unit: Levels, *, floor: float) -> None:
        self._bank, self._unit, self._floor = bank, unit, floor

    def __call__(self, group: FrameGroup) -> NDArray[np.float32]:
        """Return the levels, ``(frames, n_mels)``."""
        return levels_of(group.of(self._bank), self._unit, floor=self._floor)
