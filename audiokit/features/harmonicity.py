"""From how alike two periods are to how much of their power repeats."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from audiokit.features.pitch_settings import HARMONICITY_FLOOR_DB

__all__ = ["MOST_HARMONICITY_DB", "harmonicity_db"]

MOST_HARMONICITY_DB = 40.0
"""Harmonicity of what repeats so well that the rest is rounding."""

Number = TypeVar("Number", np.float32, np.float64)


def harmonicity_db(likeness: NDArray[Number]) -> NDArray[Number]:
    """Return the power of what repeats over that of the rest, -20 to 40 dB.

    Args:
        likeness: Correlation of two periods, of any shape.

    References:
        P. Boersma, "Accurate short-term analysis of the fundamental frequency and the
        harmonics-to-noise ratio of a sampled sound", IFA Proceedings 17, 1993, equation 4.
    """
    kind = likeness.dtype.type
    most = 10.0 ** (MOST_HARMONICITY_DB / 10.0)
    least = 10.0 ** (HARMONICITY_FLOOR_DB / 10.0)
    share = np.minimum(
        np.maximum(likeness, kind(least / (1.0 + least))), kind(most / (1.0 + most))
    )
    ratio_db = kind(10.0) * np.log10(share / (kind(1.0) - share))
    # Rounding takes the ends a hair beyond themselves.
    floored = np.maximum(ratio_db, kind(HARMONICITY_FLOOR_DB))
    limited: NDArray[Number] = np.minimum(floored, kind(MOST_HARMONICITY_DB))
    return limited
