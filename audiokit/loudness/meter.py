"""Programme loudness after BS.1770 and EBU R 128."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.iir import PieceFilter
from audiokit.loudness.forecast import LevelSketch, SketchRecorder
from audiokit.loudness.gating import PowerDistribution, PowerHistogram, loudness_lufs
from audiokit.loudness.level import LevelMeter, LevelReport, loudest, shifted
from audiokit.loudness.pieces import Piece, PieceMeter, RowTotals
from audiokit.loudness.trace import LoudnessTrace, TraceRecorder
from audiokit.loudness.true_peak import TruePeakMeter
from audiokit.loudness.weighting import channel_weights, k_weighting
from audiokit.stage import StreamFormat
from audiokit.units import amplitude_to_db

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["LoudnessMeter", "LoudnessReport"]

Powers = NDArray[np.float64]

# 10 ms: a momentary loudness looked at every 100 ms misses 0.6 LU of a 400 ms tone that
# starts between two looks (EBU Tech 3341, cases 10 and 13).
_HOPS_PER_S = 100
_MOMENTARY_HOPS = 40
_SHORT_TERM_HOPS = 300
# BS.1770-5: gating blocks overlap by 75 %. EBU Tech 3342 asks for at least 1 Hz.
_GATING_STEP_HOPS = 10
# What is gathered before the windows slide on, because a call costs as much as hundreds of
# hops: 30 s.
_MIN_FOLLOWED_HOPS = 3000
# Steps on the way to a gain: nearly always two; a step below 1e-9 LU is the last.
_MAX_GAIN_STEPS = 100
_SAME_LU = 1e-9


@dataclass(frozen=True, slots=True)
class LoudnessReport(LevelReport):
    """How loud a stream is.

    Args:
        duration_s: How long the stream was.
        sample_peak_dbfs: Largest sample; None in silence.
        rms_dbfs: Mean power of all channels re full scale; None in silence.
        dc: Mean of the channel that is furthest off zero, in fractions of full scale.
        clipped_samples: Samples in runs of three or more at full scale; None where it
            cannot be known: after a gain that lifts the peak to full scale.
        crest_db: Largest sample over mean power; None in silence.
        noise_floor_dbfs: Power that a tenth of all stretches of 50 ms stay below; None in
            digital silence.
        stretches: The powers of the stretches of 50 ms.
        integrated_lufs: Loudness of the programme; None where nothing passed the gates:
            silence, below -70 LUFS, or less than 400 ms.
        ungated_lufs: Loudness of every sample, no gate, any length; None in silence.
        momentary_max_lufs: Loudest 400 ms; None in silence or less than that.
        short_term_max_lufs: Loudest 3 s; None in silence or less than that.
        range_lu: Loudness range (LRA); None below 3 s, or where all is below the gate.
        true_peak_dbtp: Largest value between the samples too; None in silence.
        programme: The powers of the gating blocks of 400 ms.
        short_term: The powers of the windows of 3 s that the range comes from.
        sketch: Peaks and powers over time; None after a gain or a merger.
    """

    integrated_lufs: float | None
    ungated_lufs: float | None
    momentary_max_lufs: float | None
    short_term_max_lufs: float | None
    range_lu: float | None
    true_peak_dbtp: float | None
    programme: PowerDistribution = field(repr=False, compare=False)
    short_term: PowerDistribution = field(repr=False, compare=False)
    sketch: LevelSketch | None = field(repr=False, compare=False)

    def gain_to(self, target_lufs: float) -> float | None:
        """Return the gain in dB after which the stream reads the target.

        Not simply the difference: raised, quiet blocks pass the absolute gate, and the
        mean of what is heard falls; lowered, blocks drop below it. Each step finds the same
        blocks or more (fewer), so the steps all go one way and end.

        Args:
            target_lufs: Integrated loudness to reach.

        Returns:
            None where `integrated_lufs` is None, and where so soft a target leaves
            nothing above the gate.
        """
        gain_db = 0.0
        for _ in range(_MAX_GAIN_STEPS):
            reached_lufs = self.programme.integrated_lufs(gain_db)
            if reached_lufs is None:
                return None
            missing_db = target_lufs - reached_lufs
            gain_db += missing_db
            if abs(missing_db) < _SAME_LU:
                break
        return gain_db

    def after_gain(self, gain_db: float) -> Self:
        programme = self.programme.after_gain(gain_db)
        short_term = self.short_term.after_gain(gain_db)
        return replace(
            # A dataclass with slots has no super().
            LevelReport.after_gain(self, gain_db),
            integrated_lufs=programme.integrated_lufs(),
            ungated_lufs=shifted(self.ungated_lufs, gain_db),
            momentary_max_lufs=shifted(self.momentary_max_lufs, gain_db),
            short_term_max_lufs=shifted(self.short_term_max_lufs, gain_db),
            range_lu=short_term.range_lu(),
            true_peak_dbtp=shifted(self.true_peak_dbtp, gain_db),
            programme=programme,
            short_term=short_term,
            sketch=None,
        )

    def merged_with(self, other: Self) -> Self:
        programme = self.programme.merged_with(other.programme)
        short_term = self.short_term.merged_with(other.short_term)
        return replace(
            LevelReport.merged_with(self, other),
            integrated_lufs=programme.integrated_lufs(),
            ungated_lufs=self._mean_db(other, self.ungated_lufs, other.ungated_lufs),
            momentary_max_lufs=loudest(self.momentary_max_lufs, other.momentary_max_lufs),
            short_term_max_lufs=loudest(self.short_term_max_lufs, other.short_term_max_lufs),
            range_lu=short_term.range_lu(),
            true_peak_dbtp=loudest(self.true_peak_dbtp, other.true_peak_dbtp),
            programme=programme,
            short_term=short_term,
            sketch=None,
        )


class LoudnessMeter(PieceMeter[LoudnessReport]):
    """Measure loudness, its range, and the peaks, in one pass and constant memory.

    Momentary and short-term loudness are looked at every 10 ms. The channel layout is
    the usual one of so many channels: six are 5.1, of which the fourth is not heard.

    Args:
        fmt: Format of the stream; 4000 Hz or more.

    Raises:
        SettingError: The sample rate is below 4000 Hz.

    References:
        ITU-R BS.1770-5; EBU R 128, Tech 3341 and Tech 3342.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        self._weighting = PieceFilter(k_weighting(fmt.sample_rate), fmt.channels)
        self._weights = np.array(channel_weights(fmt.channels))
        self._level = LevelMeter(fmt)
        self._true_peak = TruePeakMeter(fmt)
        super().__init__(fmt)

    def reset(self) -> None:
        super().reset()
        for part in (self._weighting, self._level, self._true_peak):
            part.reset()
        self._programme = PowerHistogram()
        self._range = PowerHistogram()
        self._trace = TraceRecorder(_HOPS_PER_S)
        self._rows = RowTotals(self.fmt, rows_per_s=_HOPS_PER_S, total=_energies)
        self._peaks = RowTotals(self.fmt, rows_per_s=_HOPS_PER_S, total=_largest, join=np.maximum)
        self._new_peaks: list[Powers] = []
        self._sketch = SketchRecorder(_HOPS_PER_S)
        self._loudest_momentary = self._loudest_short_term = 0.0
        self._energy = 0.0
        self._new_hops: list[Powers] = []
        self._hops = np.zeros(0)
        self._n_followed = 0

    def take(self, piece: Piece) -> None:
        self._level.take(piece)
        self._true_peak.take(piece)
        weighted = self._weighting.process(piece.padded)[:, : piece.n_samples]
        self._new_hops.append(self._weights @ self._rows.add(weighted)[0])
        self._new_peaks.append(self._peaks.add(piece.own_magnitudes)[0].max(axis=0))
        if piece.is_last or self._rows.n_rows - self._n_followed >= _MIN_FOLLOWED_HOPS:
            self._follow()

    def report(self) -> LoudnessReport:
        level = self._level.report()
        true_peak = self._true_peak.report()
        energy = self._energy + float(self._weights @ self._rows.begun[0])
        programme = self._programme.distribution()
        short_term = self._range.distribution()
        return LoudnessReport(
            **{each.name: getattr(level, each.name) for each in fields(level)},
            integrated_lufs=programme.integrated_lufs(),
            ungated_lufs=loudness_lufs(energy / max(1, self._rows.n_samples)),
            momentary_max_lufs=loudness_lufs(self._loudest_momentary),
            short_term_max_lufs=loudness_lufs(self._loudest_short_term),
            range_lu=short_term.range_lu(),
            true_peak_dbtp=amplitude_to_db(true_peak) if true_peak > 0.0 else None,
            programme=programme,
            short_term=short_term,
            sketch=self._sketch.sketch(),
        )

    def trace(self) -> LoudnessTrace:
        """Return loudness over time so far, for a picture; at most 4096 steps."""
        return self.ended()._trace.trace()  # noqa: SLF001  our own kind

    def _follow(self) -> None:
        """Let the measuring windows slide over the hops that are new."""
        n_hops = self._rows.n_rows
        n_new, self._n_followed = n_hops - self._n_followed, n_hops
        if not n_new:
            return
        self._hops = np.concatenate([self._hops, *self._new_hops])
        powers = self._hops[-n_new:] * (_HOPS_PER_S / self.fmt.sample_rate)
        self._sketch.add(np.concatenate(self._new_peaks), powers)
        self._new_hops, self._new_peaks = [], []
        # One after the other: the same sum for any cutting of the stream.
        energies = np.concatenate([[self._energy], self._hops[-n_new:]])
        self._energy = float(np.add.accumulate(energies)[-1])
        momentary, is_step = self._slide(_MOMENTARY_HOPS, n_new)
        short_term, is_range_step = self._slide(_SHORT_TERM_HOPS, n_new)
        self._hops = self._hops[-(_SHORT_TERM_HOPS - 1) :]
        self._loudest_momentary = max(self._loudest_momentary, momentary.max(initial=0.0))
        self._loudest_short_term = max(self._loudest_short_term, short_term.max(initial=0.0))
        self._programme.add(momentary[is_step])
        self._range.add(short_term[is_range_step])
        self._trace.add(n_hops, momentary, short_term)

    def _slide(self, width: int, n_new: int) -> tuple[Powers, NDArray[np.bool_]]:
        """Return the mean powers of the windows that the last hops complete.

        Returns:
            The powers, and which of them begin at a multiple of 100 ms.
        """
        hops = self._hops[-(width - 1 + n_new) :]
        if len(hops) < width:
            return np.zeros(0), np.zeros(0, np.bool_)
        powers = _sliding_sums(hops, width) / (width / _HOPS_PER_S * self.fmt.sample_rate)
        first = self._rows.n_rows - width + 1 - len(powers)
        return powers, np.arange(first, first + len(powers)) % _GATING_STEP_HOPS == 0


def _largest(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the maxima over the last axis, ``(1, …)``."""
    return np.asarray(rows.max(axis=-1, initial=0.0))[np.newaxis]


def _energies(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sums of squares over the last axis, ``(1, …)``."""
    return np.asarray(np.vecdot(rows, rows))[np.newaxis]


def _sliding_sums(values: Powers, width: int) -> Powers:
    """Return the sums of all windows, by doubling: the same bits at any position."""
    n_windows = len(values) - width + 1
    total = np.zeros(n_windows)
    done, size = 0, 1
    while done < width:
        if width & size:
            total += values[done : done + n_windows]
            done += size
        values = values[: len(values) - size] + values[size:] if len(values) > size else values
        size *= 2
    return total
