"""Where two voices sound at once."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from audiokit.speakers.voice_frames import LEVEL, N_BANDS, PITCH
from audiokit.speakers.voice_windows import voice_model

__all__ = [
    "N_OVERLAP_STATISTICS",
    "OVERLAP_STEP",
    "overlap_frames",
    "overlap_merits",
    "overlap_statistics",
]

Frames = NDArray[np.float16]
Statistics = NDArray[np.float32]

OVERLAP_STEP = 10
"""Frames from one window to the next."""

_HALF = 25
_LOW_RANK, _HIGH_RANK = 5, 44  # of the 50 values of a window: tenth and ninetieth percentile
N_OVERLAP_STATISTICS = 21
# Windows are read so many at a time: an hour at once would be half a gigabyte.
_GROUP = 2048
# Half the windows of training hold two voices, but one of ten in talk: even odds there are
# seven to one here.
_THRESHOLD = 0.88
_LEAST_WINDOWS = 3


def overlap_statistics(frames: Frames) -> Statistics:
    """Return statistics of half-second windows, ``(windows, N_OVERLAP_STATISTICS)``.

    Two voices make a second pitch, blur the ripple of the spectrum, let the pitch leap and
    fill each other's pauses: means, deviations, and low and high values of what measures
    that. No absolute level and no spectral shape: they would tell rooms and microphones.

    Args:
        frames: ``(frames, columns)`` of `VoiceFrames`; one or more.

    Returns:
        Window ``k`` is centred on frame ``k * OVERLAP_STEP``; the ends are repeated.
    """
    padded = np.pad(frames, ((_HALF, _HALF), (0, 0)), mode="edge")
    n_windows = -(-len(frames) // OVERLAP_STEP)
    parts = []
    for first in range(0, n_windows, _GROUP):
        last = min(first + _GROUP, n_windows)
        begin, end = first * OVERLAP_STEP, (last - 1) * OVERLAP_STEP + 2 * _HALF
        parts.append(_statistics(padded[max(0, begin - 1) : end], min(begin, 1)))
    return np.concatenate(parts)


def _statistics(frames: Frames, n_before: int) -> Statistics:
    """Return the statistics of windows; `n_before` frames only tell what changes."""
    rows = frames.astype(np.float32)
    pitch, strength, second, depth = rows[:, PITCH:].T
    bands = rows[:, :N_BANDS]
    change = np.abs(np.diff(bands, axis=0, prepend=bands[:1])).mean(axis=1)
    leap = np.minimum(np.abs(np.diff(pitch, prepend=pitch[:1])), np.float32(0.5))
    ratio = second / np.maximum(strength, np.float32(0.3))
    values = np.stack([strength, second, depth, ratio, change, leap, rows[:, LEVEL]])
    windows = sliding_window_view(values[:, n_before:], 2 * _HALF, axis=1)[:, ::OVERLAP_STEP]
    ranked = np.sort(windows[:4], axis=2)
    kinds = (
        windows[:6].mean(axis=2),
        windows.std(axis=2),
        ranked[:, :, _LOW_RANK],
        ranked[:, :, _HIGH_RANK],
    )
    statistics: Statistics = np.concatenate(kinds).T
    return statistics


def overlap_frames(frames: Frames, is_speech: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return in which frames two voices sound at once, ``(frames,)``.

    A small network judges every window; shorter stretches than three windows do not count.

    Args:
        frames: ``(frames, columns)`` of `VoiceFrames`; one or more.
        is_speech: ``(frames,)``; nothing else is overlap.
    """
    merit = overlap_merits(overlap_statistics(frames))
    both = merit > np.log(_THRESHOLD / (1.0 - _THRESHOLD))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], both, [False]])))
    for first, last in edges.reshape(-1, 2):
        both[first:last] = last - first >= _LEAST_WINDOWS
    # A window speaks for the frames around its middle.
    of_frame = np.minimum(
        (np.arange(len(frames)) + OVERLAP_STEP // 2) // OVERLAP_STEP, len(both) - 1
    )
    flags: NDArray[np.bool_] = both[of_frame] & is_speech
    return flags


def overlap_merits(statistics: Statistics) -> NDArray[np.float64]:
    """Return the log-odds of two voices in each window, ``(windows,)``."""
    model = voice_model()
    scaled = (statistics - model.overlap_centre) / model.overlap_scale
    hidden = np.maximum(scaled @ model.overlap_entry + model.overlap_entry_bias, 0.0)
    merits: NDArray[np.float64] = hidden @ model.overlap_out + model.overlap_out_bias
    return merits[:, 0]
