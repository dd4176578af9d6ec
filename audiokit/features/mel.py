"""The mel spectrogram."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.features.family import Family
from audiokit.features.mel_bank import MelLevels
from audiokit.features.plan import Plan
from audiokit.features.transform import FrameGroup

__all__ = ["MelFamily"]


class MelFamily(Family):
    """``mel_00_db`` …: level of each mel band, or its power, as the settings have it.

    librosa limits levels to 80 dB below the loudest of the *whole* file; a stream does
    not know it, so nothing is limited here (librosa's ``top_db=None``).

    Args:
        plan: The bands, and the unit.
    """

    def __init__(self, plan: Plan) -> None:
        unit = plan.preset.levels
        self.columns = tuple(f"mel_{band:02d}_{unit}" for band in range(plan.bank.n_mels))
        # What the cepstrum is made from is shared with it.
        is_shared = unit == plan.preset.log
        self._levels = (
            plan.mel_levels if is_shared else MelLevels(plan.bank, unit, floor=plan.preset.floor)
        )

    def push(self, group: FrameGroup) -> NDArray[np.float32]:
        return group.of(self._levels)
