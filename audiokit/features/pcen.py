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
_GAIN, _BIAS, _POWER, _EPS = 0.98, 2.0, 0.5, 1e-6
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
        # In logarithms, which stay exact where the average is far above the constant.
        divisor = np.exp(-_GAIN * (np.log(_EPS) + np.log1p(smooth / _EPS)))
        root = np.expm1(_POWER * np.log1p(power * divisor / _BIAS))
        return np.asarray(_BIAS**_POWER * root, dtype=np.float32)

    def _averages(self, power: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the running average of each band, ``(frames, n_mels)``."""
        averages: NDArray[np.float64] = power * self._share
        # Frame by frame: the bands are wide enough to make the loop cheap, live too.
        for row in averages:
            np.add(row, (1.0 - self._share) * self._average, out=row)
            self._average = row
        self._average = self._average.copy()
        return averages
