"""Two ways to a gain for every bin: by statistics, and by what a network has learnt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from audiokit.denoise.gain import SpeechGain
from audiokit.denoise.mask_network import MaskNetwork
from audiokit.denoise.noise_floor import BIAS_DB, KnownNoise, NoiseFloor, Powers

__all__ = ["FrameGrid", "Levels", "LowestGain", "Mask", "StatisticalMask", "TrainedMask"]

Levels: TypeAlias = NDArray[np.float32]
"""One value for each frame and channel, ``(frames, channels)``."""

LowestGain: TypeAlias = Callable[[Levels], Levels]
"""From the noise in a voice's band to the logarithm of the lowest gain of each frame."""

# Below this no gain is told from none.
_LEAST_GAIN = np.float32(1e-4)
_ONE = np.float32(1.0)
# The level in pauses: half of the way down in a frame, up by so much when there is none.
_PAUSE_FALL, _PAUSE_RISE_DB_PER_S = 0.5, 5.0
_ONE = np.float32(1.0)
# From the floor of a point, which its power seldom falls below, to the mean of steady noise.
_FLOOR_EXCESS = np.float32(10.0 ** (5.0 / 10.0))
# From where the floor settles to the mean power of the noise.
_UNBIASED = np.float32(10.0 ** (-BIAS_DB / 10.0))


@dataclass(frozen=True, slots=True)
class FrameGrid:
    """Where frames and bins lie.

    Args:
        channels: Number of channels.
        window_samples: Length of a frame; even.
        hop_samples: From frame to frame.
        sample_rate: In Hz.
        speech_bin: The lowest bin of a voice's band.
        silence: Power of a bin below which nothing is heard.
    """

    channels: int
    window_samples: int
    hop_samples: int
    sample_rate: int
    speech_bin: int
    silence: float

    @property
    def n_bins(self) -> int:
        """Bins of a spectrum."""
        return self.window_samples // 2 + 1

    @property
    def bin_hz(self) -> float:
        """From bin to bin."""
        return self.sample_rate / self.window_samples

    @property
    def hop_ms(self) -> float:
        """From frame to frame."""
        return 1000.0 * self.hop_samples / self.sample_rate

    def power_of(self, power: Powers) -> tuple[Levels, Levels]:
        """Return the power of whole frames, and of a voice's band in them."""
        parts = np.add.reduceat(power, (0, self.speech_bin), axis=-1)
        in_band = parts[..., 1]
        return parts[..., 0] + in_band, in_band


class Mask(Protocol):
    """How far each bin is turned down."""

    def reset(self) -> None:
        """Forget the stream."""

    def log_gain(
        self, power: Powers, is_heard: NDArray[np.bool_], lowest: LowestGain
    ) -> tuple[Powers, Levels]:
        """Return the gain of the next frames, and the power of the noise in them.

        Args:
            power: Squared magnitudes, ``(frames, channels, bins)``; written into by the
                last of several masks at most.
            is_heard: False where a frame is silence, ``(frames, channels)``.
            lowest: Called once for these frames.

        Returns:
            Natural logarithms up to 0, of the shape of `power`, and the noise of whole frames.
        """


class StatisticalMask:
    """Follow the noise in every bin, and turn down what is improbable to be speech.

    Args:
        grid: Where frames and bins lie.
        known: What was told of the noise beforehand.
    """

    def __init__(self, grid: FrameGrid, known: KnownNoise) -> None:
        self._grid = grid
        self._noise = NoiseFloor(
            grid.channels,
            grid.n_bins,
            hop_ms=grid.hop_ms,
            bin_hz=grid.bin_hz,
            silence=grid.silence,
            known=known,
        )
        self._gain = SpeechGain(
            grid.channels,
            window_samples=grid.window_samples,
            hop_samples=grid.hop_samples,
            sample_rate=grid.sample_rate,
        )

    def reset(self) -> None:
        """Forget the stream."""
        self._noise.reset()
        self._gain.reset()

    def log_gain(
        self, power: Powers, is_heard: NDArray[np.bool_], lowest: LowestGain
    ) -> tuple[Powers, Levels]:
        """Return the gain of the next frames, and the power of the noise in them."""
        noise = self._noise.track(power, is_heard)
        whole, in_band = self._grid.power_of(noise)
        gain = self._gain.log_gain(power, noise, lowest(in_band)[..., np.newaxis])
        return gain, whole * _UNBIASED


class TrainedMask:
    """Let the mask network say what is speech.

    How strong the noise is against the speech is told without it, by the level in pauses:
    where the network is mistaken, what it takes for noise would be speech.

    Args:
        grid: Where frames and bins lie.
    """

    def __init__(self, grid: FrameGrid) -> None:
        self._grid = grid
        self._network = MaskNetwork(grid.channels, grid.n_bins, bin_hz=grid.bin_hz)
        self._rise: float = 10.0 ** (_PAUSE_RISE_DB_PER_S * grid.hop_ms / 10000.0)
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._network.reset()
        self._noise: list[float] = [0.0] * self._grid.channels

    def log_gain(
        self, power: Powers, is_heard: NDArray[np.bool_], lowest: LowestGain
    ) -> tuple[Powers, Levels]:
        """Return the gain of the next frames, and the power of the noise in them."""
        gain = self._network.gains(power, is_heard)
        _, in_band = self._grid.power_of(power)
        removed = np.subtract(_ONE, gain)
        removed *= power
        whole, _ = self._grid.power_of(removed)
        np.maximum(gain, _LEAST_GAIN, out=gain)
        np.log(gain, out=gain)
        noise = self._level_in_pauses(in_band, is_heard)
        np.maximum(gain, lowest(noise)[..., np.newaxis], out=gain)
        return gain, whole

    def _level_in_pauses(self, in_band: Levels, is_heard: NDArray[np.bool_]) -> Levels:
        """Return the power that falls quickly with the stream's and rises slowly."""
        noise = np.empty_like(in_band)
        frames = zip(is_heard.tolist(), in_band.tolist(), strict=True)
        for frame, (heard, powers) in enumerate(frames):
            for channel, is_sound in enumerate(heard):
                if is_sound:
                    self._noise[channel] = self._next(self._noise[channel], powers[channel])
            noise[frame] = self._noise
        np.maximum(noise, np.float32(self._grid.silence), out=noise)
        return noise

    def _next(self, noise: float, power: float) -> float:
        if not noise:
            return power
        if power < noise:
            return noise + _PAUSE_FALL * (power - noise)
        return min(power, noise * self._rise)
