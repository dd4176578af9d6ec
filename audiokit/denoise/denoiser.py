"""The denoiser: spectra in, the noise in them turned down, time and level kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate
from operator import add

import numpy as np
from numpy.typing import NDArray

from audiokit.denoise.gain import SpeechGain
from audiokit.denoise.noise_floor import BIAS_DB, NoiseFloor, Powers
from audiokit.dsp.stft import Spectra, StftStream, fast_window_samples
from audiokit.errors import SettingError
from audiokit.stage import Block, Fact, Processor, StreamFormat
from audiokit.units import power_to_db

__all__ = ["DenoiseSettings", "Denoiser"]

# Mean power of a bin when white noise has power 1 (see `Spectra`).
_WHITE = 0.5
# Noise at this level, spread over the whole band, is below what 16 bits can hold.
_SILENCE_DBFS = -100.0
_RATES_HZ = (8000, 96000)
# Noise this far below the speech is left alone: taking it away costs more than it gives.
# Each dB above that allows 2.5 dB more reduction.
_GOOD_SNR_DB = 34.0
_SNR_SLOPE = 2.5
_SPEECH_DECAY_DB_PER_S = 0.5
# Taken as the speech level until something louder is heard.
_EXPECTED_SPEECH_DBFS = -30.0
_SPEECH_FROM_HZ = 200.0


@dataclass(frozen=True, slots=True)
class DenoiseSettings:
    """How much noise to take away.

    Raises:
        SettingError: A value is outside its range.
    """

    strength: float = 1.0
    """How far to go, 0 (changes nothing) to 1; scales every gain in dB."""

    floor_db: float = -20.0
    """Gain where nothing but noise is heard, in dB, -60 to 0: some noise that stays even
    sounds better than none that flickers."""

    window_ms: float = 32.0
    """Length of the analysis window in ms, 8 to 64; also the latency."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.strength <= 1.0:
            raise SettingError("strength", self.strength, "0 to 1")
        if not -60.0 <= self.floor_db <= 0.0:
            raise SettingError("floor_db", self.floor_db, "-60 to 0 dB")
        if not 8.0 <= self.window_ms <= 64.0:
            raise SettingError("window_ms", self.window_ms, "8 to 64 ms")


