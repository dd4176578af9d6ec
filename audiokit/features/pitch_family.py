"""Pitch and voicing beside the other features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.features.pitch_settings import PITCH_COLUMNS
from audiokit.features.tracked_family import TrackedFamily

__all__ = ["PitchFamily"]


class PitchFamily(TrackedFamily):
    """``f0_hz``, ``voicing`` and ``harmonicity_db``: 0 Hz and -20 dB where there is no voice.

    What `PitchTracker` says, on the frames of the preset. Its windows are its own: three
    periods of the lowest pitch, centred where the frames are.

    Args:
        plan: Where frames lie, and the track.
    """

    columns: tuple[str, ...] = PITCH_COLUMNS

    def follow(
        self,
        track: NDArray[np.float32],
        mono: NDArray[np.float32] | None,  # noqa: ARG002  the track has heard them
    ) -> NDArray[np.float32]:
        return track
