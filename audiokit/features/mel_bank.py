"""Mel bands: triangles over the bins of a spectrum."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from audiokit.features.aligned import aligned_product
from audiokit.features.grid import FrameGrid

__all__ = ["FLOOR_DB", "MelBank"]

FLOOR_DB = -100.0
"""Lowest level of a band, in dB; digital silence has it."""

# Slaney's scale: straight up to 1 kHz, then 27 steps for each factor of 6.4.
_HZ_PER_MEL = 200.0 / 3.0
_CORNER_HZ = 1000.0
_CORNER_MEL = _CORNER_HZ / _HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27.0


def _mel_from_hz(frequency_hz: float) -> float:
    if frequency_hz < _CORNER_HZ:
        return frequency_hz / _HZ_PER_MEL
    return float(_CORNER_MEL + np.log(frequency_hz / _CORNER_HZ) / _LOG_STEP)


def _hz_from_mel(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    curved = _CORNER_HZ * np.exp(_LOG_STEP * (mels - _CORNER_MEL))
    return np.where(mels < _CORNER_MEL, mels * _HZ_PER_MEL, curved)


@lru_cache(maxsize=16)
def _triangles(
    grid: FrameGrid, n_mels: int, fmin_hz: float, fmax_hz: float
) -> NDArray[np.float32]:
    """Return the weights ``(bins, n_mels)``; read-only, for every stream of a kind."""
    mels = np.linspace(_mel_from_hz(fmin_hz), _mel_from_hz(fmax_hz), n_mels + 2)
    edges_hz = _hz_from_mel(mels)[:, None]
    low_hz, centre_hz, high_hz = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising = (grid.bins_hz - low_hz) / (centre_hz - low_hz)
    falling = (high_hz - grid.bins_hz) / (high_hz - centre_hz)
    triangles = np.clip(np.minimum(rising, falling), 0.0, None) * 2.0 / (high_hz - low_hz)
    weights = np.ascontiguousarray(triangles.T, dtype=np.float32)
    weights.flags.writeable = False
    return weights


class MelBank:
    """Triangular bands, equally spaced on Slaney's mel scale, of equal area.

    Args:
        grid: Whose bins are weighted.
        n_mels: How many bands.
        fmin_hz: Where the lowest band begins.
        fmax_hz: Where the highest band ends; at most half the sample rate.

    References:
        M. Slaney, Auditory Toolbox, Technical Report 1998-010, Interval Research.
    """

    def __init__(self, grid: FrameGrid, *, n_mels: int, fmin_hz: float, fmax_hz: float) -> None:
        self.n_mels = n_mels
        self._weights = _triangles(grid, n_mels, fmin_hz, fmax_hz)

    @property
    def n_empty(self) -> int:
        """How many bands are so narrow that no bin falls into them."""
        return int(np.count_nonzero(self._weights.max(axis=0) == 0.0))

    def levels_db(self, power: NDArray[np.float32], *, first: int) -> NDArray[np.float32]:
        """Return the level per band in dB, at least `FLOOR_DB`.

        Args:
            power: ``(frames, bins)``.
            first: Number of the first frame in the stream.

        Returns:
            ``(frames, n_mels)``.
        """
        levels = aligned_product(power, self._weights, first=first)
        np.maximum(levels, np.float32(10.0 ** (FLOOR_DB / 10.0)), out=levels)
        np.log10(levels, out=levels)
        levels *= np.float32(10.0)
        # The logarithm of a rounded floor lies a hair below it.
        np.maximum(levels, np.float32(FLOOR_DB), out=levels)
        return levels
