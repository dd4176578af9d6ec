"""What the mask network hears: levels of points in frequency, against what is usual."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from audiokit.denoise.bands import N_POINTS, bins_to_points, edges_hz
from audiokit.denoise.noise_floor import KnownNoise, Powers

__all__ = ["N_FEATURES", "SILENCE", "PointLevels"]

N_FEATURES = 2 * N_POINTS
SILENCE = 0.5e-10
"""Power of a bin in silence: noise at -100 dBFS, below what 16 bits can hold."""

# Frames come every 16 ms; these are shares of the way per frame.
_LEVEL_RATE = 1.0 - math.exp(-16.0 / 1500.0)
_RISE_RATE, _FALL_RATE = 1.0 / 190.0, 1.0 / 12.0
# From the floor at which a point of one bin settles in steady noise to the noise's mean power;
# less where a point holds more bins. Measured: 9.6, 5.9 and 3.8 dB for one, two and four.
_FLOOR_EXCESS_DB, _EXCESS_EXPONENT = 9.6, -2.0 / 3.0
# Points up to 4 kHz, which a telephone has too.
_LEVEL_POINTS = 96
# From natural logarithms to what a network likes to be fed.
_SCALE = np.float32(0.2)
_LOUDNESS_RANGE, _CONTRAST_RANGE = (-3.0, 2.0), (-2.0, 3.0)
_SILENCE = np.float32(SILENCE)


class PointLevels:
    """Turn spectra into what the mask network hears, whatever their level and colour.

    Each point is given twice: against the mean level of the last seconds, and against a
    floor of its own that falls quickly and rises slowly. So the network need not
    remember how strong the noise was in each point: it hears by how much it is exceeded.

    Args:
        channels: Number of channels, each by itself.
        n_bins: Bins of a spectrum.
        bin_hz: From bin to bin.
        known: What was told of the noise beforehand: where floors begin, and stay where the
            noise is steady.
    """

    def __init__(
        self, channels: int, n_bins: int, *, bin_hz: float, known: KnownNoise | None = None
    ) -> None:
        self._channels = channels
        self._to_points = bins_to_points(n_bins, bin_hz)
        ranges = np.repeat([_LOUDNESS_RANGE, _CONTRAST_RANGE], (N_POINTS, N_POINTS + 1), axis=0)
        self._least, self._most = ranges.T.astype(np.float32)
        # Whole arrays: a scalar costs a conversion on every call.
        self._rise, self._fall = (
            np.full((channels, N_POINTS), rate, np.float32) for rate in (_RISE_RATE, _FALL_RATE)
        )
        self._told = np.zeros(N_POINTS, np.float32)
        self._is_untold = np.full(N_POINTS, fill_value=True)
        self._is_kept = np.full(N_POINTS, fill_value=False)
        if known is not None and known.power is not None:
            self._tell(known.power, bin_hz, is_steady=known.is_steady)
        self.reset()

    def _tell(self, power: NDArray[np.float32], bin_hz: float, *, is_steady: bool) -> None:
        """Let floors begin at a noise, where it is known."""
        points = np.matmul(power, self._to_points)
        is_told = points > 0.0
        n_bins = np.maximum(np.diff(edges_hz()) / bin_hz, 1.0)
        excess_db = _FLOOR_EXCESS_DB * n_bins**_EXCESS_EXPONENT
        floors = np.log(points + _SILENCE) - excess_db * (math.log(10.0) / 10.0)
        self._told = np.where(is_told, floors, 0.0).astype(np.float32)
        self._is_untold = np.logical_not(is_told)
        self._is_kept = is_told & is_steady

    def reset(self) -> None:
        """Forget the stream."""
        self._n_heard = [0] * self._channels
        self._level = [0.0] * self._channels
        self._floor = np.tile(self._told, (self._channels, 1))

    def hear(self, power: Powers, is_heard: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return features of the next frames.

        Args:
            power: Squared magnitudes, ``(frames, channels, bins)``, C-contiguous.
            is_heard: False where a frame is silence, ``(frames, channels)``.

        Returns:
            ``(frames, channels, N_FEATURES + 1)``; the last column is 0, for what lies beyond
            the first or the last point (`neighbourhoods`).
        """
        points = np.matmul(power, self._to_points)
        below_4_khz = np.add.reduce(points[..., :_LEVEL_POINTS], axis=-1)
        points += _SILENCE
        np.log(points, out=points)
        level, floor = self._follow(points, below_4_khz.tolist(), is_heard)
        features = np.empty((*points.shape[:-1], N_FEATURES + 1), np.float32)
        features[..., N_FEATURES] = 0.0
        loudness, contrast = features[..., :N_POINTS], features[..., N_POINTS:N_FEATURES]
        np.subtract(points, level[..., np.newaxis], out=loudness)
        np.subtract(points, floor, out=contrast)
        features *= _SCALE
        # `np.clip` costs several times as much on the few values of a live frame.
        np.maximum(features, self._least, out=features)
        np.minimum(features, self._most, out=features)
        return features

    def _follow(
        self, points: Powers, below_4_khz: list[list[float]], is_heard: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], Powers]:
        """Return the usual level and each point's floor, at each frame."""
        levels = []
        floors = np.empty_like(points)
        fall = np.empty_like(self._floor)
        last = self._floor
        is_any_kept = bool(self._is_kept.any())
        subtract, multiply, minimum, add = np.subtract, np.multiply, np.minimum, np.add
        frames = zip(points, floors, below_4_khz, is_heard.tolist(), strict=True)
        for point, floor, powers, heard in frames:
            subtract(point, last, floor)
            # Downward the quicker of the two steps is the lower one, upward the slower.
            multiply(floor, self._fall, fall)
            multiply(floor, self._rise, floor)
            minimum(floor, fall, out=floor)
            add(last, floor, floor)
            for channel, is_sound in enumerate(heard):
                if not is_sound:
                    floor[channel] = last[channel]
                    continue
                if is_any_kept:
                    np.copyto(floor[channel], last[channel], where=self._is_kept)
                if self._hear_level(channel, powers[channel]) == 1:
                    np.copyto(floor[channel], point[channel], where=self._is_untold)
            levels.append(self._level.copy())
            last = floor
        self._floor = last.copy()
        return np.array(levels, np.float32), floors

    def _hear_level(self, channel: int, power: float) -> int:
        """Let a frame's power count; return how many have."""
        self._n_heard[channel] += 1
        rate = max(1.0 / self._n_heard[channel], _LEVEL_RATE)
        level = math.log(power / _LEVEL_POINTS + SILENCE)
        self._level[channel] += rate * (level - self._level[channel])
        return self._n_heard[channel]
