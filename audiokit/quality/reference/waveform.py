"""Ratios between a reference and what was added to it, sample by sample."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["best_gain", "segmental_snr_db", "si_sdr_db", "snr_db"]

_FRAME_S, _OVERLAP = 0.03, 4
# Beyond, a frame says no more: what is better is not heard, and pauses would rule the mean.
_LOWEST_DB, _HIGHEST_DB = -10.0, 35.0
_CHUNK_FRAMES = 4096
_CHUNK_SAMPLES = 1 << 16
_MOST_DB = 100.0
_TINY = 1e-20

Samples = NDArray[np.float32]


def best_gain(reference: Samples, recording: Samples) -> float:
    """Return the factor that brings the reference closest to the recording.

    Args:
        reference: ``(samples,)``, not all zero.
        recording: As long.
    """
    sums = _Sums.of(reference, recording)
    return sums.product / max(sums.reference, _TINY)


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
    sums = _Sums.of(reference, recording).centred()
    target = sums.product**2 / max(sums.reference, _TINY)
    return _ratio_db(target, sums.recording - target)


def snr_db(reference: Samples, recording: Samples) -> float:
    """Return the power of the reference over that of the difference, in dB, 100 without one.

    Args:
        reference: ``(samples,)``.
        recording: As long, at the level that is meant.
    """
    sums = _Sums.of(reference, recording)
    return _ratio_db(sums.reference, sums.reference - 2.0 * sums.product + sums.recording)


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


@dataclass(frozen=True, slots=True)
class _Sums:
    """Sums over two recordings, in double precision, of which every ratio is made."""

    n_samples: int
    reference_mean: float
    recording_mean: float
    reference: float
    recording: float
    product: float

    @classmethod
    def of(cls, reference: Samples, recording: Samples) -> _Sums:
        totals = np.zeros(5)
        for first in range(0, len(reference), _CHUNK_SAMPLES):
            clean = reference[first : first + _CHUNK_SAMPLES].astype(np.float64)
            other = recording[first : first + _CHUNK_SAMPLES].astype(np.float64)
            products = np.dot(clean, clean), np.dot(other, other), np.dot(clean, other)
            totals += (clean.sum(), other.sum(), *products)
        n_samples = len(reference)
        means = totals[:2] / max(1, n_samples)
        return cls(n_samples, *means.tolist(), *totals[2:].tolist())

    def centred(self) -> _Sums:
        """Return the sums of both without their means."""
        one, other, n = self.reference_mean, self.recording_mean, self.n_samples
        return _Sums(
            n,
            0.0,
            0.0,
            self.reference - n * one * one,
            self.recording - n * other * other,
            self.product - n * one * other,
        )


def _ratio_db(power: float, noise: float) -> float:
    # A file of 16 bits differs by more; below lies the rounding of our own sums.
    ratio = max(power, _TINY) / max(noise, power * 10.0 ** (-_MOST_DB / 10.0), _TINY)
    return max(-_MOST_DB, 10.0 * math.log10(ratio))
