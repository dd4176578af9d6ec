"""A downward expander, and with a high ratio a gate: what is soft becomes softer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiokit.loudness.ballistics import (
    Curve,
    HopGain,
    Rows,
    coefficient,
    follow,
    peak_levels_db,
)
from audiokit.ranges import check_range
from audiokit.stage import StreamFormat

__all__ = ["Expander", "ExpanderSettings"]


@dataclass(frozen=True, slots=True)
class ExpanderSettings:
    """How `Expander` turns soft passages down.

    Raises:
        SettingError: A value is out of range.
    """

    threshold_dbfs: float = -48.0
    """Peak level below which it works, in dBFS; -100 to 0."""
    ratio: float = 2.0
    """How many dB less come out for one dB less going in, 1 to 100; 10 and more is a gate."""
    range_db: float = 18.0
    """Most reduction, in dB; 0 to 120."""
    hysteresis_db: float = 6.0
    """How far below the threshold what is open must fall to close, in dB; 0 to 40."""
    attack_ms: float = 1.0
    """Time constant of opening, in ms; 0 to 1000."""
    hold_ms: float = 60.0
    """How long it stays open after the last open level, in ms; 0 to 5000."""
    release_ms: float = 150.0
    """Time constant of closing, in ms; 1 to 5000."""
    lookahead_ms: float = 4.0
    """How early it opens, in ms; 0 to 50. Most of the latency."""

    def __post_init__(self) -> None:
        check_range("threshold_dbfs", self.threshold_dbfs, -100.0, 0.0, unit="dBFS")
        check_range("ratio", self.ratio, 1.0, 100.0, unit="")
        check_range("range_db", self.range_db, 0.0, 120.0, unit="dB")
        check_range("hysteresis_db", self.hysteresis_db, 0.0, 40.0, unit="dB")
        check_range("attack_ms", self.attack_ms, 0.0, 1000.0, unit="ms")
        check_range("hold_ms", self.hold_ms, 0.0, 5000.0, unit="ms")
        check_range("release_ms", self.release_ms, 1.0, 5000.0, unit="ms")
        check_range("lookahead_ms", self.lookahead_ms, 0.0, 50.0, unit="ms")


class Expander(HopGain):
    """Turn down what is below a threshold, by a ratio and up to a range.

    It opens when the highest sample of a millisecond reaches the threshold, and closes
    when none has come within the hysteresis of it for the hold. Closed, a steady level of
    L dBFS comes out at L - min(range, (threshold - L) · (ratio - 1)); open, it keeps its
    bits. The loudest channel decides for all.

    Args:
        fmt: Format of the stream.
        settings: Threshold, ratio, range and times.
    """

    def __init__(self, fmt: StreamFormat, settings: ExpanderSettings | None = None) -> None:
        self.settings = settings or ExpanderSettings()
        super().__init__(fmt, lookahead_ms=self.settings.lookahead_ms, wins=np.maximum)
        self._attack = coefficient(self.settings.attack_ms, self.hop_s)
        self._release = coefficient(self.settings.release_ms, self.hop_s)
        self._hold_hops = round(self.settings.hold_ms / 1000.0 / self.hop_s)

    def reset(self) -> None:
        super().reset()
        # How many more hops below the hysteresis it stays open; negative when closed.
        self._hops_left = -1

    def targets_db(self, rows: Rows) -> Curve:
        levels_db = peak_levels_db(rows)
        below_db = self.settings.threshold_dbfs - levels_db
        reduction_db = np.maximum(below_db * (self.settings.ratio - 1.0), 0.0)
        np.minimum(reduction_db, self.settings.range_db, out=reduction_db)
        reduction_db[self._open(below_db.tolist())] = 0.0
        return -reduction_db

    def gains_db(self, targets_db: Curve, start_db: float) -> list[float]:
        return follow(targets_db.tolist(), start_db, up=self._attack, down=self._release)

    def _open(self, below_db: list[float]) -> list[bool]:
        """Return for each hop whether it is open: a switch with hysteresis and hold."""
        hysteresis_db, hold_hops = self.settings.hysteresis_db, self._hold_hops
        left = self._hops_left
        is_open = []
        for below in below_db:
            if below <= (hysteresis_db if left >= 0 else 0.0):
                left = hold_hops
            elif left >= 0:
                left -= 1
            is_open.append(left >= 0)
        self._hops_left = left
        return is_open
