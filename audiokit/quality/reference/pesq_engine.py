"""PESQ by the package of that name: the only place that imports it."""

from __future__ import annotations

import importlib.util

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import MissingExtraError, SettingError
from audiokit.quality.reference.excerpts import spoken_excerpts

__all__ = ["RATES_HZ", "is_installed", "measure_pesq"]

RATES_HZ = {"wb": 16000, "nb": 8000}
"""The sample rate in Hz of each mode: wide band, and narrow band."""

_SHORTEST_S = 0.25


def is_installed() -> bool:
    """Return whether the package is there."""
    return importlib.util.find_spec("pesq") is not None


def measure_pesq(
    reference: NDArray[np.float32], recording: NDArray[np.float32], *, mode: str
) -> float | None:
    """Return PESQ as MOS-LQO, 1.0 to 4.6; None where no speech is found.

    What is longer than 30 s is measured in excerpts of about 20 s, and the mean is taken over
    those in which somebody speaks.

    Args:
        reference: ``(samples,)`` at the rate of the mode.
        recording: As long, aligned.
        mode: ``wb`` at 16 kHz (P.862.2), or ``nb`` at 8 kHz (P.862.1).

    Raises:
        MissingExtraError: The package is not installed.
        SettingError: There is no such mode.

    References:
        ITU-T P.862 (02/2001), P.862.1 (11/2003), P.862.2 (11/2007).
    """
    if mode not in RATES_HZ:
        raise SettingError("mode", mode, "wb or nb")
    if not is_installed():
        raise MissingExtraError("PESQ", "quality")
    rate = RATES_HZ[mode]
    if len(reference) < _SHORTEST_S * rate:
        return None
    excerpts = spoken_excerpts(reference, recording, rate)
    found = [_pesq(clean, other, mode) for clean, other in excerpts]
    values = [value for value in found if value is not None]
    return float(np.mean(values)) if values else None


def _pesq(
    reference: NDArray[np.float32], recording: NDArray[np.float32], mode: str
) -> float | None:
    from pesq import NoUtterancesError, pesq

    try:
        return float(pesq(RATES_HZ[mode], reference, recording, mode))
    except NoUtterancesError:
        return None
