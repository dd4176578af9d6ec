"""What a small network makes of the end of what was heard: how loud each band goes on."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.weights import load_weights
from audiokit.transit.conceal_bands import N_BANDS, BandFrames
from audiokit.transit.conceal_period import Repetition

__all__ = [
    "LEAST_GAIN",
    "MOST_GAIN",
    "N_HEARD_FRAMES",
    "band_gains",
    "heard_inputs",
    "level_inputs",
]

N_HEARD_FRAMES = 10
"""Frames of the past that the network hears of."""
LEAST_GAIN, MOST_GAIN = -6.0, 1.5
"""The logarithms between which gains lie."""
_FLOOR_DB = -50.0

Vector = NDArray[np.float64]


def level_inputs(powers: Vector, reference: float) -> Vector:
    """Return levels of bands against a power, in units of 20 dB, bounded; flat."""
    relative = 10.0 * np.log10(np.maximum(powers, 1e-20) / max(reference, 1e-20))
    levels: Vector = relative.clip(_FLOOR_DB, -_FLOOR_DB).ravel() / 20.0
    return levels


def heard_inputs(bands: BandFrames, heard: Vector, repetition: Repetition) -> tuple[Vector, float]:
    """Return what the network hears of the past, and the power that levels are against.

    Args:
        bands: Of the stream's rate.
        heard: ``(samples,)``, the end last.
        repetition: How it repeats itself.

    Returns:
        The levels of `N_HEARD_FRAMES` frames, the likeness of three frames to those a period
        earlier, band by band, and three values on the repetition itself.
    """
    hop, period = bands.hop, round(repetition.period_samples)
    end = len(heard)
    spectra = bands.spectra(heard[end - (N_HEARD_FRAMES + 1) * hop :])
    powers = bands.powers(spectra)
    reference = float(powers[-5:].sum(axis=1).mean()) / N_BANDS
    earlier = bands.spectra(heard[end - 4 * hop - period : end - period])
    shared = bands.powers(spectra[-3:], earlier)
    likeness = shared / np.sqrt(powers[-3:] * bands.powers(earlier) + 1e-60)
    about = (
        repetition.strength,
        np.log2(repetition.period_samples / hop),
        repetition.slope * 2000.0,
    )
    inputs = np.concatenate([level_inputs(powers, reference), likeness.ravel(), about])
    return inputs, reference


def band_gains(network: str, inputs: Vector, usual: Vector) -> Vector:
    """Return gains as a network would have them.

    Args:
        network: Name of its file of weights in this package, without ``.npz``.
        inputs: ``(inputs,)``.
        usual: Logarithms of what the gains would be without it, ``(ways, frames, 1)``.

    Returns:
        ``(ways, frames, N_BANDS)``, above 0.
    """
    weights = _weights(network)
    hidden = inputs.astype(np.float32)
    for layer in ("first", "second"):
        hidden = np.maximum(hidden @ weights[layer] + weights[f"{layer}_bias"], np.float32(0.0))
    said = (hidden @ weights["last"] + weights["last_bias"]).astype(np.float64)
    changed = said.reshape(usual.shape[0], usual.shape[1], N_BANDS) + usual
    gains: Vector = np.exp(changed.clip(LEAST_GAIN, MOST_GAIN))
    return gains


@lru_cache(maxsize=2)
def _weights(network: str) -> dict[str, NDArray[np.float32]]:
    return load_weights("audiokit.transit", f"{network}.npz")
