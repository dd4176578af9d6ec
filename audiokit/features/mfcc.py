"""Mel-frequency cepstral coefficients."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from audiokit.features.aligned import aligned_product
from audiokit.features.deltas import slope_streams
from audiokit.features.family import Family
from audiokit.features.plan import Plan
from audiokit.features.presets import Preset
from audiokit.features.transform import FrameGroup

__all__ = ["MfccFamily", "cosines_of"]


@lru_cache(maxsize=16)
def _cosines(
    n_mels: int, n_mfcc: int, lifter: int, *, is_orthonormal: bool
) -> NDArray[np.float32]:
    """Return the scaled DCT-II, ``(n_mels, n_mfcc)``; read-only."""
    angles = np.pi * np.outer(np.arange(n_mels) + 0.5, np.arange(n_mfcc)) / n_mels
    scale = np.full(n_mfcc, np.sqrt(2.0 / n_mels))
    if is_orthonormal:
        scale[0] = np.sqrt(1.0 / n_mels)
    if lifter:
        scale *= 1.0 + lifter / 2.0 * np.sin(np.pi * np.arange(n_mfcc) / lifter)
    cosines = np.ascontiguousarray(np.cos(angles) * scale, dtype=np.float32)
    cosines.flags.writeable = False
    return cosines


class MfccFamily(Family):
    """``mfcc_00`` …: the logarithms of the mel bands, as cosine coefficients, and slopes.

    librosa limits the levels to 80 dB below the loudest of the *whole* file first; a
    stream does not know it, so nothing is limited here (librosa's ``top_db=None``).
    Kaldi's first coefficient is that of the bands (``use_energy=false``), as is HTK's
    (``_0``).

    Args:
        plan: Bands, coefficients, lifter, and how slopes are fitted.
    """

    def __init__(self, plan: Plan) -> None:
        preset = plan.preset
        self._levels = plan.mel_levels
        self._cosines = cosines_of(preset)
        self._slopes = slope_streams(
            preset.slopes, n_columns=preset.n_mfcc, n_orders=preset.deltas
        )
        suffixes = ("", "_delta", "_delta2")[: preset.deltas + 1]
        self.columns = tuple(
            f"mfcc_{index:02d}{suffix}" for suffix in suffixes for index in range(preset.n_mfcc)
        )
        self.late_frames = sum(stream.late_frames for stream in self._slopes)

    def push(self, group: FrameGroup) -> NDArray[np.float32]:
        rows = aligned_product(group.of(self._levels), self._cosines, first=group.first)
        for stream in self._slopes:
            rows = stream.push(rows)
        return rows

    def finish(self) -> NDArray[np.float32]:
        rows = np.zeros((0, self._cosines.shape[1]), np.float32)
        for stream in self._slopes:
            rows = stream.push(rows)
            held = stream.finish()
            rows = rows if held is None else np.concatenate([rows, held])
        return rows


def cosines_of(preset: Preset) -> NDArray[np.float32]:
    """Return what makes cepstral coefficients of levels, ``(n_mels, n_mfcc)``; read-only."""
    return _cosines(
        preset.n_mels, preset.n_mfcc, preset.lifter, is_orthonormal=preset.is_dct_orthonormal
    )
