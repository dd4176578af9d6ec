"""A pitch contour in a few numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audiokit.errors import SettingError

__all__ = ["PitchStatistics", "pitch_statistics"]

_SEMITONES_PER_OCTAVE = 12.0
# A leap of more than a third of an octave from frame to frame is a new beginning, or an error
# of the tracker: neither is unsteadiness of the voice.
_LEAP_SEMITONES = 4.0


@dataclass(frozen=True, slots=True)
class PitchStatistics:
    """What a pitch contour is like; None where too few frames are voiced to say.

    Args:
        median_hz: Half of the voiced frames lie below.
        p05_hz: A twentieth of them does.
        p95_hz: All but a twentieth do.
        range_semitones: From `p05_hz` to `p95_hz`.
        deviation_semitones: Standard deviation of the voiced frames.
        slope_semitones_per_s: Of the straight line that fits them best; falls, in most
            languages, over a statement.
        voiced_share: Voiced frames over all frames, 0 to 1.
        variation_percent: Mean change of the period from one voiced frame to the next, over
            the mean period. Like jitter, but of frames and not of single periods: a melody
            adds to it, and a window of several periods takes from it.
        mean_voicing: Mean probability of voice over all frames, 0 to 1.
    """

    median_hz: float | None
    p05_hz: float | None
    p95_hz: float | None
    range_semitones: float | None
    deviation_semitones: float | None
    slope_semitones_per_s: float | None
    voiced_share: float | None
    variation_percent: float | None
    mean_voicing: float | None


def pitch_statistics(f0_hz: ArrayLike, voicing: ArrayLike, *, hop_s: float) -> PitchStatistics:
    """Sum up a pitch contour.

    Args:
        f0_hz: ``(frames,)`` in Hz, 0 where unvoiced.
        voicing: ``(frames,)``, probability of voice, 0 to 1.
        hop_s: Seconds from one frame to the next, above 0.

    Returns:
        The statistics; with no frame all of them are None.

    Raises:
        SettingError: The two differ in length, a pitch is negative or not finite, or the hop
            is not positive.

    References:
        Change of periods as relative average perturbation is defined in Praat, "Voice 2.
        Jitter", here between neighbouring frames.
    """
    pitch_hz, probability = np.asarray(f0_hz, np.float64), np.asarray(voicing, np.float64)
    if pitch_hz.ndim != 1 or pitch_hz.shape != probability.shape:
        shapes = (pitch_hz.shape, probability.shape)
        raise SettingError("f0_hz and voicing", shapes, "two arrays (frames,)")
    if not (np.isfinite(pitch_hz) & (pitch_hz >= 0.0)).all():
        raise SettingError("f0_hz", "NaN, infinite or negative", "0 Hz or more in each frame")
    if not hop_s > 0.0:
        raise SettingError("hop_s", hop_s, "above 0 s")
    n_frames = len(pitch_hz)
    is_voiced = pitch_hz > 0.0
    share = float(is_voiced.mean()) if n_frames else None
    mean_voicing = float(probability.mean()) if n_frames else None
    voiced_hz = pitch_hz[is_voiced]
    if not len(voiced_hz):
        return PitchStatistics(None, None, None, None, None, None, share, None, mean_voicing)
    low, middle, high = (float(value) for value in np.percentile(voiced_hz, [5, 50, 95]))
    semitones = _SEMITONES_PER_OCTAVE * np.log2(voiced_hz)
    return PitchStatistics(
        median_hz=middle,
        p05_hz=low,
        p95_hz=high,
        range_semitones=_SEMITONES_PER_OCTAVE * float(np.log2(high / low)),
        deviation_semitones=float(semitones.std()),
        slope_semitones_per_s=_slope(
            hop_s * np.flatnonzero(is_voiced).astype(np.float64), semitones
        ),
        voiced_share=share,
        variation_percent=_variation_percent(pitch_hz),
        mean_voicing=mean_voicing,
    )


def _slope(
    times_s: NDArray[np.float64],
    values: NDArray[np.float64],
) -> float | None:
    """Return the slope per second of the line that fits best; None through one point."""
    distance_s = times_s - times_s.mean()
    spread = float(distance_s @ distance_s)
    return float(distance_s @ values) / spread if spread else None


def _variation_percent(
    pitch_hz: NDArray[np.float64],
) -> float | None:
    """Return the mean change of the period between neighbours, over its mean."""
    with np.errstate(divide="ignore"):
        period_s = 1.0 / pitch_hz
    is_pair = (pitch_hz[:-1] > 0.0) & (pitch_hz[1:] > 0.0)
    before, after = period_s[:-1][is_pair], period_s[1:][is_pair]
    leap = 2.0 ** (_LEAP_SEMITONES / _SEMITONES_PER_OCTAVE)
    is_steady = np.maximum(before / after, after / before) < leap
    before, after = before[is_steady], after[is_steady]
    if not len(before):
        return None
    return float(100.0 * np.abs(after - before).mean() / (0.5 * (before + after)).mean())
