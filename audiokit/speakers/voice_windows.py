"""What a voice sounds like in a second and a half, as a short vector."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audiokit.speakers.voice_frames import LEVEL, N_BANDS, PITCH

__all__ = [
    "COSINES",
    "N_STATISTICS",
    "STEP",
    "VoiceModel",
    "describe_voice",
    "voice_model",
    "voice_windows",
]

Frames = NDArray[np.float16]
Vectors = NDArray[np.float64]

STEP = 25
"""Frames from one window to the next: a quarter of a second."""

_HALF = 75
_FEWEST = 40
_N_CEPSTRA = 19
_AUDIBLE_DB = 25.0
_LOUD_SHARE, _RANGE_DB = 0.9, 20.0
N_STATISTICS = 2 * _N_CEPSTRA + 6


class VoiceModel(NamedTuple):
    """What was learnt of voices in general.

    Args:
        centre: Mean of all statistics, ``(N_STATISTICS,)``.
        projection: To vectors in which a speaker's windows have variance 1 in every
            direction, ``(N_STATISTICS, values)``.
        spread: Variance between speakers of these values, ``(values,)``.
        overlap_centre: Mean of the statistics of `audiokit.speakers.overlap`.
        overlap_scale: Their deviation.
        overlap_entry: From them to the hidden layer, ``(statistics, width)``.
        overlap_entry_bias: ``(width,)``.
        overlap_out: From there to the log-odds of two voices, ``(width, 1)``.
        overlap_out_bias: ``(1,)``.
    """

    centre: Vectors
    projection: Vectors
    spread: Vectors
    overlap_centre: Vectors
    overlap_scale: Vectors
    overlap_entry: Vectors
    overlap_entry_bias: Vectors
    overlap_out: Vectors
    overlap_out_bias: Vectors


@lru_cache(maxsize=1)
def voice_model() -> VoiceModel:
    """Return what was learnt, from the file beside this module."""
    beside = resources.files("audiokit.speakers") / "voice_model.npz"
    with resources.as_file(beside) as path, np.load(path) as file:
        return VoiceModel(*(file[name].astype(np.float64) for name in VoiceModel._fields))


def _cosines() -> NDArray[np.float32]:
    """Return the cosine transform of band levels without its constant, ``(bands, cepstra)``."""
    angles = np.outer(np.arange(N_BANDS) + 0.5, np.arange(1, _N_CEPSTRA + 1))
    cosines: NDArray[np.float64] = np.cos(np.pi * angles / N_BANDS) * np.sqrt(2.0 / N_BANDS)
    return cosines.astype(np.float32)


COSINES = _cosines()


def describe_voice(frames: Frames) -> Vectors:
    """Return statistics of a stretch of speech, ``(N_STATISTICS,)``.

    Means and deviations of the cepstra, and of pitch, harmonicity and ripple. Frames far below
    the loudest are pauses and do not count; pitch is read from the more harmonic half.

    Args:
        frames: ``(frames, columns)`` of `VoiceFrames`, one or more.
    """
    rows = frames.astype(np.float32)
    rows = rows[rows[:, LEVEL] > rows[:, LEVEL].max() - _AUDIBLE_DB]
    cepstra = rows[:, :N_BANDS] @ COSINES
    pitch, strength, second, depth = rows[:, PITCH:].T
    voiced = pitch[strength >= np.median(strength)]
    melody = [np.median(voiced), voiced.mean(), voiced.std()]
    voicing = [strength.mean(), depth.mean(), second.mean()]
    parts = [cepstra.mean(axis=0), cepstra.std(axis=0), melody, voicing]
    return np.concatenate(parts).astype(np.float64)


def _is_audible(level_db: Frames, is_speech: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which frames are no pause within speech: those say more of the room than of it."""
    loud_db = np.quantile(level_db[is_speech].astype(np.float32), _LOUD_SHARE)
    audible: NDArray[np.bool_] = level_db >= loud_db - _RANGE_DB
    return audible


def voice_windows(
    frames: Frames, is_speech: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], Vectors]:
    """Return where windows of speech lie, and what the voice sounds like in each.

    A window is 1.5 s around every quarter of a second that holds speech; of what is around
    it, only speech counts. Where that is little, the nearest speech is heard as well.

    Args:
        frames: ``(frames, columns)``.
        is_speech: ``(frames,)``; one is true at least.

    Returns:
        First frame of each quarter, ``(windows,)``, and vectors, ``(windows, values)``, whose
        mean is taken out: what they share is the microphone and the room.
    """
    model = voice_model()
    spoken = np.flatnonzero(is_speech & _is_audible(frames[:, LEVEL], is_speech))
    starts = np.unique(spoken // STEP) * STEP
    middles = starts + STEP // 2
    first = np.searchsorted(spoken, middles - _HALF)
    last = np.searchsorted(spoken, middles + _HALF)
    statistics = np.empty((len(starts), N_STATISTICS))
    for row, middle in enumerate(middles):
        near = spoken[first[row] : last[row]]
        if len(near) < _FEWEST:
            at = int(np.searchsorted(spoken, middle))
            around = spoken[max(0, at - _FEWEST) : at + _FEWEST]
            nearest = np.argsort(np.abs(around - middle), kind="stable")[:_FEWEST]
            near = np.sort(around[nearest])
        statistics[row] = describe_voice(frames[near])
    vectors = (statistics - model.centre) @ model.projection
    return starts, vectors - vectors.mean(axis=0)
