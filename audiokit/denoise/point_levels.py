"""What the mask network hears: levels of points in frequency, against what is usual."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from audiokit.denoise.bands import N_POINTS, bins_to_points
from audiokit.denoise.noise_floor import Powers

__all__ = ["N_FEATURES", "SILENCE", "PointLevels"]

N_FEATURES = 2 * N_POINTS
SILENCE = 0.5e-10
"""Power of a bin in silence: noise at -100 dBFS, below what 16 bits can hold."""

# Frames come every 16 ms; these are shares of the way per frame.
_LEVEL_RATE = 1.0 - math.exp(-16.0 / 1500.0)
_RISE_RATE, _FALL_RATE = np.float32(1.0 / 190.0), np.float32(1.0 / 12.0)
# Points up to 4 kHz, which a telephone has too.
_LEVEL_POINTS = 96
# From natural logarithms to what a network likes to be fed.
_SCALE = np.float32(0.2)
_LOUDNESS_RANGE, _CONTRAST_RANGE = (-3.0, 2.0), (-2.0, 3.0)
_SILENCE, _LEVEL_COUNT = np.float32(SILENCE), np.float32(_LEVEL_POINTS)


class PointLevels:
    """Turn spectra into what the mask network hears, whatever their level and colour.

    Each point is given twice: against the mean level of the last seconds, and against a
    floor of its own that falls quickly and rises slowly. So the network need not
    remember how strong the noise was in each point: it hears by how much it is exceeded.

    Args:
        channels: Number of channels, each by itself.
        n_bins: Bins of a spectrum.
        bin_hz: From bin to bin.
    """

    def __init__(self, channels: int, n_bins: int, *, bin_hz: float) -> None:
        self._channels = channels
        self._to_points = bins_to_points(n_bins, bin_hz)
        ranges = np.repeat([_LOUDNESS_RANGE, _CONTRAST_RANGE], N_POINTS, axis=0)
        self._least, self._most = ranges.T.astype(np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._n_heard = [0] * self._channels
        self._level = [0.0] * self._channels
        self._floor = np.zeros((self._channels, N_POINTS), np.float32)

    def hear(self, power: Powers, is_heard: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return features of the next frames.

        Args:
            power: Squared magnitudes, ``(frames, channels, bins)``, C-contiguous.
            is_heard: False where a frame is silence, ``(frames, channels)``.

        Returns:
            ``(frames, channels, N_FEATURES)``.
        """
        points = np.matmul(power, self._to_points)
        frame_level = np.add.reduce(points[..., :_LEVEL_POINTS], axis=-1)
        frame_level /= _LEVEL_COUNT
        frame_level += _SILENCE
        np.log(frame_level, out=frame_level)
        points += _SILENCE
        np.log(points, out=points)
        level, floor = self._follow(points, frame_level, is_heard)
        features = np.empty((*points.shape[:-1], N_FEATURES), np.float32)
        loudness, contrast = features[..., :N_POINTS], features[..., N_POINTS:]
        np.subtract(points, level[..., np.newaxis], out=loudness)
        np.subtract(points, floor, out=contrast)
        features *= _SCALE
        # `np.clip` costs several times as much on the few values of a live frame.
        np.maximum(features, self._least, out=features)
        np.minimum(features, self._most, out=features)
        return features

    def _follow(
        self, points: Powers, frame_level: NDArray[np.float32], is_heard: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], Powers]:
        """Return the usual level and each point's floor, at each frame."""
        levels = np.empty_like(frame_level)
        floors = np.empty_like(points)
        fall = np.empty_like(self._floor)
        last = self._floor
        subtract, multiply, minimum, add = np.subtract, np.multiply, np.minimum, np.add
        frames = zip(points, floors, frame_level.tolist(), is_heard.tolist(), strict=True)
        for index, (point, floor, level, heard) in enumerate(frames):
            subtract(point, last, floor)
            # Downward the quicker of the two steps is the lower one, upward the slower.
            multiply(floor, _FALL_RATE, fall)
            multiply(floor, _RISE_RATE, floor)
            minimum(floor, fall, out=floor)
            add(last, floor, floor)
            for channel, is_sound in enumerate(heard):
                if not is_sound:
                    floor[channel] = last[channel]
                elif self._hear_level(channel, level[channel]) == 1:
                    floor[channel] = point[channel]
            levels[index] = self._level
            last = floor
        self._floor = last.copy()
        return levels, floors

    def _hear_level(self, channel: int, level: float) -> int:
        """Let a frame's level count; return how many have."""
        self._n_heard[channel] += 1
        rate = max(1.0 / self._n_heard[channel], _LEVEL_RATE)
        self._level[channel] += rate * (level - self._level[channel])
        return self._n_heard[channel]
