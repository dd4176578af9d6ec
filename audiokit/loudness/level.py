"""Level without weighting: peak, RMS, offset, clipping."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audiokit.loudness.gating import PowerDistribution, PowerHistogram
from audiokit.loudness.pieces import Piece, PieceMeter, RowTotals
from audiokit.units import amplitude_to_db, db_to_amplitude, power_to_db

__all__ = ["LevelMeter", "LevelReport", "loudest", "shifted"]

if TYPE_CHECKING:
    # Known to every type checker, and needed by nothing that runs.
    from typing_extensions import Self

# The largest value of 16-bit audio; integers of more bits and floats reach it too.
_FULL_SCALE = 32767.0 / 32768.0
# A lone sample at full scale is what peak normalization leaves; three in a row are not.
_CLIPPED_RUN_SAMPLES = 3
# Rows of 50 ms: one syllable or one gap between two.
_ROWS_PER_S = 20
_NOISE_QUANTILE = 0.1


@dataclass(frozen=True, slots=True)
class LevelReport:
    """The plain level of a stream.

    Args:
        duration_s: How long the stream was.
        sample_peak_dbfs: Largest sample; None in silence.
        rms_dbfs: Mean power of all channels, re full scale: a square wave at full scale
            reads 0, a sine -3.01; None in silence.
        dc: Mean of the channel that is furthest off zero, in fractions of full scale; of an
            album, that of the recording furthest off.
        clipped_samples: How many samples are part of three or more in a row at full
            scale, counted in every channel; None where it cannot be known: after a gain
            that lifts the peak to full scale.
        crest_db: Largest sample over mean power; None in silence.
        noise_floor_dbfs: Power that a tenth of all stretches of 50 ms stay below, those
            of digital silence (below -150 dB) left out; None where there is no other.
        stretches: The powers of the stretches of 50 ms.
    """

    duration_s: float
    sample_peak_dbfs: float | None
    rms_dbfs: float | None
    dc: float
    clipped_samples: int | None
    crest_db: float | None
    noise_floor_dbfs: float | None
    stretches: PowerDistribution = field(repr=False, compare=False)

    def after_gain(self, gain_db: float) -> Self:
        """Return the report on the same stream after a constant gain.

        Args:
            gain_db: The gain, in dB.
        """
        peak_dbfs = shifted(self.sample_peak_dbfs, gain_db)
        stretches = self.stretches.after_gain(gain_db)
        clipped_samples = self.clipped_samples if gain_db == 0.0 else None
        if peak_dbfs is None or db_to_amplitude(peak_dbfs) < _FULL_SCALE:
            clipped_samples = 0
        return replace(
            self,
            sample_peak_dbfs=peak_dbfs,
            rms_dbfs=shifted(self.rms_dbfs, gain_db),
            dc=self.dc * db_to_amplitude(gain_db),
            clipped_samples=clipped_samples,
            noise_floor_dbfs=_noise_floor_dbfs(stretches),
            stretches=stretches,
        )

    def merged_with(self, other: Self) -> Self:
        """Return one report on two streams of an album; no measuring block spans two.

        Args:
            other: The report on another stream, with as many channels.
        """
        clipped = (self.clipped_samples, other.clipped_samples)
        stretches = self.stretches.merged_with(other.stretches)
        peak_dbfs = loudest(self.sample_peak_dbfs, other.sample_peak_dbfs)
        rms_dbfs = self._mean_db(other, self.rms_dbfs, other.rms_dbfs)
        return replace(
            self,
            duration_s=self.duration_s + other.duration_s,
            sample_peak_dbfs=peak_dbfs,
            rms_dbfs=rms_dbfs,
            dc=max(self.dc, other.dc, key=abs),
            clipped_samples=None if None in clipped else sum(filter(None, clipped)),
            crest_db=_difference(peak_dbfs, rms_dbfs),
            noise_floor_dbfs=_noise_floor_dbfs(stretches),
            stretches=stretches,
        )

    def to_row(self) -> dict[str, float | int | None]:
        """Return the plain numbers under their Python names."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.repr}

    def _mean_db(
        self, other: LevelReport, own_db: float | None, other_db: float | None
    ) -> float | None:
        """Return the level of both streams in a row."""
        parts = ((self.duration_s, own_db), (other.duration_s, other_db))
        power = sum(length * 10.0 ** (db / 10.0) for length, db in parts if db is not None)
        total_s = self.duration_s + other.duration_s
        return 10.0 * math.log10(power / total_s) if power > 0.0 else None