class Denoiser(Processor):
    """Turn background noise down and leave speech.

    Works at the stream's own rate, each channel by itself, and hears nothing of the
    future but one window. Where the noise lies 34 dB and more below the speech it steps
    back, so that clean recordings stay as they are.

    Args:
        fmt: Format of the stream, 8 to 96 kHz.
        settings: How much to take away.

    Raises:
        SettingError: The sample rate is outside 8 to 96 kHz.
    """

    def __init__(self, fmt: StreamFormat, settings: DenoiseSettings | None = None) -> None:
        if not _RATES_HZ[0] <= fmt.sample_rate <= _RATES_HZ[1]:
            raise SettingError(
                "sample_rate", fmt.sample_rate, "8000 to 96000 Hz to denoise", "Resample first."
            )
        self.fmt = fmt
        self.settings = settings or DenoiseSettings()
        window = fast_window_samples(self.settings.window_ms, fmt.sample_rate)
        # Half a window: a quarter costs twice as much for no more PESQ or STOI.
        hop = window // 2
        self._stft = StftStream(fmt, window_samples=window, hop_samples=hop)
        self.latency_samples = self._stft.latency_samples
        bin_hz = fmt.sample_rate / window
        silence = _WHITE * 10.0 ** (_SILENCE_DBFS / 10.0)
        # Of a whole frame.
        self._silence = silence * self._stft.n_bins
        self._strength = np.float32(self.settings.strength)
        self._noise = NoiseFloor(
            fmt.channels,
            self._stft.n_bins,
            hop_ms=1000.0 * hop / fmt.sample_rate,
            bin_hz=bin_hz,
            silence=silence,
        )
        self._gain = SpeechGain(
            fmt.channels, window_samples=window, hop_samples=hop, sample_rate=fmt.sample_rate
        )
        self._speech_bin = math.ceil(_SPEECH_FROM_HZ / bin_hz)
        self._decay_db = _SPEECH_DECAY_DB_PER_S * hop / fmt.sample_rate
        # One half of the spectrum holds half the power.
        expected = _WHITE * self._stft.n_bins * 10.0 ** (_EXPECTED_SPEECH_DBFS / 10.0)
        self._expected_db = 10.0 * math.log10(expected)
        self.reset()

    def reset(self) -> None:
        self._stft.reset()
        self._noise.reset()
        self._gain.reset()
        self._loudest_db = [self._expected_db] * self.fmt.channels
        self._n_heard = 0
        self._sum_log_gain = 0.0
        self._sum_noise = 0.0

    def process(self, block: Block) -> Block:
        return self._stft.process(block, self._clean)

    def flush(self) -> Block:
        return self._stft.flush(self._clean)

    def facts(self) -> Mapping[str, Fact]:
        """Return by how much the noise fell and how strong it was.

        `mean_reduction_db` is the mean over all bins of all frames that held sound, and
        `noise_floor_dbfs` the mean power of the noise found in them.
        """
        if not self._n_heard:
            return {"mean_reduction_db": 0.0, "noise_floor_dbfs": None}
        n_bins = self._n_heard * self._stft.n_bins
        gain_db = self._sum_log_gain / n_bins * (20.0 / math.log(10.0))
        noise = self._sum_noise / n_bins / _WHITE
        return {
            "mean_reduction_db": round(-gain_db, 2),
            "noise_floor_dbfs": round(power_to_db(noise) - BIAS_DB, 2),
        }

    def _clean(self, spectra: Spectra) -> Spectra:
        power = np.square(spectra.real)
        power += np.square(spectra.imag)
        low, level = self._sums(power)
        is_heard = low + level > self._silence
        noise = self._noise.track(power, is_heard)
        low_noise, noise_level = self._sums(noise)
        lowest = self._lowest_log_gain(level, noise_level)
        gain = self._gain.log_gain(power, noise, lowest)
        gain *= self._strength
        self._note(is_heard, np.add.reduce(gain, axis=-1), low_noise + noise_level)
        spectra *= np.exp(gain, out=gain)
        return spectra

    def _sums(self, power: Powers) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the power of each frame below a voice's band, and in it."""
        low, speech = power[..., : self._speech_bin], power[..., self._speech_bin :]
        return np.add.reduce(low, axis=-1), np.add.reduce(speech, axis=-1)

    def _lowest_log_gain(
        self, level: NDArray[np.float32], noise_level: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the lowest gain of each frame, higher where the noise is low anyway."""
        # Silence keeps the logarithm finite.
        level_db = 10.0 * np.log10(np.maximum(level, np.float32(self._silence)))
        loudest_db = np.empty(level.shape)
        for channel, levels_db in enumerate(level_db.T.tolist()):
            loudest = accumulate(levels_db, self._fall_or_rise, initial=self._loudest_db[channel])
            loudest_db[:, channel] = list(loudest)[1:]
        self._loudest_db = loudest_db[-1].tolist()
        snr_db = loudest_db - 10.0 * np.log10(noise_level)
        lowest_db = _SNR_SLOPE * (snr_db - _GOOD_SNR_DB)
        lowest_db.clip(self.settings.floor_db, 0.0, out=lowest_db)
        lowest = (lowest_db * (math.log(10.0) / 20.0)).astype(np.float32)
        per_frame: NDArray[np.float32] = lowest[..., np.newaxis]
        return per_frame

    def _fall_or_rise(self, loudest_db: float, level_db: float) -> float:
        """Return the level of the loudest frame so far, which falls by and by."""
        return max(loudest_db - self._decay_db, level_db)

    def _note(
        self,
        is_heard: NDArray[np.bool_],
        log_gain: NDArray[np.float32],
        noise: NDArray[np.float32],
    ) -> None:
        # Frame by frame in order, so that sums do not depend on the cutting.
        log_gains, noises = log_gain[is_heard].tolist(), noise[is_heard].tolist()
        self._n_heard += len(log_gains)
        self._sum_log_gain = reduce(add, log_gains, self._sum_log_gain)
        self._sum_noise = reduce(add, noises, self._sum_noise)
