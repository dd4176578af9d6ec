"""Mel-frequency cepstral coefficients."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from audiokit.features.aligned import aligned_product
from audiokit.features.spectrum import FrameGroup

__all__ = ["MfccFamily"]


@lru_cache(maxsize=16)
def _cosines(n_mels: int, n_mfcc: int) -> NDArray[np.float32]:
    """Return the orthonormal DCT-II, ``(n_mels, n_mfcc)``; read-only."""
    angles = np.pi * np.outer(np.arange(n_mels) + 0.5, np.arange(n_mfcc)) / n_mels
    scale = np.full(n_mfcc, np.sqrt(2.0 / n_mels))
    scale[0] = np.sqrt(1.0 / n_mels)
    cosines = np.ascontiguousarray(np.cos(angles) * scale, dtype=np.float32)
    cosines.flags.writeable = False
    return cosines


class MfccFamily:
    """``mfcc_00`` …: the mel levels in dB, as orthonormal cosine coefficients.

    librosa limits the levels to 80 dB below the loudest of the *whole* file first; a
    stream does not know it, so nothing is limited here (librosa's ``top_db=None``).

    Args:
        n_mels: Bands that go in.
        n_mfcc: Coefficients that come out; at most `n_mels`.
    """

    def __init__(self, *, n_mels: int, n_mfcc: int) -> None:
        self.columns = tuple(f"mfcc_{index:02d}" for index in range(n_mfcc))
        self._cosines = _cosines(n_mels, n_mfcc)

    def rows(self, group: FrameGroup) -> NDArray[np.float32]:
        """Return ``(frames, n_mfcc)`` in dB."""
        return aligned_product(group.mel_db, self._cosines, first=group.first)
