"""STOI by the package pystoi: the only place that imports it."""

from __future__ import annotations

import importlib.util
import warnings

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import MissingExtraError
from audiokit.quality.reference.excerpts import spoken_excerpts

__all__ = ["is_installed", "measure_stoi"]


def is_installed() -> bool:
    """Return whether the package is there."""
    return importlib.util.find_spec("pystoi") is not None


def measure_stoi(
    reference: NDArray[np.float32],
    recording: NDArray[np.float32],
    sample_rate: int,
    *,
    is_extended: bool = False,
) -> float | None:
    """Return the short-time objective intelligibility, about 0 to 1; None for too little speech.

    What is longer than 30 s is measured in excerpts of about 20 s, and the mean is taken over
    those in which somebody speaks.

    Args:
        reference: ``(samples,)``.
        recording: As long, aligned.
        sample_rate: In Hz.
        is_extended: ESTOI, which follows noise that moves.

    Raises:
        MissingExtraError: The package is not installed.

    References:
        C. Taal, R. Hendriks, R. Heusdens, J. Jensen, "An algorithm for intelligibility
        prediction of time-frequency weighted noisy speech", IEEE TASLP 19(7), 2011;
        J. Jensen, C. Taal, "An algorithm for predicting the intelligibility of speech masked
        by modulated noise maskers", IEEE/ACM TASLP 24(11), 2016.
    """
    if not is_installed():
        raise MissingExtraError("STOI", "quality")
    from pystoi import stoi

    found = []
    for clean, other in spoken_excerpts(reference, recording, sample_rate):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            value = float(stoi(clean, other, sample_rate, extended=is_extended))
        # Where fewer than 30 frames hold speech, the package warns and gives 1e-5.
        if np.isfinite(value) and not any(w.category is RuntimeWarning for w in said):
            found.append(value)
    return float(np.mean(found)) if found else None
