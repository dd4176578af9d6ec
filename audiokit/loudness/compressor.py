"""A compressor: what is above a threshold rises more slowly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from audiokit.errors import SettingError
from audiokit.loudness.ballistics import (
    Curve,
    HopGain,
    Rows,
    coefficient,
    excess_db,
    follow,
    peak_levels_db,
    row_powers,
)
from audiokit.ranges import check_range
from audiokit.stage import StreamFormat
from audiokit.units import SILENCE_DB

__all__ = ["Compressor", "CompressorSettings"]

_LOWEST_POWER = 10.0 ** (SILENCE_DB / 10.0)


@dataclass(frozen=True, slots=True)
class CompressorSettings:
    """How `Compressor` turns loud passages down.

    Raises:
        SettingError: A value is out of range.
    """

    threshold_dbfs: float = -20.0
    """Level above which it works, in dBFS by the detector; -100 to 0."""
    ratio: float = 3.0
    """How many dB more go in for one dB more to come out, 1 to 100."""
    knee_db: float = 6.0
    """Width of the bend at the threshold, in dB; 0 to 40."""
    attack_ms: float = 5.0
    """Time constant of the way down, in ms; 0 to 1000."""
    release_ms: float = 120.0
    """Time constant of the way back, in ms; 1 to 5000."""
    makeup_db: float = 0.0
    """Gain afterwards, in dB; -40 to 40. Nothing is clipped: a limiter may follow."""
    lookahead_ms: float = 2.0
    """How early it begins, in ms; 0 to 50. Most of the latency."""
    detector: Literal["peak", "rms"] = "peak"
    """What a level is: the highest sample of a millisecond, or the mean power (a sine at
    full scale reads -3.01 dBFS)."""
    rms_window_ms: float = 20.0
    """Time constant of the mean power, in ms; 1 to 1000."""

    def __post_init__(self) -> None:
        check_range("threshold_dbfs", self.threshold_dbfs, -100.0, 0.0, unit="dBFS")
        check_range("ratio", self.ratio, 1.0, 100.0, unit="")
        check_range("knee_db", self.knee_db, 0.0, 40.0, unit="dB")
        check_range("attack_ms", self.attack_ms, 0.0, 1000.0, unit="ms")
        check_range("release_ms", self.release_ms, 1.0, 5000.0, unit="ms")
        check_range("makeup_db", self.makeup_db, -40.0, 40.0, unit="dB")
        check_range("lookahead_ms", self.lookahead_ms, 0.0, 50.0, unit="ms")
        check_range("rms_window_ms", self.rms_window_ms, 1.0, 1000.0, unit="ms")
        if self.detector not in ("peak", "rms"):
            raise SettingError("detector", self.detector, "'peak' or 'rms'")


class Compressor(HopGain):
    """Turn down what is above a threshold, by a ratio.

    A steady level of L dBFS above the knee comes out at threshold + (L - threshold) /
    ratio + make-up. What stays below the knee keeps its bits, but for the make-up. The
    loudest channel decides for all.

    The reduction moves in dB, as a one-pole average with one time constant each way. It
    begins a look-ahead before the level rises: an attack of a third of the look-ahead
    leaves a twentieth of the overshoot, one of 0 none.

    Args:
        fmt: Format of the stream.
        settings: Threshold, ratio and times.

    References:
        Giannoulis et al. (see `ballistics`): log-domain, feed-forward, smooth branching.
    """

    def __init__(self, fmt: StreamFormat, settings: CompressorSettings | None = None) -> None:
        self.settings = settings or CompressorSettings()
        super().__init__(
            fmt,
            lookahead_ms=self.settings.lookahead_ms,
            wins=np.minimum,
            makeup_db=self.settings.makeup_db,
        )
        self._slope = 1.0 - 1.0 / self.settings.ratio
        self._attack = coefficient(self.settings.attack_ms, self.hop_s)
        self._release = coefficient(self.settings.release_ms, self.hop_s)
        self._average = coefficient(self.settings.rms_window_ms, self.hop_s)

    def reset(self) -> None:
        super().reset()
        self._power = 0.0

    def targets_db(self, rows: Rows) -> Curve:
        over_db = self._levels_db(rows) - self.settings.threshold_dbfs
        return np.asarray(-self._slope * excess_db(over_db, self.settings.knee_db))

    def gains_db(self, targets_db: Curve, start_db: float) -> list[float]:
        return follow(targets_db.tolist(), start_db, up=self._release, down=self._attack)

    def _levels_db(self, rows: Rows) -> Curve:
        if self.settings.detector == "peak":
            return peak_levels_db(rows)
        powers = row_powers(rows, self.fmt.channels).tolist()
        means = follow(powers, self._power, up=self._average, down=self._average)
        self._power = means[-1]
        return np.asarray(10.0 * np.log10(np.maximum(means, _LOWEST_POWER)))
