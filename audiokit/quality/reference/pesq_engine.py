"""PESQ by the package of that name: the only place that imports it."""

from __future__ import annotations

import importlib.util
import itertools

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import MissingExtraError, SettingError

__all__ = ["RATES_HZ", "is_installed", "measure_pesq"]

RATES_HZ = {"wb": 16000, "nb": 8000}
"""The sample rate in Hz of each mode: wide band, and narrow band."""

# The Recommendation was made for 8 to 20 s; the package counts no more than 50 utterances.
_EXCERPT_S = 20.0
_SHORTEST_S = 0.25
# An excerpt in which next to nothing is said would be measured on noise.
_QUIETEST = 1e-3


def is_installed() -> bool:
    """Return whether the package is there."""
    return importlib.util.find_spec("pesq") is not None


def measure_pesq(
    reference: NDArray[np.float32], recording: NDArray[np.float32], *, mode: str
) -> float | None:
    """Return PESQ as MOS-LQO, 1.0 to 4.6; None where no speech is found.

    What is longer than 20 s is measured in excerpts of equal length, and the mean is taken
    over those in which somebody speaks.

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
    from pesq import NoUtterancesError, pesq

    rate = RATES_HZ[mode]
    if len(reference) < _SHORTEST_S * rate:
        return None
    n_excerpts = max(1, round(len(reference) / (_EXCERPT_S * rate)))
    edges = np.linspace(0, len(reference), n_excerpts + 1).astype(int)
    power = float(np.mean(np.square(reference, dtype=np.float64)))
    found = []
    for first, last in itertools.pairwise(edges):
        clean, other = reference[first:last], recording[first:last]
        quiet = np.mean(np.square(clean, dtype=np.float64)) < _QUIETEST * power
        if quiet or not clean.any() or not other.any():
            continue
        try:
            found.append(float(pesq(rate, clean, other, mode)))
        except NoUtterancesError:
            continue
    return float(np.mean(found)) if found else None
