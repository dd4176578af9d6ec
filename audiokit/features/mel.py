"""The mel spectrum in dB."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.features.mel_bank import MelBank
from audiokit.features.spectrum import FrameGroup

__all__ = ["MelFamily"]


class MelFamily:
    """``mel_00_db`` …: the level of each band, 0 dB at a power of one."""

    def __init__(self, bank: MelBank) -> None:
        self.columns = tuple(f"mel_{band:02d}_db" for band in range(bank.n_mels))

    def rows(self, group: FrameGroup) -> NDArray[np.float32]:
        """Return ``(frames, n_mels)`` in dB."""
        return group.mel_db
