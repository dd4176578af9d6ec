"""Plain spectral subtraction: the method everybody writes first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.stft import Spectra, StftStream, fast_window_samples
from audiokit.ranges import check_range
from audiokit.stage import Block, Fact, Processor, StreamFormat

__all__ = ["SpectralEngine", "SpectralSettings"]

_WINDOW_MS = 32.0
# Below any magnitude that 32-bit samples leave, and no denormal number.
_TINY = np.float32(1e-20)


@dataclass(frozen=True, slots=True)
class SpectralSettings:
    """What is subtracted.

    Raises:
        SettingError: A value is outside its range.
    """

    strength: float = 1.0
    """How far to go, 0 (changes nothing) to 1; scales what each magnitude loses."""

    noise_s: float = 0.5
    """How long the stream begins with noise alone, in s, 0.05 to 10."""

    over_subtraction: float = 1.0
    """How many times over the noise is subtracted, 0 to 8."""

    floor_db: float = -26.0
    """The lowest gain, in dB, -80 to 0."""

    def __post_init__(self) -> None:
        check_range("strength", self.strength, 0.0, 1.0)
        check_range("noise_s", self.noise_s, 0.05, 10.0, unit="s")
        check_range("over_subtraction", self.over_subtraction, 0.0, 8.0)
        check_range("floor_db", self.floor_db, -80.0, 0.0, unit="dB")


class SpectralEngine(Processor):
    """Subtract the mean magnitude of the first half second from all that follows.

    For comparison, or where a stream is known to begin with its noise alone: speech in that
    time is taken for noise, noise that changes later is not followed, and what is left of it
    tinkles. `Denoiser` is the default.

    While the first half second lasts, what has been heard of it so far is subtracted.

    Args:
        fmt: Format of the stream.
        settings: What is subtracted.

    References:
        S. Boll, "Suppression of acoustic noise in speech using spectral subtraction", IEEE
        Transactions on ASSP 27(2), 1979.
    """

    def __init__(self, fmt: StreamFormat, settings: SpectralSettings | None = None) -> None:
        self.fmt = fmt
        self.settings = settings or SpectralSettings()
        window = fast_window_samples(_WINDOW_MS, fmt.sample_rate)
        self._stft = StftStream(fmt, window_samples=window, hop_samples=window // 2)
        self.latency_samples = self._stft.latency_samples
        self._to_hear = 1 + max(1, round(self.settings.noise_s * fmt.sample_rate / (window // 2)))
        self._floor = np.float32(10.0 ** (self.settings.floor_db / 20.0))
        self._strength = np.float32(self.settings.strength)
        self._excess = np.float32(self.settings.over_subtraction)
        self.reset()

    def reset(self) -> None:
        self._stft.reset()
        self._n_heard = 0
        self._sum = np.zeros((self.fmt.channels, self._stft.n_bins), np.float32)
        self._noise = self._sum

    def process(self, block: Block) -> Block:
        return self._stft.process(block, self._subtract)

    def flush(self) -> Block:
        return self._stft.flush(self._subtract)

    def facts(self) -> Mapping[str, Fact]:
        """Return `noise_learnt_s`: how much of the stream was taken for noise alone."""
        learnt_samples = max(0, self._n_heard - 1) * self._stft.hop_samples
        return {"noise_learnt_s": round(self.fmt.seconds(learnt_samples), 3)}

    def _subtract(self, spectra: Spectra) -> Spectra:
        magnitude = np.abs(spectra)
        noise = np.empty_like(magnitude)
        n_new = min(len(spectra), self._to_hear - self._n_heard)
        for index in range(n_new):
            self._learn(magnitude[index])
            noise[index] = self._noise
        noise[n_new:] = self._noise
        noise *= self._excess
        magnitude += _TINY
        gain = (magnitude - noise) / magnitude
        gain = np.maximum(gain, self._floor, out=gain)
        spectra *= 1.0 - self._strength * (1.0 - gain)
        return spectra

    def _learn(self, magnitude: NDArray[np.float32]) -> None:
        self._n_heard += 1
        # The first window only half meets the stream: the second takes its place.
        is_first = self._n_heard <= 2
        self._sum = magnitude.copy() if is_first else self._sum + magnitude
        self._noise = self._sum / np.float32(max(1, self._n_heard - 1))
