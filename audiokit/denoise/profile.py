"""What a noise sounds like: its power at points in frequency, heard from a recording.

A profile is `N_POINTS` power densities in dB re full scale per hertz: noise of power 1
(0 dBFS) that is even up to 8 kHz reads 10 log10(1 / 8000) = -39 at every point. The points
lie half an auditory bandwidth apart, whatever the sample rate, so a profile of one recording
serves another of any rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.framing import Framer
from audiokit.dsp.stft import fast_window_samples
from audiokit.errors import SettingError
from audiokit.stage import Block, Meter, StreamFormat

__all__ = [
    "CENTRES_HZ",
    "LOWEST_DB",
    "N_POINTS",
    "NoiseProfile",
    "NoiseProfileMeter",
    "check_profile",
    "noise_power",
]

N_POINTS = 100
"""Points of a profile."""

LOWEST_DB = -200.0
"""Stands where nothing is known: above half the sample rate of what was heard."""

_HIGHEST_DB = 100.0
# Quiet stretches must fit between two words; shorter ones are quiet by chance.
_WINDOW_MS = 64.0
_STRETCH_FRAMES = 5
# What lies lower, wind and rumble, does not tell speech from pauses.
_SPEECH_FROM_HZ = 200.0
# As in the denoiser: below what 16 bits can hold, nothing is heard.
_SILENCE_DBFS = -100.0
_LEVEL_STEP_DB = 1.0


def _erb_number_to_hz(number: NDArray[np.float64]) -> NDArray[np.float64]:
    # Glasberg & Moore 1990, equation 4: E = 21.4 log10(1 + 0.00437 f).
    return (10.0 ** (number / 21.4) - 1.0) / 0.00437


CENTRES_HZ: tuple[float, ...] = tuple(_erb_number_to_hz(np.arange(N_POINTS) / 2.0).tolist())
"""Where the points lie: from 0 Hz to 46.8 kHz, each half an ERB above the one before."""


@dataclass(frozen=True, slots=True)
class NoiseProfile:
    """What a noise sounds like.

    Args:
        levels_db: Power density at each of `CENTRES_HZ`, in dBFS per Hz, mean of all
            channels; empty where nothing but silence was heard.
        duration_s: How much of the recording it was taken from.
    """

    levels_db: tuple[float, ...]
    duration_s: float


class NoiseProfileMeter(Meter[NoiseProfile]):
    """Hear a noise: of a recording that holds nothing else, or in its quiet stretches.

    Stretches of about a fifth of a second are sorted by their level above 200 Hz into
    classes of 1 dB, each with its mean spectrum; the report is the mean of the quietest.
    So memory does not grow with the recording. Digital silence counts for nothing.

    A recording without a pause has no stretch of noise alone; then its softest speech is
    taken for noise.

    Args:
        fmt: Format of the stream.
        quietest: Share of the stretches to take, above 0 to 1: all of them where the
            recording is of noise alone, a tenth where someone speaks.

    Raises:
        SettingError: The share is outside its range, or the rate below 1000 Hz.
    """

    def __init__(self, fmt: StreamFormat, *, quietest: float = 1.0) -> None:
        if not 0.0 < quietest <= 1.0:
            raise SettingError("quietest", quietest, "above 0 to 1")
        if fmt.sample_rate < 1000:
            raise SettingError("sample_rate", fmt.sample_rate, "1000 Hz or more")
        self.fmt = fmt
        self._quietest = quietest
        window = fast_window_samples(_WINDOW_MS, fmt.sample_rate)
        self._hop_samples = window // 2
        self._stretch_s = fmt.seconds(_STRETCH_FRAMES * self._hop_samples)
        self._framer = Framer(window, self._hop_samples, fmt.channels)
        self._window = np.hanning(window + 1)[:-1].astype(np.float32)
        # Of one side: power 1, spread evenly, has 2 / rate in every hertz.
        self._density = 2.0 / (float(np.square(self._window).sum()) * fmt.sample_rate)
        self._bin_hz = fmt.sample_rate / window
        self._speech_bin = int(np.ceil(_SPEECH_FROM_HZ / self._bin_hz))
        self.reset()

    def reset(self) -> None:
        self._framer.reset()
        self._frames = np.zeros((0, self._window.size // 2 + 1))
        self._sums: dict[int, NDArray[np.float64]] = {}
        self._counts: dict[int, int] = {}

    def update(self, block: Block) -> None:
        powers = [self._frames, self._densities(self._framer.push(block))]
        frames = np.concatenate(powers)
        n_stretches = len(frames) // _STRETCH_FRAMES
        whole = frames[: n_stretches * _STRETCH_FRAMES]
        self._frames = frames[len(whole) :]
        for stretch in whole.reshape(n_stretches, _STRETCH_FRAMES, frames.shape[1]):
            self._add(stretch)

    def result(self) -> NoiseProfile:
        """Return the profile so far.

        A recording shorter than one stretch is taken as it is.
        """
        sums, counts = self._sums, self._counts
        if not counts and len(self._frames):
            sums, counts = {0: self._frames.sum(axis=0)}, {0: len(self._frames)}
            per_item = 1
        else:
            per_item = _STRETCH_FRAMES
        wanted = self._quietest * sum(counts.values())
        total, n_taken = np.zeros(self._frames.shape[1]), 0
        for level in sorted(counts):
            if n_taken >= wanted:
                break
            total += sums[level]
            n_taken += counts[level]
        if not total.any():
            return NoiseProfile((), 0.0)
        duration_s = n_taken * per_item * self.fmt.seconds(self._hop_samples)
        levels_db = self._at_points(total / (n_taken * per_item))
        return NoiseProfile(levels_db, round(duration_s, 3))

    def _densities(self, frames: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the power density of each frame in each bin, mean over channels."""
        spectra = np.fft.rfft(frames * self._window, axis=-1)
        power = np.square(spectra.real, dtype=np.float64)
        power += np.square(spectra.imag, dtype=np.float64)
        # Channel by channel: the order of a sum decides its last bits.
        total = power[:, 0]
        for channel in range(1, self.fmt.channels):
            total = total + power[:, channel]
        mean: NDArray[np.float64] = total * (self._density / self.fmt.channels)
        return mean

    def _add(self, stretch: NDArray[np.float64]) -> None:
        """Sort one stretch, ``(frames, bins)``, by its level."""
        whole_db = 10.0 * np.log10(stretch.sum(axis=-1) * self._bin_hz + 1e-30)
        if whole_db.min() < _SILENCE_DBFS:
            return
        mean = stretch.sum(axis=0)
        level_db = 10.0 * np.log10(mean[self._speech_bin :].sum() * self._bin_hz + 1e-30)
        level = int(np.floor(level_db / _LEVEL_STEP_DB))
        if level in self._sums:
            self._sums[level] += mean
        else:
            self._sums[level] = mean
        self._counts[level] = self._counts.get(level, 0) + 1

    def _at_points(self, density: NDArray[np.float64]) -> tuple[float, ...]:
        """Return the mean density around each point, in dB."""
        # Point i covers half the way to its neighbours; low ones are narrower than a bin,
        # so the running sum is read between bins.
        edges_hz = _erb_number_to_hz(np.arange(N_POINTS + 1, dtype=np.float64) / 2.0 - 0.25)
        bins_hz = (np.arange(len(density) + 1) - 0.5) * self._bin_hz
        running = np.concatenate([[0.0], np.cumsum(density)]) * self._bin_hz
        lower, upper = (np.maximum(edge, 0.0) for edge in (edges_hz[:-1], edges_hz[1:]))
        top_hz = self.fmt.sample_rate / 2.0
        upper = np.minimum(upper, top_hz)
        power = np.interp(upper, bins_hz, running) - np.interp(lower, bins_hz, running)
        # A part of its width is enough to know a point by: nothing below the top is left out.
        is_known = lower < top_hz
        width_hz = np.where(is_known, upper - lower, 1.0)
        levels_db = 10.0 * np.log10(np.maximum(power / width_hz, 1e-20))
        levels_db[~is_known] = LOWEST_DB
        return tuple(round(level, 2) for level in levels_db.tolist())


