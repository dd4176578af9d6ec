"""The denoiser: spectra in, the noise in them turned down, time and level kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from audiokit.denoise.masks import FrameGrid, Heard, Levels, Mask, StatisticalMask, TrainedMask
from audiokit.denoise.noise_floor import KnownNoise
from audiokit.denoise.profile import check_profile, noise_power
from audiokit.dsp.stft import Spectra, StftStream, fast_window_samples
from audiokit.errors import SettingError
from audiokit.ranges import check_range, check_sample_rate
from audiokit.stage import Block, Fact, Processor, StreamFormat
from audiokit.units import power_to_db

__all__ = ["DenoiseSettings", "Denoiser"]

# Mean power of a bin when white noise has power 1 (see `Spectra`).
_WHITE = 0.5
# Noise at this level, spread over the whole band, is below what 16 bits can hold.
_SILENCE_DBFS = -100.0
# Noise this far below the speech is left alone: taking it away costs more than it gives.
# Each dB above that allows 2.5 dB more reduction.
_GOOD_SNR_DB = 34.0
_SNR_SLOPE = 2.5
# The level of speech follows louder frames in so much time: a knock is no speech.
_SPEECH_RISE_S = 0.3
_SPEECH_DECAY_DB_PER_S = 1.0
# Taken as the speech level until something louder is heard.
_EXPECTED_SPEECH_DBFS = -30.0
_SPEECH_FROM_HZ = 200.0
_LOG_PER_DB = math.log(10.0) / 20.0
_FLOORS_DB = {"network": -40.0, "classic": -25.0}
# The network was trained with frames so far apart.
_NETWORK_HOP_MS = 16.0
_NETWORK_WINDOWS_MS = (32.0, 48.0)


@dataclass(frozen=True, slots=True)
class DenoiseSettings:
    """How much noise to take away, and how.

    Raises:
        SettingError: A value is outside its range, or two do not go together.
    """

    strength: float = 1.0
    """How far to go, 0 (changes nothing) to 1; scales every gain in dB."""

    floor_db: float | None = None
    """Gain where nothing but noise is heard, in dB, -60 to 0; None stands for -40, and for -25
    with the engine ``classic``: some noise that stays even sounds better than some that
    flickers."""

    window_ms: float = 32.0
    """Length of the analysis window in ms, also the latency: 32, or 48 where latency is
    free; 8 to 64 with the engine ``classic``."""

    engine: Literal["network", "classic"] = "network"
    """Who tells speech from noise: a small network that has learnt it and follows moving
    noise, or statistics of the stream."""

    noise: Literal["moving", "stationary"] = "moving"
    """Whether the noise comes and goes. ``stationary`` needs a profile, or the engine
    ``classic``, which then learns it from the first frames and follows it slowly."""

    profile_db: tuple[float, ...] = ()
    """What the noise sounds like, in dBFS per Hz (see `audiokit.denoise.profile`); empty
    where it must be found. With ``moving`` noise it is where to start, with
    ``stationary`` noise it is kept."""

    def __post_init__(self) -> None:
        check_range("strength", self.strength, 0.0, 1.0)
        if self.floor_db is not None:
            check_range("floor_db", self.floor_db, -60.0, 0.0, unit="dB")
        check_profile(self.profile_db)
        for name, value, words in (
            ("engine", self.engine, ("network", "classic")),
            ("noise", self.noise, ("moving", "stationary")),
        ):
            if value not in words:
                raise SettingError(name, value, " or ".join(words))
        if self.engine == "classic":
            if not 8.0 <= self.window_ms <= 64.0:
                raise SettingError("window_ms", self.window_ms, "8 to 64 ms")
            return
        if self.window_ms not in _NETWORK_WINDOWS_MS:
            hint = "The engine classic takes 8 to 64."
            raise SettingError("window_ms", self.window_ms, "32 or 48 ms for the network", hint)
        if self.noise == "stationary" and not self.profile_db:
            raise SettingError(
                "noise", self.noise, "moving, or a profile beside it", "Or use the engine classic."
            )


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
        check_sample_rate(fmt.sample_rate, to="denoise")
        self.fmt = fmt
        self.settings = settings or DenoiseSettings()
        window, hop = self._window_and_hop()
        self._stft = StftStream(fmt, window_samples=window, hop_samples=hop)
        self.latency_samples = self._stft.latency_samples
        silence = _WHITE * 10.0 ** (_SILENCE_DBFS / 10.0)
        # Of a whole frame.
        self._silence = silence * self._stft.n_bins
        self._grid = FrameGrid(
            fmt.channels,
            window,
            hop,
            fmt.sample_rate,
            speech_bin=math.ceil(_SPEECH_FROM_HZ * window / fmt.sample_rate),
            silence=silence,
        )
        self._mask = self._build_mask()
        self._strength = np.float32(self.settings.strength)
        floor_db = self.settings.floor_db
        self._floor_db = _FLOORS_DB[self.settings.engine] if floor_db is None else floor_db
        self._decay_db = _SPEECH_DECAY_DB_PER_S * hop / fmt.sample_rate
        self._rise = -math.expm1(-hop / fmt.sample_rate / _SPEECH_RISE_S)
        # One half of the spectrum holds half the power.
        expected = _WHITE * self._stft.n_bins * 10.0 ** (_EXPECTED_SPEECH_DBFS / 10.0)
        self._expected_db = 10.0 * math.log10(expected)
        self.reset()

    def _window_and_hop(self) -> tuple[int, int]:
        sample_rate = self.fmt.sample_rate
        if self.settings.engine == "network":
            n_hops = round(self.settings.window_ms / _NETWORK_HOP_MS)
            hop = fast_window_samples(_NETWORK_HOP_MS, sample_rate)
            return n_hops * hop, hop
        window = fast_window_samples(self.settings.window_ms, sample_rate)
        # Half a window: a quarter costs twice as much for no more PESQ or STOI.
        return window, window // 2

    def _build_mask(self) -> Mask:
        power = None
        if self.settings.profile_db:
            power = noise_power(
                self.settings.profile_db,
                window_samples=self._grid.window_samples,
                sample_rate=self.fmt.sample_rate,
            )
        known = KnownNoise(power, self.settings.noise == "stationary")
        kind = TrainedMask if self.settings.engine == "network" else StatisticalMask
        return kind(self._grid, known)

    def reset(self) -> None:
        self._stft.reset()
        self._mask.reset()
        self._speech_db = [self._expected_db] * self.fmt.channels
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
            # Gains are 0 dB at most; the absolute value has no negative zero.
            "mean_reduction_db": round(abs(gain_db), 2),
            "noise_floor_dbfs": round(power_to_db(noise), 2),
        }

    def _clean(self, spectra: Spectra) -> Spectra:
        power = np.square(spectra.real)
        power += np.square(spectra.imag)
        level, in_band = self._grid.powers_of(power)
        heard = Heard(power, level, in_band.tolist(), level > self._silence)
        lowest = partial(self._lowest_log_gain, self._speech_level(heard.in_band))
        gain, noise = self._mask.log_gain(heard, lowest)
        gain *= self._strength
        self._note(heard.is_heard, np.add.reduce(gain, axis=-1), noise)
        spectra *= np.exp(gain, out=gain)
        return spectra

    def _speech_level(self, in_band: Levels) -> Levels:
        """Return the level of speech at each frame, in dB."""
        levels = []
        for powers in in_band:
            self._speech_db = [
                self._rise_or_fall(speech_db, 10.0 * math.log10(max(power, self._silence)))
                for speech_db, power in zip(self._speech_db, powers, strict=True)
            ]
            levels.append(self._speech_db)
        return levels

    def _rise_or_fall(self, speech_db: float, level_db: float) -> float:
        """Return the level of speech, which rises with loud frames and falls by and by."""
        if level_db > speech_db:
            return speech_db + self._rise * (level_db - speech_db)
        return max(speech_db - self._decay_db, level_db)

    def _lowest_log_gain(self, speech_db: Levels, noise: Levels) -> Levels:
        """Return the lowest gain of each frame, higher where the noise is low anyway."""
        return [
            [self._lowest_beside(*levels) for levels in zip(speech, powers, strict=True)]
            for speech, powers in zip(speech_db, noise, strict=True)
        ]

    def _lowest_beside(self, speech_db: float, noise: float) -> float:
        snr_db = speech_db - 10.0 * math.log10(noise)
        lowest_db = max(_SNR_SLOPE * (snr_db - _GOOD_SNR_DB), self._floor_db)
        return _LOG_PER_DB * min(lowest_db, 0.0)

    def _note(
        self,
        is_heard: NDArray[np.bool_],
        log_gain: NDArray[np.float32],
        noise: NDArray[np.float32],
    ) -> None:
        # One by one in order, so that sums do not depend on the cutting.
        frames = (array.ravel().tolist() for array in (is_heard, log_gain, noise))
        for sounds, of_gain, of_noise in zip(*frames, strict=True):
            if sounds:
                self._n_heard += 1
                self._sum_log_gain += of_gain
                self._sum_noise += of_noise
