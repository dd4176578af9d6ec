"""Level without weighting: peak, RMS, offset, clipping."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.stage import Block, Meter, StreamFormat
from audiokit.units import amplitude_to_db, power_to_db

__all__ = ["LevelMeter", "LevelReport"]

# The largest value of 16-bit audio; integers of more bits and floats reach it too.
_FULL_SCALE = 32767.0 / 32768.0
# A lone sample at full scale is what peak normalization leaves; three in a row are not.
_CLIPPED_RUN_SAMPLES = 3
_ROW_SAMPLES = 4096
_MAX_UPDATE_SAMPLES = 1 << 16


@dataclass(frozen=True, slots=True)
class LevelReport:
    """The plain level of a stream.

    Args:
        duration_s: How long the stream was.
        sample_peak_dbfs: Largest sample; None in silence.
        rms_dbfs: Mean power of all channels, re full scale: a square wave at full scale
            reads 0, a sine -3.01; None in silence.
        dc: Mean of the channel that is furthest off zero, in fractions of full scale.
        clipped_samples: How many samples are part of three or more in a row at full
            scale, counted in every channel.
    """

    duration_s: float
    sample_peak_dbfs: float | None
    rms_dbfs: float | None
    dc: float
    clipped_samples: int


class LevelMeter(Meter[LevelReport]):
    """Measure peak, RMS, offset and clipping.

    Sums run over aligned rows of 4096 samples, and over those in float64: they do not
    depend on how the stream is cut, and do not drift over hours.

    Args:
        fmt: Format of the stream.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        self.fmt = fmt
        self.reset()

    def reset(self) -> None:
        n_channels = self.fmt.channels
        self._n_samples = 0
        self._peak = 0.0
        self._clipped_samples = 0
        # First row: sums; second row: sums of squares.
        self._sums = np.zeros((2, n_channels))
        self._held = np.zeros((n_channels, 0), np.float32)
        self._was_full = np.zeros((n_channels, _CLIPPED_RUN_SAMPLES), np.bool_)

    def update(self, block: Block) -> None:
        for start in range(0, len(block), _MAX_UPDATE_SAMPLES):
            self._take(block[start : start + _MAX_UPDATE_SAMPLES].T)

    def result(self) -> LevelReport:
        total, total_square = self._totals()
        n_values = max(1, self._n_samples) * self.fmt.channels
        means = total / max(1, self._n_samples)
        power = float(total_square.sum()) / n_values
        return LevelReport(
            duration_s=self.fmt.seconds(self._n_samples),
            sample_peak_dbfs=amplitude_to_db(self._peak) if self._peak > 0.0 else None,
            rms_dbfs=power_to_db(power) if power > 0.0 else None,
            dc=float(means[np.argmax(np.abs(means))]),
            clipped_samples=self._clipped_samples,
        )

    def merge(self, other: LevelMeter) -> None:
        """Take in what another meter heard, as one more stream of the same album."""
        self._sums = self._sums + other._totals()
        self._n_samples += other._n_samples
        self._peak = max(self._peak, other._peak)
        self._clipped_samples += other._clipped_samples

    def _take(self, samples: NDArray[np.float32]) -> None:
        self._n_samples += samples.shape[1]
        highest = max(float(samples.max()), -float(samples.min()))
        self._peak = max(self._peak, highest)
        self._count_clipped(samples, may_clip=highest >= _FULL_SCALE)
        held = np.concatenate([self._held, samples], axis=1)
        n_whole = held.shape[1] // _ROW_SAMPLES * _ROW_SAMPLES
        if n_whole:
            rows = held[:, :n_whole].reshape(len(held), -1, _ROW_SAMPLES)
            # One row after the other: (a + b) + c is not a + (b + c).
            sums = np.concatenate([self._sums[:, :, np.newaxis], _row_sums(rows)], axis=2)
            self._sums = np.add.accumulate(sums, axis=2)[:, :, -1]
        self._held = held[:, n_whole:].copy()

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

    def _totals(self) -> NDArray[np.float64]:
        return np.asarray(self._sums + _row_sums(self._held))


def _row_sums(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the sums and the sums of squares over the last axis, ``(2, …)``."""
    return np.stack([rows.sum(axis=-1), np.vecdot(rows, rows)]).astype(np.float64)
