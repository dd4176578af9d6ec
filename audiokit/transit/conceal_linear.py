"""A straight line through a gap."""

from __future__ import annotations

import numpy as np

from audiokit.stage import Block, StreamFormat
from audiokit.transit.conceal_gap import Continuation, GapConcealer, Vectors

__all__ = ["LinearConcealer"]

_FALL_S = 0.02


class LinearConcealer(GapConcealer):
    """Draw a line from the last sample to the next; to zero in 20 ms where none is in sight.

    Args:
        fmt: Format of the stream; 8 to 48 kHz.

    Raises:
        SettingError: The sample rate is out of range.
    """

    heard_s = 0.005
    hold_s, fade_s = _FALL_S, 0.001

    def __init__(self, fmt: StreamFormat) -> None:
        super().__init__(fmt)
        self.latency_samples = 1

    def lost(self, n_samples: int, following: Block | None = None) -> Block:
        if following is None or len(following) == 0 or n_samples == 0:
            return super().lost(n_samples)
        last = self._history.heard()[-1:]
        share = np.arange(1, n_samples + 1)[:, np.newaxis] / (n_samples + 1)
        line: Block = (last + (following[:1] - last) * share).astype(np.float32)
        self._close_gap()
        self._history.add(line)
        return line

    def _begin(self, heard: Vectors) -> Continuation:
        n_fall = round(_FALL_S * self.fmt.sample_rate)

        def line(n_samples: int) -> Vectors:
            fall = np.maximum(0.0, 1.0 - np.arange(1, n_samples + 1) / n_fall)
            return heard[-1:] * fall[:, np.newaxis]

        return line
