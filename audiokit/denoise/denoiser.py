"""The denoiser: spectra in, the noise in them turned down, time and level kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

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
        self._silence = _WHITE * 10.0 ** (_SILENCE_DBFS / 10.0)
        self._noise = NoiseFloor(
            fmt.channels,
            self._stft.n_bins,
            hop_ms=1000.0 * hop / fmt.sample_rate,
            bin_hz=bin_hz,
            silence=self._silence,
        )
        self._gain = SpeechGain(
            fmt.channels, window_samples=window, hop_samples=hop, sample_rate=fmt.sample_rate
        )
        self._speech = slice(math.ceil(_SPEECH_FROM_HZ / bin_hz), None)
        self._decay_db = _SPEECH_DECAY_DB_PER_S * hop / fmt.sample_rate
        # One half of the spectrum holds half the power.
        expected = _WHITE * self._stft.n_bins * 10.0 ** (_EXPECTED_SPEECH_DBFS / 10.0)
        self._expected_db = 10.0 * math.log10(expected)
        self.reset()

    def reset(self) -> None:
        self._stft.reset()
        self._noise.reset()
        self._gain.reset()
        self._loudest_db = np.full((1, self.fmt.channels), self._expected_db)
        self._n_frames = 0
        self._n_heard = 0
        self._sum_gain_db = 0.0
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
        noise = self._sum_noise / self._n_heard / _WHITE
        return {
            "mean_reduction_db": round(-self._sum_gain_db / self._n_heard, 2),
            "noise_floor_dbfs": round(power_to_db(noise) - BIAS_DB, 2),
        }

    def _clean(self, spectra: Spectra) -> Spectra:
        power = np.square(spectra.real)
        power += np.square(spectra.imag)
        noise = self._noise.track(power)
        # Keeps the logarithm finite; far below everything that counts.
        np.maximum(power, np.float32(1e-4 * self._silence), out=power)
        gain = self._gain.log_gain(power, noise, self._lowest_log_gain(power, noise))
        gain *= np.float32(self.settings.strength)
        self._note(power, noise, gain)
        spectra *= np.exp(gain, out=gain)
        return spectra

    def _lowest_log_gain(self, power: Powers, noise: Powers) -> NDArray[np.float32]:
        """Return the lowest gain of each frame, higher where the noise is low anyway."""
        level_db = 10.0 * np.log10(power[..., self._speech].sum(axis=-1, dtype=np.float64))
        noise_db = 10.0 * np.log10(noise[..., self._speech].sum(axis=-1, dtype=np.float64))
        # The loudest frame so far falls by and by. Seen from a frame that rises as fast,
        # it stays: then it is a running maximum, the same for every cutting.
        rise_db = self._decay_db * np.arange(self._n_frames, self._n_frames + len(power))
        self._n_frames += len(power)
        risen_db = np.concatenate([self._loudest_db, level_db + rise_db[:, np.newaxis]])
        loudest_db = np.maximum.accumulate(risen_db, axis=0)
        self._loudest_db = loudest_db[-1:]
        snr_db = loudest_db[1:] - rise_db[:, np.newaxis] - noise_db
        lowest_db = np.clip(_SNR_SLOPE * (snr_db - _GOOD_SNR_DB), self.settings.floor_db, 0.0)
        lowest = (lowest_db * (math.log(10.0) / 20.0)).astype(np.float32)
        per_frame: NDArray[np.float32] = lowest[..., np.newaxis]
        return per_frame

    def _note(self, power: Powers, noise: Powers, gain: Powers) -> None:
        # Frame by frame in order, so that sums do not depend on the cutting.
        heard = power.mean(axis=-1) > self._silence
        gain_db = gain.mean(axis=-1, dtype=np.float64)[heard] * (20.0 / math.log(10.0))
        mean_noise = noise.mean(axis=-1, dtype=np.float64)[heard]
        self._n_heard += len(gain_db)
        self._sum_gain_db = float(np.cumsum([self._sum_gain_db, *gain_db])[-1])
        self._sum_noise = float(np.cumsum([self._sum_noise, *mean_noise])[-1])
