"""Filling a gap with what follows it in sight."""

from __future__ import annotations

import numpy as np

from audiokit.stage import Block, StreamFormat
from audiokit.transit.bridge_gap import BridgedGap
from audiokit.transit.conceal_pitch import PitchConcealer

__all__ = ["BridgeConcealer"]

_FRAME_S = 0.02
# A longer gap is bridged at its end alone.
_LONGEST_S = 0.06
_LEAST_SAMPLES = 16


class BridgeConcealer(PitchConcealer):
    """Go on as the voice did, and back from where it comes again.

    What a caller that holds one frame back knows of the other side of a gap is led backwards
    into it (see `BridgedGap`). Without it, or with less than 16 ms of it, a gap is filled from
    the past alone, as `PitchConcealer` does.

    Args:
        fmt: Format of the stream; 8 to 48 kHz. Channels share one period and their gains.

    Raises:
        SettingError: The sample rate is out of range.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        super().__init__(fmt)
        self.latency_samples = round(_FRAME_S * fmt.sample_rate)

    def lost(self, n_samples: int, following: Block | None = None) -> Block:
        rate = self.fmt.sample_rate
        n_bridged = min(n_samples, round(_LONGEST_S * rate))
        if following is None or len(following) < 2 * self._bands.hop or n_bridged < _LEAST_SAMPLES:
            return super().lost(n_samples)
        begun = super().lost(n_samples - n_bridged)
        heard = self._history.heard()
        shore = following[: round(_LONGEST_S * rate)].astype(np.float64)
        gap = BridgedGap(
            heard,
            shore,
            n_bridged,
            sample_rate=rate,
            bands=self._bands,
        )
        self._close_gap()
        loudest = max(float(np.abs(heard).max()), float(np.abs(shore).max()))
        bridged: Block = gap.sound().clip(-loudest, loudest).astype(np.float32)
        self._history.add(bridged)
        return np.concatenate([begun, bridged])
