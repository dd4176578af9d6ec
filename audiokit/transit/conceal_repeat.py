"""The plainest thing to play in a gap: what was played before it."""

from __future__ import annotations

import numpy as np

from audiokit.transit.conceal_gap import Continuation, GapConcealer, Vectors

__all__ = ["RepeatConcealer"]


class RepeatConcealer(GapConcealer):
    """Play the last 20 ms again and again, fading from the second time on.

    Args:
        fmt: Format of the stream; 8 to 48 kHz.

    Raises:
        SettingError: The sample rate is out of range.
    """

    heard_s = 0.02

    def _begin(self, heard: Vectors) -> Continuation:
        return lambda n_samples: heard[np.arange(n_samples) % len(heard)]
