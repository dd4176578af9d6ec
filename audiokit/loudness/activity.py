"""Whether someone speaks just now, by energy alone: what automatic gain may learn from."""

from __future__ import annotations

import math
from collections import deque

from audiokit.units import db_to_amplitude

__all__ = ["FRAME_S", "ActivityGate"]

FRAME_S = 0.01
"""Length of the frames whose powers the gate takes."""

_SMOOTHING_S = 0.04
# Syllables come several times a second: between two of them speech falls back to its floor
# within this time, and steady noise never leaves it.
_FLOOR_FRAMES = 100
_FLOOR_PART_FRAMES = 10
# P.56 takes 200 ms after the last loud sample for speech too.
_HANGOVER_FRAMES = 20


class ActivityGate:
    """Tell speech from steady noise and silence, frame by frame, without looking ahead.

    A frame is active when the power, smoothed over 40 ms, exceeds its lowest value of the
    last second by a margin, or did so within the last 200 ms.

    Limits: it hears level, not words. Music, typing and babble that rise and fall like
    speech pass for it.

    Args:
        lowest_dbfs: What stays below is never speech, in dBFS of mean power.
        margin_db: How far above the floor speech is, in dB.
    """

    def __init__(self, *, lowest_dbfs: float, margin_db: float) -> None:
        self._lowest_power = db_to_amplitude(2.0 * lowest_dbfs)
        self._margin = db_to_amplitude(2.0 * margin_db)
        self._step = -math.expm1(-FRAME_S / _SMOOTHING_S)
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._power: float | None = None
        self._lows: deque[float] = deque(maxlen=_FLOOR_FRAMES // _FLOOR_PART_FRAMES)
        # Of the part of the last second that is not whole, and of those before it.
        self._low = self._earlier_low = math.inf
        self._n_low_frames = 0
        self._n_left = 0

    def is_active(self, power: float) -> bool:
        """Take the mean square of the next frame; return whether speech is in it."""
        smooth = power if self._power is None else self._power
        smooth += (power - smooth) * self._step
        self._power = smooth
        floor = self._floor(smooth)
        if smooth > self._lowest_power and smooth > floor * self._margin:
            self._n_left = _HANGOVER_FRAMES
        elif self._n_left:
            self._n_left -= 1
        return self._n_left > 0

    def _floor(self, smooth: float) -> float:
        """Return the lowest power of the last second, this frame included."""
        self._low = min(self._low, smooth)
        floor = min(self._low, self._earlier_low)
        self._n_low_frames += 1
        if self._n_low_frames == _FLOOR_PART_FRAMES:
            self._lows.append(self._low)
            self._earlier_low = min(self._lows)
            self._low, self._n_low_frames = math.inf, 0
        return floor
