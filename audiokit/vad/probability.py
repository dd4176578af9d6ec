"""How likely each frame is speech, judged against the seconds around it.

Nothing here knows an absolute level. Each band's floor and ceiling are order statistics
of the three seconds before a group of frames and the second and a half after it: so
speech that begins with the first sample is found, because its pauses come later, and a
live stream and a file get the same answer, late by the same time.

References:
    J. Ramírez et al., "Efficient voice activity detection algorithms using long-term
    speech information", Speech Communication 42 (2004): the long-term divergence from
    the noise in each band, here with weights.
    R. Martin, "Noise power spectral density estimation based on optimal smoothing and
    minimum statistics", IEEE Trans. Speech and Audio Processing 9 (2001): the floor.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from audiokit.vad.bands import N_TELEPHONE_BANDS as N_BANDS

__all__ = ["LOOK_AHEAD_FRAMES", "SpeechProbability"]

_GROUP = 16  # frames that share one floor and one ceiling
_PAST, _FUTURE = 20, 10  # groups that they are looked for in
_HALO = 1  # groups that smoothing reaches into
_BEFORE, _AFTER = _PAST + _HALO, _FUTURE + _HALO
_GROUPS_AT_ONCE = 32
LOOK_AHEAD_FRAMES = (_AFTER + 1) * _GROUP
"""Frames, at most, between a frame and the last one that its probability depends on."""

_FLOOR_QUANTILE, _CEILING_QUANTILE = 0.1, 0.95
_SILENT_DB = np.float32(-115.0)  # 16-bit rounding alone makes -101 dB
_NOTHING = np.float32(np.inf)  # the mean of a group without an audible frame: ranks last
# A gate leaves pauses far below any room: breath and hiss above them are no speech.
_MAX_RANGE_DB = np.float32(45.0)
_MIN_RANGE_DB = np.float32(6.0)
_MIN_SHARE = np.float32(-0.2)

# Log-odds of speech, a logistic regression on the training recordings: LibriSpeech under
# noise at -3 to 45 dB and clean, noise alone, digital silence; labels from the clean level.
# Per band, in 1/dB: voiced speech stands out below 1 kHz, most noise between 1 and 2 kHz.
_RISE_WEIGHTS = (
    *(0.054, 0.058, 0.034, 0.029, 0.017, -0.002, -0.025, -0.031),
    *(-0.032, -0.017, -0.011, -0.005, -0.017, 0.002, 0.006, 0.008),
)
# The fit's bias is -2.468; 0.4 is given back, for recordings hold more speech than its set.
_SHARE_WEIGHT, _PEAK_WEIGHT, _BIAS = 0.462, 2.164, -2.068
_REACH_MEAN, _REACH_PEAK = 12, 6  # neighbours a side
# Bands of steady noise wander apart, so their mean hardly moves (0.5 to 2 dB); speech at
# 0 dB moves it by more than 3 dB in nine windows of ten. Per dB short of that, by choice:
_STEADY_DB, _STEADY_WEIGHT = 3.0, 1.0
# What is near speech but at the floor itself is a pause: keeps edges where they are heard.
_EDGE_SHARE, _EDGE_WEIGHT, _REACH_EDGE = 0.25, 15.0, 2


class SpeechProbability:
    """Turn band levels into the probability of speech in each frame.

    Each frame's answer is a function of a fixed stretch of frames around it and of
    nothing else. Memory: five seconds of levels. Latency: `LOOK_AHEAD_FRAMES`.
    """

    def __init__(self) -> None:
        self._weights = np.array(_RISE_WEIGHTS, np.float32)[:, np.newaxis]
        self.reset()

    def reset(self) -> None:
        """Forget the stream, as if newly built."""
        # Frames, with the bands' mean as one more column, from the halo on; and what is
        # known of their groups, from the past on.
        self._levels = _absent(_HALO * _GROUP)
        self._means = np.full((_BEFORE, N_BANDS + 1), _NOTHING, np.float32)

    def process(self, levels_db: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next band levels, ``(frames, 16)``; return the frames that are final.

        Returns:
            ``(frames,)``, 0 to 1; exactly 0 in digital silence.
        """
        overall = np.add.reduce(levels_db, axis=1, keepdims=True) / np.float32(N_BANDS)
        levels = np.concatenate([self._levels, np.concatenate([levels_db, overall], axis=1)])
        n_groups = len(levels) // _GROUP
        groups = levels[: n_groups * _GROUP].reshape(n_groups, _GROUP, N_BANDS + 1)
        means = np.concatenate([self._means, _group_means(groups[len(self._means) - _PAST :])])
        n_ready = max(0, n_groups - _HALO - _AFTER)
        self._levels, self._means = levels[n_ready * _GROUP :].copy(), means[n_ready:].copy()
        parts = [np.zeros(0, np.float32)]
        for first in range(0, n_ready, _GROUPS_AT_ONCE):
            last = min(first + _GROUPS_AT_ONCE, n_ready)
            floor, ceiling = _floor_and_ceiling(means[first : last + _BEFORE + _AFTER])
            parts.append(self._judge(groups[first : last + 2 * _HALO], floor, ceiling))
        return np.concatenate(parts)

    def flush(self) -> NDArray[np.float32]:
        """End the stream and return the remaining frames."""
        n_missing = len(self._levels) - _HALO * _GROUP
        tail = self.process(_absent((_AFTER + 1) * _GROUP)[:, :N_BANDS])
        return tail[:n_missing]

    def _judge(
        self,
        groups: NDArray[np.float32],
        floor: NDArray[np.float32],
        ceiling: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Return the probability in all groups but the first and the last, the halo."""
        overall = groups[:, :, N_BANDS]
        span = ceiling[:, N_BANDS:] - floor[:, N_BANDS:]
        # Two numbers a frame: the bands' weighted rise, and the share of the whole range.
        rise = groups[:, :, :N_BANDS] - floor[:, np.newaxis, :N_BANDS]
        np.maximum(rise, np.float32(-5.0), out=rise)
        np.minimum(rise, np.float32(30.0), out=rise)
        share = (overall - floor[:, N_BANDS:]) / np.maximum(span, _MIN_RANGE_DB)
        np.maximum(share, _MIN_SHARE, out=share)
        np.minimum(share, np.float32(1.2), out=share)
        # Products of one size, a group each: the same bits however many groups there are.
        merit = np.matmul(rise, self._weights)[:, :, 0] + np.float32(_SHARE_WEIGHT) * share
        steady = _STEADY_WEIGHT * np.maximum(0.0, _STEADY_DB - span)
        odds = _neighbour_mean(merit.ravel()).reshape(merit.shape)
        odds += _BIAS - steady
        share = np.where(np.isnan(share), _MIN_SHARE, share).ravel()
        peak, near = (_neighbour_peak(share, reach) for reach in (_REACH_PEAK, _REACH_EDGE))
        inside = slice(_HALO * _GROUP, -_HALO * _GROUP)
        odds = odds.ravel()[inside] + _PEAK_WEIGHT * peak[inside]
        odds -= _EDGE_WEIGHT * np.maximum(0.0, _EDGE_SHARE - near[inside])
        is_heard = overall.ravel()[inside] > _SILENT_DB  # false where there is no frame
        judged: NDArray[np.float32] = np.where(is_heard, 1.0 / (1.0 + np.exp(-odds)), 0.0)
        return judged.astype(np.float32)


def _absent(n_frames: int) -> NDArray[np.float32]:
    """Frames before the beginning or after the end: NaN, so that no statistic counts them."""
    return np.full((n_frames, N_BANDS + 1), np.nan, np.float32)


def _group_means(groups: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return each group's mean levels over its audible frames, ``(groups, 17)``.

    Silent frames do not count: an edit is no noise floor.
    """
    is_audible = groups[:, :, N_BANDS:] > _SILENT_DB
    sums = np.add.reduce(np.where(is_audible, groups, np.float32(0.0)), axis=1)
    n_audible = np.add.reduce(is_audible, axis=1, dtype=np.float32)
    means: NDArray[np.float32] = sums / np.maximum(n_audible, np.float32(1.0))
    return np.where(n_audible > 0.0, means, _NOTHING)


def _floor_and_ceiling(
    means: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the low and the high level around each group, in dB.

    Both ``(groups - 30, 17)``: each band's, then that of the bands' mean. They are ranks
    among the mean levels of the groups in reach.
    """
    ranked = np.sort(sliding_window_view(means, _PAST + 1 + _FUTURE, axis=0), axis=-1)
    # Groups that heard nothing come last: ranks count within the others.
    n_heard = np.count_nonzero(ranked[:, 0] < _NOTHING, axis=-1)
    ranked[n_heard == 0] = 0.0
    last, every = np.maximum(n_heard - 1, 0), np.arange(len(ranked))
    floor, ceiling = (
        ranked[every, :, np.rint(q * last).astype(np.intp)]
        for q in (_FLOOR_QUANTILE, _CEILING_QUANTILE)
    )
    return np.maximum(floor, ceiling - _MAX_RANGE_DB), ceiling


def _neighbour_mean(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean of each value and its neighbours, of those that are there."""
    is_there = ~np.isnan(values)
    padded = np.zeros((2, len(values) + 2 * _REACH_MEAN))
    padded[0, _REACH_MEAN:-_REACH_MEAN] = np.where(is_there, values, 0.0)
    padded[1, _REACH_MEAN:-_REACH_MEAN] = is_there
    sums = _sliding(np.add, padded, 2 * _REACH_MEAN + 1)
    means: NDArray[np.float64] = sums[0] / np.maximum(sums[1], 1.0)
    return means


def _neighbour_peak(values: NDArray[np.float32], reach: int) -> NDArray[np.float32]:
    """Return the maximum of each value and its neighbours."""
    padded = np.full(len(values) + 2 * reach, _MIN_SHARE)
    padded[reach:-reach] = values
    return _sliding(np.maximum, padded, 2 * reach + 1)


def _sliding(combine: np.ufunc, values: NDArray[Any], width: int) -> NDArray[Any]:
    """Combine every stretch of `width` values, by halves.

    Each in the same order: a running sum would depend on where the array begins.

    Returns:
        Along the last axis, ``width - 1`` fewer values.
    """
    if width == 1:
        return values
    half = width // 2
    halves = _sliding(combine, values, half)
    combined: NDArray[Any] = combine(halves[..., :-half], halves[..., half:])
    if width % 2:
        combined = combine(combined[..., :-1], values[..., width - 1 :])
    return combined
