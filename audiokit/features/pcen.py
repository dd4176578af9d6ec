"""Mel bands under a gain of their own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.features.family import Family
from audiokit.features.plan import Plan
from audiokit.features.transform import FrameGroup

__all__ = ["PcenFamily"]

# librosa's defaults, and the scale that its documentation gives audio in ±1.
_FULL_SCALE = np.float32(2.0**31)
_GAIN, _BIAS, _EPS = 0.98, 2.0, 1e-6
_TIME_CONSTANT_S = 0.4


class PcenFamily(Family):
    """``pcen_00`` …: per-channel energy normalisation of the mel powers, 0 or more.

    Each band is divided by its own average over 0.4 s, then its root is taken: what is
    steady goes, what begins stays. The numbers of ``librosa.pcen(mel * 2**31)``.
    Digital silence is 0.

    Args:
        plan: The bands.

    References:
        Y. Wang et al., "Trainable frontend for robust and far-field keyword spotting",
        ICASSP 2017.
    """

    def __init__(self, plan: Plan) -> None:
        self._bank = plan.bank
        n_mels = plan.bank.n_mels
        self.columns = tuple(f"pcen_{band:02d}" for band in range(n_mels))
        t_frames = _TIME_CONSTANT_S * plan.grid.sample_rate / plan.grid.hop_samples
        self._share = (np.sqrt(1.0 + 4.0 * t_frames**2) - 1.0) / (2.0 * t_frames**2)
        # librosa begins with an average of 1.
        self._average = np.ones(n_mels)

    def push(self, group: FrameGroup) -> NDArray[np.float32]:
        power = group.of(self._bank) * _FULL_SCALE
        smooth = self._averages(power)
        # The average to the power of minus the gain, then the difference of two roots, which
        # keeps its precision as a quotient where a band is far below the bias.
        smooth += _EPS
        np.log(smooth, out=smooth)
        smooth *= -_GAIN
        np.exp(smooth, out=smooth)
        smooth *= power
        roots = np.sqrt(smooth + _BIAS)
        roots += np.sqrt(_BIAS)
        smooth /= roots
        return smooth.astype(np.float32)

    def _averages(self, power: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the running average of each band, ``(frames, n_mels)``."""
        averages: NDArray[np.float64] = power * self._share
        # Frame by frame: the bands are wide enough to make the loop cheap, live too.
        kept = 1.0 - self._share
        before = self._average
        faded = np.empty_like(before)
        for row in averages:
            np.multiply(before, kept, out=faded)
            np.add(row, faded, out=row)
            before = row
        self._average = before.copy()
        return averages
