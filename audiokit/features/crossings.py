"""How often the waveform changes sign."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.features.spectrum import FrameGroup

__all__ = ["CrossingsFamily"]

# What librosa counts as zero, and zero as positive: dither around it makes no crossing.
_THRESHOLD = np.float32(1e-10)


class CrossingsFamily:
    """``zero_crossing_rate``: sign changes inside a frame per sample of it, 0 to 1."""

    columns: tuple[str, ...] = ("zero_crossing_rate",)

    def rows(self, group: FrameGroup) -> NDArray[np.float32]:
        """Return ``(frames, 1)``.

        The zeros beyond either end of a stream count as positive; librosa continues the
        stream's own edge there, so the outermost frames may count one change less.
        """
        is_negative = group.samples < -_THRESHOLD
        changes = np.count_nonzero(is_negative[:, 1:] != is_negative[:, :-1], axis=1)
        rate: NDArray[np.float32] = changes.astype(np.float32) / np.float32(group.samples.shape[1])
        return rate[:, None]
