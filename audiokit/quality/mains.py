"""Hum of the mains: lines at 50 or 60 Hz and their multiples."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.quality.frames import FrameGrid, Stretch
from audiokit.stage import StreamFormat
from audiokit.units import power_to_db

__all__ = ["HumReport", "MainsHum"]

_MAINS_HZ = (50, 60)
_HIGHEST_HZ = 380.0
_LOOK_RATE = 1000
# Low-pass to that rate, flat up to 380 Hz: what lies above 620 Hz is 100 dB down. A whistle at
# 941 Hz would else be a line at 59 Hz.
_KERNEL_STEPS, _KERNEL_BETA = 27, 10.06
# Nobody hears less, and a whistle at full scale leaves no more.
_QUIETEST_POWER = 1e-10
# A line and the window's lobe around it, mains off by half a hertz, and what lies beside.
_LINE_HZ, _NEAR_HZ, _FAR_HZ = 1.6, 3.0, 12.0
_FEWEST_STRETCHES = 2
_LEAST_DB = 8.0
# A single line may be a voice that keeps its pitch, or a machine.
_SURE_LINE_DB = 10.0
_FLOOR = 1e-15


@dataclass(frozen=True, slots=True)
class HumReport:
    """Hum of the mains. Where there is no value, `reason` says why."""

    hum_db: float | None
    """How far its strongest line lies above the neighbourhood in dB, 0 to 100; 0 without."""
    hum_dbfs: float | None
    """Level of its lines together; None without hum."""
    mains_hz: int | None
    """50 or 60; None without hum."""
    reason: str | None
    """Why there is no value; None if there is."""


class MainsHum:
    """Find steady lines at multiples of 50 or 60 Hz up to 380 Hz.

    Each second's spectrum, with a resolution of 2 Hz, enters by its logarithm, so that a
    voice which passes over a line does not count where a hum stays. Lower mains within 1 Hz.

    Args:
        fmt: Format of the stream.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        grid = FrameGrid.at(fmt.sample_rate)
        self._factor = max(1, fmt.sample_rate // _LOOK_RATE)
        self._n_look = grid.stretch_samples // self._factor
        # What the low-pass needs of before a stretch.
        self._held = np.zeros((_KERNEL_STEPS - 1) * self._factor, np.float32)
        n_kernel = _KERNEL_STEPS * self._factor
        kernel = np.sinc((np.arange(n_kernel) - (n_kernel - 1) / 2.0) / self._factor)
        kernel *= np.kaiser(n_kernel, _KERNEL_BETA) / self._factor
        self._kernel = kernel.reshape(_KERNEL_STEPS, -1).T.astype(np.float32)
        spacing_hz = fmt.sample_rate / self._factor / self._n_look
        n_bins = min(self._n_look // 2, math.ceil((_HIGHEST_HZ + _FAR_HZ) / spacing_hz)) + 1
        self._bins_hz = np.arange(n_bins) * spacing_hz
        window = np.hanning(self._n_look + 1)[:-1]
        self._window = (window * math.sqrt(2.0 / np.sum(window**2) / self._n_look)).astype(
            np.float32
        )
        self._sum_log = np.zeros(n_bins)
        self._n_stretches = 0

    def add(self, stretch: Stretch) -> None:
        """Hear the next stretch; one that is not whole does not count."""
        if len(stretch.mono) < self._n_look * self._factor:
            return
        n_steps = self._n_look + _KERNEL_STEPS - 1
        heard = np.concatenate([self._held, stretch.mono])
        self._held = heard[len(heard) - len(self._held) :].copy()
        parts = heard[: n_steps * self._factor].reshape(n_steps, self._factor) @ self._kernel
        slow = np.zeros(self._n_look, np.float32)
        for step in range(_KERNEL_STEPS):
            slow += parts[step : step + self._n_look, step]
        spectrum = np.fft.rfft((slow - slow.mean()) * self._window)[: len(self._bins_hz)]
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        self._sum_log += np.log(power + _FLOOR)
        self._n_stretches += 1

    def report(self) -> HumReport:
        """Return the hum so far."""
        if self._n_stretches < _FEWEST_STRETCHES:
            return HumReport(None, None, None, f"shorter than {_FEWEST_STRETCHES} s")
        power = np.exp(self._sum_log / self._n_stretches)
        if float(power.max()) <= 2.0 * _FLOOR:
            return HumReport(None, None, None, "silence")
        looks = [self._lines(power, mains_hz) for mains_hz in _MAINS_HZ]
        best = int(np.argmax([float(above_db.max()) for above_db, _ in looks]))
        above_db, line_power = looks[best]
        is_line = (above_db >= _LEAST_DB) & (line_power >= _QUIETEST_POWER)
        # One line that is weak, or a third harmonic by itself, is no hum.
        if not is_line[:2].any() or (is_line.sum() < 2 and above_db.max() < _SURE_LINE_DB):
            return HumReport(0.0, None, None, None)
        hum_dbfs = power_to_db(float(line_power[is_line].sum()))
        return HumReport(float(above_db[is_line].max()), hum_dbfs, _MAINS_HZ[best], None)

    def _lines(
        self, power: NDArray[np.float64], mains_hz: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return how far each line is above its neighbourhood in dB, and its own power."""
        above, powers = [], []
        for line_hz in range(mains_hz, int(_HIGHEST_HZ) + 1, mains_hz):
            distance = np.abs(self._bins_hz - line_hz)
            is_line = distance <= _LINE_HZ
            if not is_line.any():
                break
            beside = np.median(power[(distance >= _NEAR_HZ) & (distance <= _FAR_HZ)])
            line = power[is_line]
            above.append(10.0 * np.log10(line.max() / max(float(beside), _FLOOR)))
            powers.append(max(0.0, float(line.sum()) - len(line) * float(beside)))
        return np.clip(above, 0.0, 100.0), np.array(powers)
