"""Speech that is longer than it may be, cut where it is quietest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["split_long_run"]

# Over so many frames a place must be quiet: a stop within a word is shorter.
_QUIET_FRAMES = 7


def split_long_run(levels_db: NDArray[np.float32], max_frames: int) -> list[int]:
    """Return where to cut a run so that no part is longer than it may be.

    Each cut is the quietest place of the second half of what a part may be, so that parts
    come out neither too long nor much shorter than they may be; the rest of a run that is
    only a little too long is halved.

    Args:
        levels_db: Of each frame of the run, ``(frames,)``.
        max_frames: The longest part, 2 or more.

    Returns:
        Positions of cuts, counted from the start of the run.
    """
    smooth = _smoothed(levels_db)
    cuts: list[int] = []
    start = 0
    while (left := len(levels_db) - start) > max_frames:
        earliest, longest = max_frames // 2, max_frames
        if left <= 3 * max_frames // 2:
            earliest, longest = max(left - max_frames, left // 3), min(max_frames, 2 * left // 3)
        cut = start + earliest + int(np.argmin(smooth[start + earliest : start + longest]))
        cuts.append(cut)
        start = cut
    return cuts


def _smoothed(levels_db: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the loudest of each frame's neighbourhood: a place must be quiet all over."""
    half = _QUIET_FRAMES // 2
    padded = np.pad(levels_db.astype(np.float64), half, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, _QUIET_FRAMES)
    smooth: NDArray[np.float64] = windows.max(axis=1) + 1e-3 * windows.mean(axis=1)
    return smooth
