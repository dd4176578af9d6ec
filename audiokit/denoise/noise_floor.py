"""How much of each bin is noise, followed from frame to frame."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["BIAS_DB", "NoiseFloor", "Powers"]

Powers = NDArray[np.float32]
"""Squared magnitudes or the like, ``(frames, channels, bins)``."""

BIAS_DB = -1.9
"""Where the floor of steady white noise settles, against its mean power.

Loud moments of the noise pass for speech. Lifting the floor to the mean was measured to
cost more speech than it took noise (0.6 points of STOI), so it is left there.
"""

# Speech, where it is, is expected this far above the noise (Gerkmann & Hendriks: 15 dB).
_SPEECH_SNR_DB = 10.0
_SMOOTHING_PER_16_MS = 0.8
# A bin that for six blocks of eight frames never came within 9 dB of its noise floor has
# more noise than we think: it then follows slowly, speech or not.
_BLOCK_FRAMES = 8
_STUCK_BLOCKS = 6
_STUCK_RATIO = 7.7
_STUCK_RATE = 0.002
# Keeps exp() in range; the rate is zero long before.
_LARGEST_EXPONENT = 60.0
_LEARN_FRAMES = 8
_VALLEY_HZ = 125.0


class NoiseFloor:
    """Follow the noise power in every bin, through speech.

    The power of a frame counts as noise as far as speech is improbable in it: that
    follows noise that rises and falls without waiting for a pause. This is the one loop
    over frames that cannot be avoided, so it does only what feeds back.

    The first frames may be speech already. Until eight frames were heard, the floor is
    the mean power so far, but no more than the valleys of its spectrum allow: noise has
    shallow valleys, a voice deep ones between its harmonics.

    Args:
        channels: Number of channels, each followed by itself.
        n_bins: Bins of a frame.
        hop_ms: From frame to frame.
        bin_hz: From bin to bin.
        silence: Mean power of a bin below which a frame is silence and tells nothing;
            also the lowest floor.

    References:
        T. Gerkmann, R. Hendriks, "Unbiased MMSE-based noise power estimation with low
        complexity and low tracking delay", IEEE Transactions on Audio, Speech, and
        Language Processing 20(4), 2012.
    """

    def __init__(
        self, channels: int, n_bins: int, *, hop_ms: float, bin_hz: float, silence: float
    ) -> None:
        self._shape = (channels, n_bins)
        self._silence = np.float32(silence)
        self._valley_bins = max(1, round(_VALLEY_HZ / bin_hz))
        # With e = exp(-c P / N) the paper's absence probability is l e / (1 + l e), and
        # the floor moves by (1 - smoothing) times that: 1 / (b + b / (l e)). So one
        # exponential of P / N, shifted by log(b / l), and one division do it.
        snr = 10.0 ** (_SPEECH_SNR_DB / 10.0)
        slowness = 1.0 / (1.0 - _SMOOTHING_PER_16_MS ** (hop_ms / 16.0))
        # Whole arrays: a scalar costs a conversion on every call.
        self._slowness = np.full(self._shape, slowness, np.float32)
        self._slope = np.float32(snr / (1.0 + snr))
        self._shift = np.full(self._shape, math.log(slowness / (1.0 + snr)), np.float32)
        self._stuck = self._shift + np.float32(_STUCK_RATIO * snr / (1.0 + snr))
        self._stuck_cap = np.float32(math.log(1.0 / _STUCK_RATE))
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._floor = np.full(self._shape, self._silence, np.float32)
        self._cap = np.full(self._shape, _LARGEST_EXPONENT, np.float32)
        self._lowest = self._cap.copy()
        self._n_above = np.zeros(self._shape, np.float32)
        self._n_heard = 0
        self._is_learning = True
        self._n_learnt = np.zeros(self._shape[0], np.int64)
        self._learnt = np.zeros(self._shape, np.float32)

    def track(self, power: Powers) -> Powers:
        """Return the noise power at each of the next frames.

        Args:
            power: Squared magnitudes, ``(frames, channels, bins)``, C-contiguous.

        Returns:
            As many frames; never below the power of silence.
        """
        floors = np.empty_like(power)
        heard = power.mean(axis=-1) > self._silence
        all_heard = heard.all(axis=1).tolist()
        any_heard = heard.any(axis=1).tolist()
        scaled = power * self._slope
        exponent = np.empty(self._shape, np.float32)
        step = np.empty(self._shape, np.float32)
        for index in range(len(power)):
            if any_heard[index]:
                np.divide(scaled[index], self._floor, out=exponent)
                np.add(exponent, self._shift, out=exponent)
                np.minimum(self._lowest, exponent, out=self._lowest)
                np.minimum(exponent, self._cap, out=exponent)
                np.exp(exponent, out=exponent)
                np.add(exponent, self._slowness, out=exponent)
                np.subtract(power[index], self._floor, out=step)
                np.divide(step, exponent, out=step)
                if not all_heard[index]:
                    step *= heard[index, :, np.newaxis]
                np.add(self._floor, step, out=self._floor)
                self._n_heard += 1
                if self._n_heard % _BLOCK_FRAMES == 0:
                    self._end_block()
                if self._is_learning:
                    self._learn(power[index], heard[index])
            floors[index] = self._floor
        return floors

    def _end_block(self) -> None:
        self._n_above += np.float32(1.0)
        self._n_above *= self._lowest > self._stuck
        self._lowest.fill(_LARGEST_EXPONENT)
        np.copyto(self._cap, np.float32(_LARGEST_EXPONENT))
        np.copyto(self._cap, self._stuck_cap, where=self._n_above >= _STUCK_BLOCKS)
        np.maximum(self._floor, self._silence, out=self._floor)

    def _learn(self, power: Powers, heard: NDArray[np.bool_]) -> None:
        for channel in np.flatnonzero(heard & (self._n_learnt < _LEARN_FRAMES)):
            self._learn_channel(channel, power[channel])
        self._is_learning = bool(self._n_learnt.min() < _LEARN_FRAMES)

    def _learn_channel(self, channel: np.intp, power: NDArray[np.float32]) -> None:
        self._n_learnt[channel] += 1
        self._learnt[channel] += power
        n_frames = np.float32(self._n_learnt[channel])
        mean = self._learnt[channel] / n_frames
        # The lowest of nine bins lies below the mean of noise by about this much: ninefold
        # for one frame (the power is exponentially distributed), less for a mean of many.
        bias = np.float32(1.7) + np.float32(6.0) / n_frames
        valley = _smooth(_lowest_near(mean, self._valley_bins), self._valley_bins) * bias
        self._floor[channel] = np.maximum(np.minimum(mean, valley), self._silence)


def _lowest_near(row: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    lowest: NDArray[np.float32] = _near(row, radius).min(axis=-1)
    return lowest


def _smooth(row: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    mean: NDArray[np.float32] = _near(row, radius).mean(axis=-1)
    return mean


def _near(row: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    return sliding_window_view(np.pad(row, radius, mode="edge"), 2 * radius + 1)
