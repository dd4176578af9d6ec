"""How much louder the bands became since the frame before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.features.family import Family
from audiokit.features.plan import Plan
from audiokit.features.transform import FrameGroup

__all__ = ["FluxFamily", "OnsetStrength"]


class OnsetStrength:
    """The mean over mel bands of how many dB each rose since the frame before.

    A band that fell counts as 0, and so does the first frame.

    Args:
        plan: The levels of the bands.
    """

    def __init__(self, plan: Plan) -> None:
        self._levels = plan.mel_levels
        self._before: NDArray[np.float32] | None = None

    def push(self, group: FrameGroup) -> NDArray[np.float32]:
        """Take the next frames; return ``(frames,)`` in dB, 0 or more."""
        levels = group.of(self._levels)
        before = levels[:1] if self._before is None else self._before
        rise = levels - np.concatenate([before, levels[:-1]])
        self._before = levels[-1:].copy()
        np.maximum(rise, np.float32(0.0), out=rise)
        strength: NDArray[np.float32] = np.add.reduce(rise, axis=1)
        strength /= np.float32(levels.shape[1])
        return strength


class FluxFamily(Family):
    """``spectral_flux_db``: see `OnsetStrength`.

    ``librosa.onset.onset_strength`` of the mel levels with ``center=False``: librosa
    would otherwise move it later by half a transform, but a frame here is already
    centred on its time.

    Args:
        plan: The levels of the bands.

    References:
        S. Boeck, G. Widmer, "Maximum filter vibrato suppression for onset detection",
        DAFx 2013.
    """

    columns: tuple[str, ...] = ("spectral_flux_db",)

    def __init__(self, plan: Plan) -> None:
        self._onsets = OnsetStrength(plan)

    def push(self, group: FrameGroup) -> NDArray[np.float32]:
        return self._onsets.push(group)[:, None]
