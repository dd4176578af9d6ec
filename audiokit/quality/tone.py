"""Distortion of a steady tone, for recordings that are one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.quality.levels import LevelHistogram
from audiokit.quality.spectrum import SpectrumReport

__all__ = ["ToneReport", "measure_tone"]

_FEWEST_FRAMES = 8
# Half the width of the window's main lobe and two bins of its skirt, in bins of 31.25 Hz.
_LOBE_HZ = 125.0
_WINDOW_HZ = 31.25
# Harmonics must not lie in each other's lobes, nor the fundamental in the offset's.
_LOWEST_HZ = 2.0 * _LOBE_HZ
_LEAST_SHARE, _LEAST_FUNDAMENTAL = 0.9, 0.5
_WIDEST_LEVELS_DB = 1.0
_LEAST_STEADY_SHARE = 0.9
_HIGHEST_HARMONIC = 10
# What the Hann window leaves beside a line, so far away.
_SKIRT_DB = -90.0


@dataclass(frozen=True, slots=True)
class ToneReport:
    """Distortion, where the recording is a steady tone; else `reason` says why there is none."""

    frequency_hz: float | None
    """Of the fundamental."""
    thd_percent: float | None
    """Harmonics 2 to 10 against the fundamental, as amplitudes, 0.003 to 100.

    Below 1 kHz, what the window leaves beside the fundamental is the least that can be seen:
    0.03 % at 440 Hz.
    """
    thd_db: float | None
    """The same in dB, -90 to 0."""
    reason: str | None
    """Why there is none; None if there is."""


def measure_tone(spectrum: SpectrumReport, levels: LevelHistogram) -> ToneReport:
    """Return the total harmonic distortion of a recording that is a steady tone.

    That it is when nine tenths of the frames have the same level within 1 dB, and a line and
    its harmonics hold most of the power.

    References:
        IEC 60268-3:2018, 14.12.3: distortion against the fundamental, here up to the tenth
        harmonic and half the sample rate.
    """
    if spectrum.n_frames < _FEWEST_FRAMES:
        return _none(f"fewer than {_FEWEST_FRAMES} frames of 32 ms")
    if not _is_steady(levels):
        return _none("no steady tone: the level moves")
    power, bins_hz = spectrum.power, spectrum.bins_hz
    heard = np.where(bins_hz >= _LOBE_HZ, power, 0.0)
    peak_hz = float(bins_hz[int(np.argmax(heard))])
    if peak_hz < _LOWEST_HZ:
        return _none(f"no steady tone above {_LOWEST_HZ:g} Hz")
    frequency_hz = _centre_hz(power, bins_hz, peak_hz)
    highest = min(_HIGHEST_HARMONIC, int((bins_hz[-1] - _LOBE_HZ) / frequency_hz))
    lines = [_power_around(power, bins_hz, n * frequency_hz) for n in range(1, highest + 1)]
    total = float(heard.sum())
    is_alone = lines and sum(lines) >= _LEAST_SHARE * total
    if not is_alone or lines[0] < _LEAST_FUNDAMENTAL * total:
        return _none("no steady tone: other sounds are as strong")
    if _spread_hz(power, bins_hz, frequency_hz) > _WINDOW_HZ:
        return _none("no steady tone: its pitch moves")
    if len(lines) == 1:
        return ToneReport(frequency_hz, None, None, "no harmonic below half the sample rate")
    ratio = sum(lines[1:]) / lines[0]
    thd_db = max(_SKIRT_DB, 10.0 * math.log10(max(ratio, 1e-12)))
    return ToneReport(frequency_hz, 100.0 * 10.0 ** (thd_db / 20.0), thd_db, None)


def _none(reason: str) -> ToneReport:
    return ToneReport(None, None, None, reason)


def _is_steady(levels: LevelHistogram) -> bool:
    middle_dbfs = levels.quantile_dbfs(0.5)
    near = np.abs(levels.levels_dbfs - middle_dbfs) <= _WIDEST_LEVELS_DB / 2.0
    return int(levels.counts[near].sum()) >= _LEAST_STEADY_SHARE * levels.total


def _power_around(
    power: NDArray[np.float64], bins_hz: NDArray[np.float64], line_hz: float
) -> float:
    return float(power[np.abs(bins_hz - line_hz) <= _LOBE_HZ].sum())


def _centre_hz(power: NDArray[np.float64], bins_hz: NDArray[np.float64], peak_hz: float) -> float:
    near = np.abs(bins_hz - peak_hz) <= _WINDOW_HZ * 1.5
    return float(np.sum(power[near] * bins_hz[near]) / np.sum(power[near]))


def _spread_hz(power: NDArray[np.float64], bins_hz: NDArray[np.float64], line_hz: float) -> float:
    """Return how wide a line is, as the root of its second moment; 18 Hz for a pure one."""
    near = np.abs(bins_hz - line_hz) <= _LOBE_HZ
    distance = np.square(bins_hz[near] - line_hz)
    return math.sqrt(float(np.sum(power[near] * distance) / np.sum(power[near])))
