"""Wind in the microphone: heard below the voice, told from it and turned down."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.denoise.mask_network import MaskNetwork
from audiokit.dsp.stft import Spectra, StftStream, fast_window_samples
from audiokit.ranges import check_range, check_sample_rate
from audiokit.stage import Block, Fact, Processor, StreamFormat
from audiokit.units import power_to_db

__all__ = ["WindReducer", "WindSettings"]

Values = NDArray[np.float32]

# As the network was trained.
_HOP_MS = 16.0
# Mean power of a bin when white noise has power 1 (see `Spectra`).
_WHITE = 0.5
_SILENCE = _WHITE * 1e-10
# Decibels, in natural logarithms of power.
_DB = math.log(10.0) / 10.0
# Wind is louder below all voices than in the middle of them, and not by a voice's leakage.
_VOICE_HZ = (500.0, 1500.0)
_SLOPE = 7.0 * _DB
_PITCH_HZ = (90.0, 180.0)
_LEAK = -6.0 * _DB
# A frame is not heard so far below the loudest; wind is let be at the first of these, on the
# mean of its frames, and fought from the second on.
_FAINT = -45.0 * _DB
_LET_BE, _FOUGHT = -24.0 * _DB, -16.0 * _DB
_WIND_RATE = 0.05
_LOUDEST_DECAY_PER_S = 1.0 * _DB
# A hum goes on at one level; wind in a bin of its own does not from frame to frame.
_UNREST = 2.0 * _DB
_UNREST_S = 0.5
# Wind is believed after some frames, and until it was not heard for seconds.
_RISE_S, _FALL_S = 0.2, 5.0
_SURE = (0.3, 0.5)
_TOP_HZ = 1500.0


@dataclass(frozen=True, slots=True)
class WindSettings:
    """How much wind to take away.

    Raises:
        SettingError: A value is outside its range.
    """

    strength: float = 1.0
    """How far to go, 0 (changes nothing) to 1; scales every gain in dB."""

    floor_db: float = -14.0
    """Gain where nothing but wind is heard, in dB, -40 to 0."""

    def __post_init__(self) -> None:
        check_range("strength", self.strength, 0.0, 1.0)
        check_range("floor_db", self.floor_db, -40.0, 0.0, unit="dB")


class WindReducer(Processor):
    """Turn wind down below 1.5 kHz, and leave a voice and other noises.

    Wind is strongest below all voices and flickers there: that opens a gate. Behind it
    the mask network of the denoiser tells wind from voice, bin by bin. Above 1.5 kHz, and
    where there is no wind, nothing changes. Each channel is by itself.

    A microphone that lets nothing below 60 Hz pass hides the wind from this stage.

    Args:
        fmt: Format of the stream, 8 to 96 kHz.
        settings: How much to take away.

    Raises:
        SettingError: The sample rate is outside 8 to 96 kHz.

    References:
        C. Nelke, P. Vary, "Measurement, analysis and simulation of wind noise signals for
        mobile communication devices", IWAENC 2014, for how wind looks.
    """

    def __init__(self, fmt: StreamFormat, settings: WindSettings | None = None) -> None:
        check_sample_rate(fmt.sample_rate, to="find wind")
        self.fmt = fmt
        self.settings = settings or WindSettings()
        hop = fast_window_samples(_HOP_MS, fmt.sample_rate)
        window = 2 * hop
        self._stft = StftStream(fmt, window_samples=window, hop_samples=hop)
        self.latency_samples = self._stft.latency_samples
        bin_hz = fmt.sample_rate / window
        hop_s = hop / fmt.sample_rate
        self._n_low = round(_TOP_HZ / bin_hz) + 1
        self._voice, self._pitch = (
            slice(round(low / bin_hz), round(high / bin_hz) + 1)
            for low, high in (_VOICE_HZ, _PITCH_HZ)
        )
        self._network = MaskNetwork(fmt.channels, self._stft.n_bins, bin_hz=bin_hz)
        self._decay = np.float32(_LOUDEST_DECAY_PER_S * hop_s)
        self._rise, self._fall, self._unrest_rate = (
            np.float32(-math.expm1(-hop_s / time_s)) for time_s in (_RISE_S, _FALL_S, _UNREST_S)
        )
        self._floor = np.float32(10.0 ** (self.settings.floor_db / 20.0))
        self.reset()

    def reset(self) -> None:
        self._stft.reset()
        channels = self.fmt.channels
        self._loudest = np.full(channels, math.log(_SILENCE), np.float32)
        self._last_low = np.full(channels, math.log(_SILENCE), np.float32)
        self._unrest = np.zeros(channels, np.float32)
        self._belief = np.zeros(channels, np.float32)
        self._wind = np.full(channels, math.log(_SILENCE), np.float32)
        self._network.reset()
        self._n_heard = self._n_windy = 0
        self._power_before = self._power_after = 0.0

    def process(self, block: Block) -> Block:
        return self._stft.process(block, self._calm)

    def flush(self) -> Block:
        return self._stft.flush(self._calm)

    def facts(self) -> Mapping[str, Fact]:
        """Return how much wind there was.

        `wind_share` is the part of all frames with wind in them, and `reduction_db` by how
        much the power below 1.5 kHz fell in those.
        """
        reduction_db = power_to_db(self._power_before) - power_to_db(self._power_after)
        return {
            "wind_share": round(self._n_windy / max(1, self._n_heard), 4),
            "reduction_db": round(reduction_db, 2),
        }

    def _calm(self, spectra: Spectra) -> Spectra:
        power = np.square(spectra.real)
        power += np.square(spectra.imag)
        power += np.float32(_SILENCE)
        low = power[..., : self._n_low]
        sure = self._certainty(low)
        gain = self._gains(power, sure)
        self._note(low, gain, sure)
        spectra[..., : self._n_low] *= gain
        self._n_heard += sure.size
        return spectra

    def _certainty(self, power: Values) -> Values:
        """Return how sure it is that there is wind, 0 to 1, ``(frames, channels)``."""
        low = np.log(power[..., 1])
        voice = np.log(np.add.reduce(power[..., self._voice], axis=-1))
        n_voice = self._voice.stop - self._voice.start
        pitch = np.log(np.maximum.reduce(power[..., self._pitch], axis=-1))
        whole = np.log(np.add.reduce(power, axis=-1))
        # Three neighbours: rumble alone has one strong bin, wind has all.
        bottom = np.add.reduce(np.log(power[..., 1:4]), axis=-1)
        evidence = bottom / np.float32(3.0) - voice > np.float32(_SLOPE - math.log(n_voice))
        evidence &= low - pitch > np.float32(_LEAK)
        low_before = np.concatenate([self._last_low[np.newaxis], low[:-1]])
        self._last_low = low[-1]
        change = np.abs(low - low_before)
        sure, matters = np.empty_like(low), np.empty_like(low)
        for number in range(len(low)):
            np.maximum(self._loudest - self._decay, whole[number], out=self._loudest)
            self._unrest += self._unrest_rate * (change[number] - self._unrest)
            is_wind = evidence[number] & (self._unrest > _UNREST)
            is_wind &= low[number] - self._loudest > _FAINT
            rate = np.where(is_wind, self._rise, self._fall)
            self._belief += rate * (is_wind - self._belief)
            self._wind += np.where(is_wind, np.float32(_WIND_RATE), np.float32(0.0)) * (
                whole[number] - self._wind
            )
            sure[number] = self._belief
            matters[number] = self._wind - self._loudest
        return _ramp(sure, _SURE) * _ramp(matters, (_LET_BE, _FOUGHT))

    def _gains(self, power: Values, sure: Values) -> Values:
        """Return the gain of every low bin."""
        is_heard = np.add.reduce(power, axis=-1) > np.float32(2.0 * _SILENCE * power.shape[-1])
        gains = self._network.gains(power, is_heard)[..., : self._n_low]
        np.maximum(gains, self._floor, out=gains)
        exponent = (np.float32(self.settings.strength) * sure)[..., np.newaxis]
        powered: Values = np.power(gains, exponent)
        return powered

    def _note(self, power: Values, gain: Values, sure: Values) -> None:
        is_windy = sure > np.float32(0.5)
        self._n_windy += int(np.count_nonzero(is_windy))
        before = np.add.reduce(power, axis=-1)[is_windy].tolist()
        after = np.add.reduce(power * np.square(gain), axis=-1)[is_windy].tolist()
        # Frame by frame in order, so that sums do not depend on the cutting.
        for one, other in zip(before, after, strict=True):
            self._power_before += one
            self._power_after += other


def _ramp(values: Values, ends: tuple[float, float]) -> Values:
    """Return how far values are from one end to the other, 0 to 1."""
    low, high = np.float32(ends[0]), np.float32(ends[1])
    ramp: Values = ((values - low) / (high - low)).clip(0.0, 1.0)
    return ramp
