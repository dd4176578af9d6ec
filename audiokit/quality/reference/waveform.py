"""Ratios between a reference and what was added to it, sample by sample."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["best_gain", "segmental_snr_db", "si_sdr_db", "snr_db"]

_FRAME_S, _OVERLAP = 0.03, 4
# Beyond, a frame says no more: what is better is not heard, and pauses would rule the mean.
_LOWEST_DB, _HIGHEST_DB = -10.0, 35.0
_CHUNK_FRAMES = 4096
_MOST_DB = 100.0
_TINY = 1e-20

Samples = NDArray[np.float32]


def best_gain(reference: Samples, recording: Samples) -> float:
    """Return the factor that brings the reference closest to the recording.

    Args:
        reference: ``(samples,)``, not all zero.
        recording: As long.
    """
    return _dot(reference, recording) / max(_dot(reference, reference), _TINY)


def si_sdr_db(reference: Samples, recording: Samples) -> float:
    """Return the scale-invariant signal-to-distortion ratio in dB, 100 where nothing differs.

    Both means are taken away first, as the paper assumes.

    Args:
        reference: ``(samples,)``, not constant.
        recording: As long.

    References:
        J. Le Roux, S. Wisdom, H. Erdogan, J. Hershey, "SDR - half-baked or well done?",
        ICASSP 2019.
    """
    clean = reference.astype(np.float64) - np.mean(reference, dtype=np.float64)
    other = recording.astype(np.float64) - np.mean(recording, dtype=np.float64)
    target = clean * (_dot(clean, other) / max(_dot(clean, clean), _TINY))
    return _ratio_db(_dot(target, target), _dot(other - target, other - target))


def snr_db(reference: Samples, recording: Samples) -> float:
    """Return the power of the reference over that of the difference, in dB, 100 without one.

    Args:
        reference: ``(samples,)``.
        recording: As long, at the level that is meant.
    """
    difference = recording.astype(np.float64) - reference
    return _ratio_db(_dot(reference, reference), _dot(difference, difference))


def segmental_snr_db(reference: Samples, recording: Samples, sample_rate: int) -> float | None:
    """Return the mean over frames of the ratio of reference to difference, in dB.

    Frames of 30 ms under a Hann window, every 7.5 ms, each held between -10 and 35 dB;
    None where not even one frame fits.

    Args:
        reference: ``(samples,)``.
        recording: As long, at the level that is meant.
        sample_rate: In Hz.

    References:
        J. Hansen, B. Pellom, "An effective quality evaluation protocol for speech
        enhancement algorithms", ICSLP 1998.
    """
    n_frame = round(_FRAME_S * sample_rate)
    hop = max(1, n_frame // _OVERLAP)
    if len(reference) < n_frame:
        return None
    window = np.hanning(n_frame + 2)[1:-1]
    total, n_frames = 0.0, 0
    starts = sliding_window_view(reference, n_frame)[::hop]
    others = sliding_window_view(recording, n_frame)[::hop]
    for first in range(0, len(starts), _CHUNK_FRAMES):
        clean = starts[first : first + _CHUNK_FRAMES] * window
        wrong = others[first : first + _CHUNK_FRAMES] * window - clean
        power, noise = np.square(clean).sum(axis=1), np.square(wrong).sum(axis=1)
        ratios = 10.0 * np.log10((power + _TINY) / (noise + _TINY))
        total += float(np.clip(ratios, _LOWEST_DB, _HIGHEST_DB).sum())
        n_frames += len(ratios)
    return total / n_frames


def _dot(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    return float(np.dot(one.astype(np.float64), other.astype(np.float64)))


def _ratio_db(power: float, noise: float) -> float:
    # A file of 16 bits differs by more; below lies the rounding of our own sums.
    ratio = max(power, _TINY) / max(noise, power * 10.0 ** (-_MOST_DB / 10.0), _TINY)
    return max(-_MOST_DB, 10.0 * math.log10(ratio))