def check_profile(levels_db: Sequence[float]) -> None:
    """Refuse what is no profile; an empty one is none, and allowed.

    Args:
        levels_db: Power densities, in dBFS per Hz.

    Raises:
        SettingError: There are neither none nor `N_POINTS`, or one is out of range.
    """
    if levels_db and len(levels_db) != N_POINTS:
        raise SettingError("profile_db", f"{len(levels_db)} levels", f"{N_POINTS}, or none")
    for level in levels_db:
        if not LOWEST_DB <= level <= _HIGHEST_DB:
            expected = f"levels of {LOWEST_DB:g} to {_HIGHEST_DB:g} dBFS per Hz"
            raise SettingError("profile_db", level, expected)


def noise_power(
    levels_db: Sequence[float], *, window_samples: int, sample_rate: int
) -> NDArray[np.float32]:
    """Return the power of a noise in every bin of a spectrum, scaled as `Spectra`.

    Between points the level in dB follows a straight line over the auditory scale. Above the
    highest point that is known there is no noise to take away.

    Args:
        levels_db: The profile, `N_POINTS` long.
        window_samples: Length of the window.
        sample_rate: Of the stream, in Hz.

    Returns:
        ``(window_samples // 2 + 1,)``; white noise of power 1 has 1/2 in every bin.
    """
    check_profile(levels_db)
    bins_hz = np.arange(window_samples // 2 + 1) * (sample_rate / window_samples)
    known = [index for index, level in enumerate(levels_db) if level > LOWEST_DB]
    if not known:
        return np.zeros(len(bins_hz), np.float32)
    position = np.log10(1.0 + 0.00437 * bins_hz)
    points = np.log10(1.0 + 0.00437 * np.asarray(CENTRES_HZ))
    density_db = np.interp(position, points[known], np.asarray(levels_db)[known])
    # One point's half width above the last that is known.
    top_hz = _erb_number_to_hz(np.array([(known[-1] + 0.5) / 2.0]))[0]
    power = 10.0 ** (density_db / 10.0) * (sample_rate / 4.0)
    power[bins_hz > top_hz] = 0.0
    scaled: NDArray[np.float32] = power.astype(np.float32)
    return scaled
