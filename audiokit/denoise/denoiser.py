"""The denoiser: spectra in, the noise in them turned down, time and level kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate
from operator import add
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from audiokit.denoise.masks import FrameGrid, Levels, Mask, StatisticalMask, TrainedMask
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
# What the network says counts so much of the gain in dB, what statistics say the rest.
_NETWORK_SHARE = 0.75
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
    noise, together with statistics of the stream; or the statistics alone."""

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
        self._masks = self._build_masks()
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

    def _build_masks(self) -> list[tuple[Mask, np.float32]]:
        """Return who judges a bin, and how much of the gain in dB each says."""
        is_steady = self.settings.noise == "stationary"
        power = None
        if self.settings.profile_db:
            power = noise_power(
                self.settings.profile_db,
                window_samples=self._grid.window_samples,
                sample_rate=self.fmt.sample_rate,
            )
        statistical = StatisticalMask(self._grid, KnownNoise(power, is_steady))
        strength = self.settings.strength
        if self.settings.engine == "classic":
            return [(statistical, np.float32(strength))]
        # They err in different places: the network where it was not trained, statistics
        # where noise moves. The last one writes into the power.
        return [
            (TrainedMask(self._grid), np.float32(strength * _NETWORK_SHARE)),
            (statistical, np.float32(strength * (1.0 - _NETWORK_SHARE))),
        ]

    def reset(self) -> None:
        self._stft.reset()
        for mask, _ in self._masks:
            mask.reset()
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
            "mean_reduction_db": round(-gain_db, 2),
            "noise_floor_dbfs": round(power_to_db(noise), 2),
        }

    def _clean(self, spectra: Spectra) -> Spectra:
        power = np.square(spectra.real)
        power += np.square(spectra.imag)
        level, in_band = self._grid.power_of(power)
        is_heard = level > self._silence
        speech_db = self._speech_level(in_band)

        def lowest(noise: Levels) -> Levels:
            return self._lowest_log_gain(speech_db, noise)

        (first, share), *others = self._masks
        gain, noise = first.log_gain(power, is_heard, lowest)
        gain *= share
        for mask, share in others:
            other, noise = mask.log_gain(power, is_heard, lowest)
            other *= share
            gain += other
        self._note(is_heard, np.add.reduce(gain, axis=-1), noise)
        spectra *= np.exp(gain, out=gain)
        return spectra

    def _speech_level(self, level: Levels) -> NDArray[np.float64]:
        """Return the level of speech at each frame, in dB."""
        # Silence keeps the logarithm finite.
        level_db = 10.0 * np.log10(np.maximum(level, np.float32(self._silence)))
        speech_db = np.empty(level.shape)
        for channel, levels_db in enumerate(level_db.T.tolist()):
            levels_so_far = accumulate(
                levels_db, self._rise_or_fall, initial=self._speech_db[channel]
            )
            speech_db[:, channel] = list(levels_so_far)[1:]
        self._speech_db = speech_db[-1].tolist()
        return speech_db

    def _lowest_log_gain(self, speech_db: NDArray[np.float64], noise: Levels) -> Levels:
        """Return the lowest gain of each frame, higher where the noise is low anyway."""
        snr_db = speech_db - 10.0 * np.log10(noise)
        lowest_db = _SNR_SLOPE * (snr_db - _GOOD_SNR_DB)
        np.maximum(lowest_db, self._floor_db, out=lowest_db)
        np.minimum(lowest_db, 0.0, out=lowest_db)
        lowest_db *= _LOG_PER_DB
        return lowest_db.astype(np.float32)

    def _rise_or_fall(self, speech_db: float, level_db: float) -> float:
        """Return the level of speech, which rises with loud frames and falls by and by."""
        if level_db > speech_db:
            return speech_db + self._rise * (level_db - speech_db)
        return max(speech_db - self._decay_db, level_db)

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
