"""How far a concealed stretch is from what was lost, as somebody hears it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["heard_difference"]

_N_BANDS = 42
_WINDOW, _HOP, _RATE = 512, 128, 16000
# Loudness grows with about this power of the power; below the floor nobody hears a thing.
_LOUDNESS, _FLOOR = 0.25, 1e-5
# What is heard that was not there annoys more than what is missing.
_ADDED_MOST = 12.0


def _bark(frequency_hz: NDArray[np.floating[Any]]) -> Tensor:
    return torch.from_numpy(26.81 * frequency_hz / (1960.0 + frequency_hz) - 0.53)


def _bands() -> Tensor:
    place = _bark(np.arange(_WINDOW // 2 + 1) * (_RATE / _WINDOW)).float()
    edges = _bark(np.array([80.0, 7800.0])).float()
    centres = torch.linspace(float(edges[0]), float(edges[1]), _N_BANDS)
    distance = (place - centres[:, None]).abs() / (centres[1] - centres[0])
    return (1.0 - distance).clamp(min=0.0)


def heard_difference(made: Tensor, true: Tensor) -> Tensor:
    """Return how different two sounds are, one value for each.

    The difference of loudness in bands of 32 ms, what was added counting more than what is
    missing, in the manner of the perceptual measures of ITU-T P.862.

    Args:
        made: ``(gaps, samples)`` at 16 kHz, about as loud as its recording at a power of 1.
        true: The same, as it was.
    """
    made_power, true_power = (_band_power(sound) for sound in (made, true))
    difference = (made_power + _FLOOR) ** _LOUDNESS - (true_power + _FLOOR) ** _LOUDNESS
    ratio = ((made_power + 1e-3) / (true_power + 1e-3)).detach() ** 1.2
    added = torch.where(ratio > 3.0, ratio.clamp(max=_ADDED_MOST), torch.zeros_like(ratio))
    by_band = difference.abs()
    heard = by_band.square().mean(dim=1).add(1e-8).sqrt()
    more = (by_band * added).mean(dim=1)
    return (heard + 0.15 * more).mean(dim=1)


def _band_power(sound: Tensor) -> Tensor:
    window = torch.hann_window(_WINDOW)
    spectra = torch.stft(sound, _WINDOW, _HOP, window=window, center=False, return_complex=True)
    power = spectra.real.square() + spectra.imag.square()
    return (_bands() @ power) / _WINDOW
