"""How loud a frame is among those before it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["LevelContext"]

# The loudest fades and the quietest rises: a talker who turns away is still one.
_FORGET_DB_PER_S = 4.0
_MOST_DB = 40.0


class LevelContext:
    """Tell how far each frame lies below the loudest so far, and above the quietest.

    Both are forgotten by 4 dB a second, and both distances end at 40 dB.

    Args:
        hop_s: Seconds from one frame to the next.
    """

    def __init__(self, hop_s: float) -> None:
        self._step_db = _FORGET_DB_PER_S * hop_s
        self._n_frames = 0
        self._loudest = -np.inf
        self._quietest = np.inf

    def push(
        self, level_db: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Take levels ``(frames,)``; return how far below and above they lie, 0 to 40 dB."""
        # On a slope that rises as fast as memory fades, the loudest is a running maximum. The
        # count of all frames, not of these, makes it the same however they come.
        count = np.arange(self._n_frames, self._n_frames + len(level_db))
        slope_db = self._step_db * count
        loudest = np.maximum.accumulate(np.append(self._loudest, level_db + slope_db))
        quietest = np.minimum.accumulate(np.append(self._quietest, level_db - slope_db))
        self._n_frames += len(level_db)
        self._loudest, self._quietest = loudest[-1], quietest[-1]
        below_db = np.minimum(loudest[1:] - slope_db - level_db, _MOST_DB)
        above_db = np.minimum(level_db - (quietest[1:] + slope_db), _MOST_DB)
        return below_db.astype(np.float32), above_db.astype(np.float32)