class LevelMeter(PieceMeter[LevelReport]):
    """Measure peak, RMS, crest, noise floor, offset and clipping.

    Sums run over aligned rows of 50 ms, and over those in float64: they do not depend on
    how the stream is cut, and do not drift over hours.

    Args:
        fmt: Format of the stream.
    """

    def reset(self) -> None:
        super().reset()
        n_channels = self.fmt.channels
        self._peak = 0.0
        self._clipped_samples = 0
        self._was_full = np.zeros((n_channels, _CLIPPED_RUN_SAMPLES), np.bool_)
        self._rows = RowTotals(self.fmt, rows_per_s=_ROWS_PER_S, total=_sums_and_squares)
        self._stretches = PowerHistogram()
        # First row: sums; second row: sums of squares.
        self._sums = np.zeros((2, n_channels))

    def take(self, piece: Piece) -> None:
        self._peak = max(self._peak, piece.highest)
        self._count_clipped(piece.own, may_clip=piece.highest >= _FULL_SCALE)
        sums = self._rows.add(piece.own)
        row_values = self.fmt.sample_rate / _ROWS_PER_S * self.fmt.channels
        self._stretches.add(sums[1].sum(axis=0) / row_values)
        self._sums = self._sums + sums.sum(axis=-1)

    def report(self) -> LevelReport:
        n_samples = self._rows.n_samples
        total, total_square = self._sums + self._rows.begun
        means = total / max(1, n_samples)
        power = float(total_square.sum()) / (max(1, n_samples) * self.fmt.channels)
        peak_dbfs = amplitude_to_db(self._peak) if self._peak > 0.0 else None
        rms_dbfs = power_to_db(power) if power > 0.0 else None
        stretches = self._stretches.distribution()
        return LevelReport(
            duration_s=self.fmt.seconds(n_samples),
            sample_peak_dbfs=peak_dbfs,
            rms_dbfs=rms_dbfs,
            dc=float(means[np.argmax(np.abs(means))]),
            clipped_samples=self._clipped_samples,
            crest_db=_difference(peak_dbfs, rms_dbfs),
            noise_floor_dbfs=_noise_floor_dbfs(stretches),
            stretches=stretches,
        )

    def _count_clipped(self, samples: NDArray[np.float32], *, may_clip: bool) -> None:
        n_before = _CLIPPED_RUN_SAMPLES
        if not may_clip and not self._was_full.any():
            return
        is_full = np.concatenate([self._was_full, np.abs(samples) >= _FULL_SCALE], axis=1)
        ends_run = is_full[:, 2:] & is_full[:, 1:-1] & is_full[:, :-2]
        is_first = ends_run[:, 1:] & ~ends_run[:, :-1]
        # Where a run is noticed, its first two samples are behind.
        self._clipped_samples += int(ends_run[:, 1:].sum()) + (n_before - 1) * int(is_first.sum())
        self._was_full = is_full[:, -n_before:].copy()


def shifted(level_db: float | None, gain_db: float) -> float | None:
    """Return a level after a gain; silence stays None."""
    return None if level_db is None else level_db + gain_db


def loudest(*levels_db: float | None) -> float | None:
    """Return the highest of some levels; None if all are silence."""
    return max((level for level in levels_db if level is not None), default=None)


def _difference(level_db: float | None, reference_db: float | None) -> float | None:
    return None if level_db is None or reference_db is None else level_db - reference_db


def _noise_floor_dbfs(stretches: PowerDistribution) -> float | None:
    power = stretches.quantile(_NOISE_QUANTILE)
    return None if power is None else power_to_db(power)


def _sums_and_squares(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sums and the sums of squares over the last axis, ``(2, …)``."""
    # A product with ones: three times as fast as a sum.
    ones = np.ones(rows.shape[-1], np.float32)
    sums = np.empty((2, *rows.shape[:-1]), np.float32)
    np.vecdot(rows, ones, out=sums[0])
    np.vecdot(rows, rows, out=sums[1])
    return sums
