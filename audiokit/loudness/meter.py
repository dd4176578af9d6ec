"""Programme loudness after BS.1770 and EBU R 128."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.iir import RecursiveFilter
from audiokit.loudness.gating import GatedPowers, loudness_lufs
from audiokit.loudness.level import LevelMeter, LevelReport
from audiokit.loudness.true_peak import TruePeakMeter
from audiokit.loudness.weighting import channel_weights, k_weighting
from audiokit.stage import Block, Meter, StreamFormat
from audiokit.units import amplitude_to_db

__all__ = ["LoudnessMeter", "LoudnessReport"]

Powers = NDArray[np.float64]

# 10 ms: a momentary loudness looked at every 100 ms misses 0.6 LU of a 400 ms tone that
# starts between two looks (EBU Tech 3341, cases 10 and 13).
_HOPS_PER_S = 100
_MOMENTARY_HOPS = 40
_SHORT_TERM_HOPS = 300
# BS.1770-5: gating blocks overlap by 75 %. EBU Tech 3342 asks for at least 1 Hz.
_GATING_STEP_HOPS = 10
# What is gathered before the next step of the work, because a call costs as much as
# thousands of samples or hundreds of hops: 4096 samples, 30 s.
_MIN_UPDATE_SAMPLES = 4096
_MIN_FOLLOWED_HOPS = 3000
_MAX_UPDATE_VALUES = 1 << 16


@dataclass(frozen=True, slots=True)
class LoudnessReport(LevelReport):
    """How loud a stream is.

    Args:
        duration_s: How long the stream was.
        sample_peak_dbfs: Largest sample; None in silence.
        rms_dbfs: Mean power of all channels re full scale; None in silence.
        dc: Mean of the channel that is furthest off zero, in fractions of full scale.
        clipped_samples: Samples in runs of three or more at full scale.
        integrated_lufs: Loudness of the programme; None where nothing passed the gates:
            silence, below -70 LUFS, or less than 400 ms.
        ungated_lufs: Loudness of every sample, no gate, any length; None in silence.
        momentary_max_lufs: Loudest 400 ms; None in silence or less than that.
        short_term_max_lufs: Loudest 3 s; None in silence or less than that.
        range_lu: Loudness range (LRA); None below 3 s, or where all is below the gate.
        true_peak_dbtp: Largest value between the samples too; None in silence.
    """

    integrated_lufs: float | None
    ungated_lufs: float | None
    momentary_max_lufs: float | None
    short_term_max_lufs: float | None
    range_lu: float | None
    true_peak_dbtp: float | None


class LoudnessMeter(Meter[LoudnessReport]):
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
        self.fmt = fmt
        self._weighting = RecursiveFilter(k_weighting(fmt.sample_rate), fmt.channels)
        self._weights = channel_weights(fmt.channels)
        self._level = LevelMeter(fmt)
        self._true_peak = TruePeakMeter(fmt)
        self.reset()

    def reset(self) -> None:
        for part in (self._weighting, self._level, self._true_peak):
            part.reset()
        self._programme = GatedPowers()
        self._range = GatedPowers()
        self._loudest_momentary = self._loudest_short_term = 0.0
        self._n_samples = self._n_hops = 0
        self._energy = self._merged_energy = 0.0
        self._merged_samples = 0
        self._waiting: list[Block] = []
        self._n_waiting = 0
        self._begun_hop = np.zeros(0)
        self._new_hops: list[Powers] = []
        self._hops = np.zeros(0)
        self._n_followed = 0

    def update(self, block: Block) -> None:
        self._n_waiting += len(block)
        if self._n_waiting < _MIN_UPDATE_SAMPLES:
            self._waiting.append(block.copy())
            return
        self._measure(np.concatenate([*self._waiting, block]) if self._waiting else block)
        self._waiting, self._n_waiting = [], 0

    def result(self) -> LoudnessReport:
        self._catch_up()
        level = self._level.result()
        true_peak = self._true_peak.result()
        n_samples = max(1, self._n_samples + self._merged_samples)
        energy = self._energy + float(self._begun_hop.sum()) + self._merged_energy
        return LoudnessReport(
            duration_s=level.duration_s,
            sample_peak_dbfs=level.sample_peak_dbfs,
            rms_dbfs=level.rms_dbfs,
            dc=level.dc,
            clipped_samples=level.clipped_samples,
            integrated_lufs=self._programme.integrated_lufs(),
            ungated_lufs=loudness_lufs(energy / n_samples),
            momentary_max_lufs=loudness_lufs(self._loudest_momentary),
            short_term_max_lufs=loudness_lufs(self._loudest_short_term),
            range_lu=self._range.range_lu(),
            true_peak_dbtp=amplitude_to_db(true_peak) if true_peak > 0.0 else None,
        )

    def merge(self, other: LoudnessMeter) -> None:
        """Take in what another meter heard, as one more stream of the same album.

        No measuring block spans two streams.

        Args:
            other: A meter of streams with as many channels; what it reports stays.
        """
        self._catch_up()
        other._catch_up()
        self._level.merge(other._level)
        self._true_peak.merge(other._true_peak)
        self._programme.merge(other._programme)
        self._range.merge(other._range)
        self._loudest_momentary = max(self._loudest_momentary, other._loudest_momentary)
        self._loudest_short_term = max(self._loudest_short_term, other._loudest_short_term)
        self._merged_energy += other._energy + float(other._begun_hop.sum()) + other._merged_energy
        self._merged_samples += other._n_samples + other._merged_samples

    def _catch_up(self) -> None:
        if self._n_waiting:
            self._measure(np.concatenate(self._waiting))
            self._waiting, self._n_waiting = [], 0
        self._follow()

    def _measure(self, block: Block) -> None:
        self._level.update(block)
        self._true_peak.update(block)
        step = max(1, _MAX_UPDATE_VALUES // self.fmt.channels)
        for start in range(0, len(block), step):
            self._sum_hops(self._powers(block[start : start + step]))
            if self._n_hops - self._n_followed >= _MIN_FOLLOWED_HOPS:
                self._follow()

    def _powers(self, block: Block) -> Powers:
        """Return the K-weighted power of every sample, after those of the hop begun."""
        stop = len(self._begun_hop)
        powers = np.empty(stop + len(block))
        powers[:stop] = self._begun_hop
        for weighted in self._weighting.pieces(block):
            start, stop = stop, stop + weighted.shape[1]
            np.multiply(weighted, weighted, out=weighted)
            powers[start:stop] = weighted[0]
            for power, weight in zip(weighted[1:], self._weights[1:], strict=True):
                powers[start:stop] += weight * power
        return powers

    def _sum_hops(self, powers: Powers) -> None:
        """Sum what `_powers` returns over hops, and keep the rest."""
        rate = self.fmt.sample_rate
        self._n_samples += len(powers) - len(self._begun_hop)
        first_hop, self._n_hops = self._n_hops, self._n_samples * _HOPS_PER_S // rate
        # Hop k begins at the first sample at or after k / 100 s: no drift at 11025 Hz.
        edges = -(-np.arange(first_hop, self._n_hops + 1) * rate // _HOPS_PER_S)
        edges -= edges[0]
        self._begun_hop = powers[edges[-1] :].copy()
        if len(edges) > 1:
            self._new_hops.append(np.add.reduceat(powers[: edges[-1]], edges[:-1]))

    def _follow(self) -> None:
        """Let the measuring windows slide over the hops that are new."""
        n_new, self._n_followed = self._n_hops - self._n_followed, self._n_hops
        if not n_new:
            return
        self._hops = np.concatenate([self._hops, *self._new_hops])
        self._new_hops = []
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

    def _slide(self, width: int, n_new: int) -> tuple[Powers, NDArray[np.bool_]]:
        """Return the mean powers of the windows that the last hops complete.

        Returns:
            The powers, and which of them begin at a multiple of 100 ms.
        """
        hops = self._hops[-(width - 1 + n_new) :]
        if len(hops) < width:
            return np.zeros(0), np.zeros(0, np.bool_)
        powers = _sliding_sums(hops, width) / (width / _HOPS_PER_S * self.fmt.sample_rate)
        first = self._n_hops - width + 1 - len(powers)
        return powers, np.arange(first, first + len(powers)) % _GATING_STEP_HOPS == 0


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
