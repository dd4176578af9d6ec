"""Two ways to a gain for every bin: by statistics, and by what a network has learnt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from audiokit.denoise.gain import SpeechGain
from audiokit.denoise.mask_network import MaskNetwork
from audiokit.denoise.noise_floor import BIAS_DB, KnownNoise, NoiseFloor, Powers

__all__ = ["FrameGrid", "Heard", "Levels", "LowestGain", "Mask", "StatisticalMask", "TrainedMask"]

Levels: TypeAlias = list[list[float]]
"""One value for each channel of each frame: lists, since NumPy is slow with so few."""

LowestGain: TypeAlias = Callable[[Levels], Levels]
"""From the noise in a voice's band to the logarithm of the lowest gain of each frame."""

# Below this no gain is told from none.
_LEAST_GAIN = np.float32(1e-4)
# The level in pauses: half of the way down in a frame, up by so much when there is none.
_PAUSE_FALL, _PAUSE_RISE_DB_PER_S = 0.5, 5.0
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

    def powers_of(self, power: Powers) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the power of whole frames, and of a voice's band in them."""
        parts = np.add.reduceat(power, (0, self.speech_bin), axis=-1)
        in_band = parts[..., 1]
        return parts[..., 0] + in_band, in_band


class Heard(NamedTuple):
    """The next frames.

    Args:
        power: Squared magnitudes, ``(frames, channels, bins)``, C-contiguous.
        level: Power of whole frames, ``(frames, channels)``.
        in_band: The same of a voice's band.
        is_heard: False where a frame is silence, ``(frames, channels)``.
    """

    power: Powers
    level: NDArray[np.float32]
    in_band: Levels
    is_heard: NDArray[np.bool_]


class Mask(Protocol):
    """How far each bin is turned down."""

    def reset(self) -> None:
        """Forget the stream."""

    def log_gain(self, heard: Heard, lowest: LowestGain) -> tuple[Powers, NDArray[np.float32]]:
        """Return the gain of the next frames, and the power of the noise in them.

        Args:
            heard: The frames, whose power may be written into.
            lowest: Called once for these frames.

        Returns:
            Natural logarithms up to 0, ``(frames, channels, bins)``, and the noise of whole
            frames, ``(frames, channels)``.
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

    def log_gain(self, heard: Heard, lowest: LowestGain) -> tuple[Powers, NDArray[np.float32]]:
        """Return the gain of the next frames, and the power of the noise in them."""
        noise = self._noise.track(heard.power, heard.is_heard)
        whole, in_band = self._grid.powers_of(noise)
        least = np.array(lowest(in_band.tolist()), np.float32)
        gain = self._gain.log_gain(heard.power, noise, least[..., np.newaxis])
        return gain, whole * _UNBIASED


class TrainedMask:
    """Let the mask network say what is speech.

    How strong the noise is against the speech is told without it, by the level in pauses:
    where the network is mistaken, what it takes for noise would be speech.

    Args:
        grid: Where frames and bins lie.
        known: What was told of the noise beforehand.
    """

    def __init__(self, grid: FrameGrid, known: KnownNoise) -> None:
        self._grid = grid
        self._network = MaskNetwork(grid.channels, grid.n_bins, bin_hz=grid.bin_hz, known=known)
        self._rise: float = 10.0 ** (_PAUSE_RISE_DB_PER_S * grid.hop_ms / 10000.0)
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._network.reset()
        self._noise = [0.0] * self._grid.channels

    def log_gain(self, heard: Heard, lowest: LowestGain) -> tuple[Powers, NDArray[np.float32]]:
        """Return the gain of the next frames, and the power of the noise in them."""
        gain = self._network.gains(heard.power, heard.is_heard)
        removed = heard.level - np.add.reduce(gain * heard.power, axis=-1)
        np.maximum(gain, _LEAST_GAIN, out=gain)
        np.log(gain, out=gain)
        least = np.array(lowest(self._level_in_pauses(heard)), np.float32)
        np.maximum(gain, least[..., np.newaxis], out=gain)
        return gain, removed

    def _level_in_pauses(self, heard: Heard) -> Levels:
        """Return the power that falls quickly with the stream's and rises slowly."""
        levels = []
        for powers, is_heard in zip(heard.in_band, heard.is_heard.tolist(), strict=True):
            self._noise = [
                self._next(last, power) if sounds else last
                for last, power, sounds in zip(self._noise, powers, is_heard, strict=True)
            ]
            levels.append([noise or self._grid.silence for noise in self._noise])
        return levels

    def _next(self, noise: float, power: float) -> float:
        power = max(power, self._grid.silence)
        if not noise:
            return power
        if power < noise:
            return noise + _PAUSE_FALL * (power - noise)
        return min(power, noise * self._rise)
