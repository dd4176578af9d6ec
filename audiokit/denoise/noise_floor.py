"""How much of each bin is noise, followed from frame to frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["BIAS_DB", "KnownNoise", "NoiseFloor", "Powers"]

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
# For noise that stays as it is: a mean over a second instead of a fraction of one.
_STEADY_SMOOTHING = 0.985
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


@dataclass(frozen=True, slots=True)
class KnownNoise:
    """What was told of a noise before it is heard.

    Args:
        power: In every bin, ``(n_bins,)``; none where it must be learnt.
        is_steady: Whether it stays as it is: a power that was told is then kept, one that
            must be learnt is followed slowly.
    """

    power: NDArray[np.float32] | None = None
    is_steady: bool = False


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
        silence: Lowest floor, and the floor until something was heard.
        known: What was told of the noise beforehand.

    References:
        T. Gerkmann, R. Hendriks, "Unbiased MMSE-based noise power estimation with low
        complexity and low tracking delay", IEEE Transactions on Audio, Speech, and
        Language Processing 20(4), 2012.
    """

    def __init__(
        self,
        channels: int,
        n_bins: int,
        *,
        hop_ms: float,
        bin_hz: float,
        silence: float,
        known: KnownNoise | None = None,
    ) -> None:
        self._shape = (channels, n_bins)
        self._silence = np.float32(silence)
        self._known = known or KnownNoise()
        smoothing = _STEADY_SMOOTHING if self._known.is_steady else _SMOOTHING_PER_16_MS
        self._near = _bins_near(n_bins, max(1, round(_VALLEY_HZ / bin_hz)))
        # With e = exp(-c P / N) the paper's absence probability is l e / (1 + l e), and
        # the floor moves by (1 - smoothing) times that: 1 / (b + b / (l e)). So one
        # exponential of P / N, shifted by log(b / l), and one division do it.
        snr = 10.0 ** (_SPEECH_SNR_DB / 10.0)
        slowness = 1.0 / (1.0 - smoothing ** (hop_ms / 16.0))
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
        # The lowest exponent of this block, and the last block that came near the floor.
        self._lowest = np.full(self._shape, np.inf, np.float32)
        self._valley_block = np.zeros(self._shape, np.int32)
        self._n_heard = 0
        self._is_learning = True
        self._n_learnt = [0] * self._shape[0]
        self._learnt = np.zeros(self._shape, np.float32)
        if self._known.power is not None:
            np.maximum(self._known.power, self._silence, out=self._floor)
            self._is_learning = False

    def track(self, power: Powers, is_heard: NDArray[np.bool_]) -> Powers:
        """Return the noise power at each of the next frames.

        Args:
            power: Squared magnitudes, ``(frames, channels, bins)``, C-contiguous.
            is_heard: False where a frame is silence and tells nothing,
                ``(frames, channels)``.

        Returns:
            As many frames; never below the power of silence.
        """
        floors = np.empty_like(power)
        if self._known.power is not None and self._known.is_steady:
            floors[:] = self._floor
            return floors
        last = self._floor
        lowest = self._lowest
        exponent = np.empty_like(last)
        step = np.empty_like(last)
        # What can be is looked up ahead of the loop: in it, that would cost as much as
        # the arithmetic.
        add, subtract, divide = np.add, np.subtract, np.divide
        exp, minimum = np.exp, np.minimum
        frames = zip(power, power * self._slope, floors, is_heard.tolist(), strict=True)
        for frame, scaled, floor, heard in frames:
            if not any(heard):
                floor[:] = last
                continue
            divide(scaled, last, exponent)
            add(exponent, self._shift, exponent)
            minimum(lowest, exponent, out=lowest)
            minimum(exponent, self._cap, out=exponent)
            exp(exponent, exponent)
            add(exponent, self._slowness, exponent)
            subtract(frame, last, step)
            divide(step, exponent, step)
            if not all(heard):
                step[np.logical_not(heard)] = 0.0
            add(last, step, floor)
            last = floor
            self._n_heard += 1
            if self._n_heard % _BLOCK_FRAMES == 0:
                self._end_block(floor)
            if self._is_learning:
                self._learn(frame, heard, floor)
        self._floor = last.copy()
        return floors

    def _end_block(self, floor: NDArray[np.float32]) -> None:
        block = self._n_heard // _BLOCK_FRAMES
        np.copyto(self._valley_block, block, where=self._lowest <= self._stuck)
        self._lowest.fill(np.inf)
        is_stuck = self._valley_block <= block - _STUCK_BLOCKS
        self._cap.fill(_LARGEST_EXPONENT)
        np.copyto(self._cap, self._stuck_cap, where=is_stuck)
        np.maximum(floor, self._silence, out=floor)

    def _learn(
        self, power: NDArray[np.float32], heard: list[bool], floor: NDArray[np.float32]
    ) -> None:
        for channel, is_heard in enumerate(heard):
            if is_heard and self._n_learnt[channel] < _LEARN_FRAMES:
                self._n_learnt[channel] += 1
                self._learnt[channel] += power[channel]
                floor[channel] = self._learnt_floor(channel)
        self._is_learning = min(self._n_learnt) < _LEARN_FRAMES

    def _learnt_floor(self, channel: int) -> NDArray[np.float32]:
        n_frames = np.float32(self._n_learnt[channel])
        mean = self._learnt[channel] / n_frames
        # The lowest of nine bins lies below the mean of noise by about this much: ninefold
        # for one frame (the power is exponentially distributed), less for a mean of many.
        bias = np.float32(1.7) + np.float32(6.0) / n_frames
        lowest = np.minimum.reduce(mean.take(self._near))
        valley = np.add.reduce(lowest.take(self._near)) * (bias / np.float32(len(self._near)))
        floor: NDArray[np.float32] = np.maximum(np.minimum(mean, valley), self._silence)
        return floor


@lru_cache(maxsize=16)
def _bins_near(n_bins: int, radius: int) -> NDArray[np.intp]:
    """Return the bins around each bin, the edge in place of what lies beyond it."""
    around = np.arange(n_bins) + np.arange(-radius, radius + 1)[:, np.newaxis]
    around.clip(0, n_bins - 1, out=around)
    return around
