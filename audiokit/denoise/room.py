"""The room taken out of a recording: what lingers is predicted, then turned down."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np

from audiokit.denoise.late import LateReverberation
from audiokit.denoise.noise_floor import Powers
from audiokit.denoise.wpe import LEARN_EVERY, WeightedPrediction
from audiokit.dsp.stft import Spectra, StftStream, fast_window_samples
from audiokit.ranges import check_range, check_sample_rate
from audiokit.stage import Block, Fact, Processor, StreamFormat
from audiokit.units import db_to_amplitude, power_to_db

__all__ = ["RoomReducer", "RoomSettings"]

# Tails are smooth in time, harmonics are not in frequency: 64 ms gave more PESQ than 32.
_WINDOW_MS, _OVERLAP = 64.0, 4
# Mean power of a bin when white noise has power 1 (see `Spectra`).
_WHITE = 0.5
_SILENCE_DBFS = -100.0
# Above this air and walls have dried the sound, and prediction would only cost.
_PREDICT_TO_HZ = 8000.0
# The work grows with the cube of the channels: more go in groups of so many neighbours.
_JOINT_CHANNELS = 4
_MOST_INPUTS = 24
# What was heard so long ago counts e times less.
_MEMORY_S = 8.0
# By the level of its tail a band counts as dry up to the first of these, and from the
# second on all is done that is asked.
_DRY_DB, _WET_DB = -12.0, -6.0
# The level is a low quantile, so that the mean of a tail lies above it.
_EXCESS_DB = 3.0
# A prediction that has gone wrong (the talker moved) adds no more than 6 dB to a bin.
_MOST_POWER_GAIN = np.float32(4.0)
_LOG_PER_DB = math.log(10.0) / 10.0
_ONE = np.float32(1.0)


@dataclass(frozen=True, slots=True)
class RoomSettings:
    """How much of the room to take away.

    Raises:
        SettingError: A value is outside its range.
    """

    strength: float = 1.0
    """How far to go, 0 (changes nothing) to 1; scales the prediction, and gains in dB."""

    floor_db: float = -14.0
    """Lowest gain of what the prediction leaves, in dB, -40 to 0; 0 predicts only."""

    taps_ms: float = 96.0
    """How much of the past a prediction takes, in ms, 16 to 320: longer is costlier and
    learns more slowly. Where channels are many it is shortened."""

    delay_ms: float = 32.0
    """From the newest of that past to what is predicted, in ms, 16 to 128; what comes
    sooner after a sound is speech, or early reflections that help it."""

    def __post_init__(self) -> None:
        check_range("strength", self.strength, 0.0, 1.0)
        check_range("floor_db", self.floor_db, -40.0, 0.0, unit="dB")
        check_range("taps_ms", self.taps_ms, 16.0, 320.0, unit="ms")
        check_range("delay_ms", self.delay_ms, 16.0, 128.0, unit="ms")


class RoomReducer(Processor):
    """Take late reverberation out of speech and leave dry recordings alone.

    Two steps on the same spectra: linear prediction, which subtracts and so keeps the
    speech under a tail, then a gain for what it leaves, by a model of the tail's power.
    Both wait until bands are heard to die away slowly, so a recording begins unchanged,
    and a dry one stays so. Works at the stream's own rate; hears nothing of the future
    but one window of 64 ms. Channels are predicted jointly, four at most, and share one gain.

    Args:
        fmt: Format of the stream, 8 to 96 kHz.
        settings: How much to take away.

    Raises:
        SettingError: The sample rate is outside 8 to 96 kHz.
    """

    def __init__(self, fmt: StreamFormat, settings: RoomSettings | None = None) -> None:
        check_sample_rate(fmt.sample_rate, to="treat")
        self.fmt = fmt
        self.settings = settings or RoomSettings()
        window = fast_window_samples(_WINDOW_MS, fmt.sample_rate)
        hop = window // _OVERLAP
        self._stft = StftStream(fmt, window_samples=window, hop_samples=hop)
        self.latency_samples = self._stft.latency_samples
        self._hop_ms = 1000.0 * hop / fmt.sample_rate
        bin_hz = fmt.sample_rate / window
        self._silence = np.float32(_WHITE * fmt.channels * 10.0 ** (_SILENCE_DBFS / 10.0))
        self._late = LateReverberation(
            self._stft.n_bins, hop_ms=self._hop_ms, bin_hz=bin_hz, silence=float(self._silence)
        )
        self._n_predicted = min(self._stft.n_bins, round(_PREDICT_TO_HZ / bin_hz) + 1)
        starts = range(0, fmt.channels, _JOINT_CHANNELS)
        groups = [slice(start, min(start + _JOINT_CHANNELS, fmt.channels)) for start in starts]
        self._predictions = [(group, self._prediction(group)) for group in groups]
        self._strength = np.float32(self.settings.strength)
        self._floor = np.float32(db_to_amplitude(self.settings.floor_db))
        self.reset()

    def reset(self) -> None:
        self._stft.reset()
        self._late.reset()
        for _, prediction in self._predictions:
            prediction.reset()
        self._sum_before = self._sum_after = self._sum_late = 0.0

    def process(self, block: Block) -> Block:
        return self._stft.process(block, self._clean)

    def flush(self) -> Block:
        return self._stft.flush(self._clean)

    def facts(self) -> Mapping[str, Fact]:
        """Return how strong late reverberation was and by how much the whole fell.

        `late_reverberation_db` is its estimated power against that of all that was
        heard, and `reduction_db` the power that was taken away.
        """
        if not self._sum_before:
            return {"late_reverberation_db": None, "reduction_db": 0.0}
        return {
            "late_reverberation_db": round(power_to_db(self._sum_late / self._sum_before), 2),
            "reduction_db": round(-power_to_db(self._sum_after / self._sum_before), 2),
        }

    def _prediction(self, group: slice) -> WeightedPrediction:
        channels = group.stop - group.start
        taps = min(round(self.settings.taps_ms / self._hop_ms), _MOST_INPUTS // channels)
        return WeightedPrediction(
            channels,
            self._n_predicted,
            taps=max(1, taps),
            delay=max(1, round(self.settings.delay_ms / self._hop_ms)),
            forgetting=math.exp(-LEARN_EVERY * self._hop_ms / 1000.0 / _MEMORY_S),
        )

    def _clean(self, spectra: Spectra) -> Spectra:
        before = _power(spectra)
        tail, level_db = self._late.track(before)
        wetness = (level_db - np.float32(_DRY_DB)) * np.float32(1.0 / (_WET_DB - _DRY_DB))
        wetness.clip(0.0, 1.0, out=wetness)
        scale = np.exp((level_db + np.float32(_EXCESS_DB)) * np.float32(_LOG_PER_DB))
        late = tail * self._late.by_bin(scale)
        self._subtract_predicted(spectra, wetness)
        after = _power(spectra)
        gain = self._gain(before, after, late * self._late.by_bin(wetness))
        if self._strength != _ONE:
            gain **= self._strength
        spectra *= gain[:, np.newaxis]
        after *= np.square(gain)
        self._note(before, after, late)
        return spectra

    def _subtract_predicted(self, spectra: Spectra, wetness: Powers) -> None:
        share = self._late.by_bin(wetness * self._strength)[:, np.newaxis, : self._n_predicted]
        for group, prediction in self._predictions:
            predicted = prediction.predict(spectra[:, group])
            predicted *= share
            spectra[:, group, : self._n_predicted] -= predicted

    def _gain(self, before: Powers, after: Powers, late: Powers) -> Powers:
        """Return the gain by which the tail's amplitude is taken from that of a bin."""
        late /= np.maximum(_smooth(after), self._silence)
        gain: Powers = np.subtract(_ONE, np.sqrt(late, out=late), out=late)
        np.maximum(gain, self._floor, out=gain)
        most = before * _MOST_POWER_GAIN
        most /= np.maximum(after, self._silence)
        # What is below silence needs no guard.
        np.maximum(most, after <= self._silence, out=most)
        np.minimum(gain, np.sqrt(most, out=most), out=gain)
        return gain

    def _note(self, before: Powers, after: Powers, late: Powers) -> None:
        # Frame by frame in order, so that sums do not depend on the cutting.
        heard = np.add.reduce(before, axis=-1)
        is_heard = heard > self._silence * np.float32(self._stft.n_bins)
        sums = [np.add.reduce(part, axis=-1)[is_heard].tolist() for part in (after, late)]
        self._sum_before = reduce(add, heard[is_heard].tolist(), self._sum_before)
        self._sum_after = reduce(add, sums[0], self._sum_after)
        self._sum_late = reduce(add, sums[1], self._sum_late)


def _power(spectra: Spectra) -> Powers:
    """Return the power of all channels together, ``(frames, bins)``."""
    power = np.square(spectra.real)
    power += np.square(spectra.imag)
    total: Powers = np.add.reduce(power, axis=1)
    return total


def _smooth(power: Powers) -> Powers:
    """Return the mean over five neighbouring bins; the two at either edge stay."""
    smooth: Powers = power.copy()
    inner = smooth[:, 2:-2]
    for near in (power[:, :-4], power[:, 1:-3], power[:, 3:-1], power[:, 4:]):
        inner += near
    inner *= np.float32(0.2)
    return smooth
