"""Blind quality scores of a stream."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import numpy as np

from audiokit.errors import SettingError
from audiokit.quality.report import QualityReport
from audiokit.quality.scale import (
    PROFILES,
    clipping_penalty,
    component_scores,
    grade,
    overall,
)
from audiokit.quality.tally import LevelHistogram, Tally
from audiokit.stage import Block, Meter, StreamFormat
from audiokit.units import amplitude_to_db

__all__ = ["QualityMeter", "QualitySettings"]

_LOWEST_RATE_HZ = 4000
_CHUNKS_AT_ONCE = 4  # few calls, and temporaries that stay in cache
_SHORTEST_S = 0.5
_SILENCE_DBFS = -70.0
# Digital zeros between takes are no noise floor.
_DIGITAL_SILENCE_DBFS = -100.0
_ACTIVITY_MARGIN_DB = 15.9
_FLOOR_QUANTILE = 0.2
_BANDWIDTH_MARGIN_DB = 60.0
# Least squares over mixes of known ratio, -5 to 30 dB, of LibriSpeech talkers and the
# Berklee noises; see snr_db.
_SNR_BIAS_DB = 7.5
_SNR_PER_SPAN_DB = 0.89
_SNR_PER_MODULATION_DB = 1.03
_SNR_RANGE_DB = (-10.0, 60.0)
# Spread of the level, second by second: what fluent speech has, and what is worth nothing.
_USUAL_SPREAD_DB, _WIDEST_SPREAD_DB = 2.0, 12.0


@dataclass(frozen=True, slots=True)
class QualitySettings:
    """How the components are weighed.

    Raises:
        SettingError: The profile is unknown.
    """

    profile: str = "seed"
    """``seed``: noise 0.3, clarity 0.3, level 0.2, consistency 0.2."""

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise SettingError("profile", self.profile, f"one of {', '.join(PROFILES)}")


class QualityMeter(Meter[QualityReport]):
    """Score a recording of speech without a reference, in bounded memory.

    A number for sorting and gating, for speech: music, tones and steady noise get scores
    that mean little. Channels are averaged, but for peak, clipping and DC. What was
    denoised before looks cleaner than it sounds.

    * ``snr_db`` is estimated from how far active speech (P.56) lies above the level that
      a fifth of the frames stay below, between 100 and 4400 Hz, and from how deeply the
      envelope moves at the rate of syllables.
    * ``clarity`` is 0.4 of that depth, and 0.2 each of the share of energy in the
      telephone band, of how far the spectrum is from flat, and of the bandwidth.

    Args:
        fmt: Format of the stream; 4000 Hz or more.
        settings: How the components are weighed.

    Raises:
        SettingError: The sample rate is below 4000 Hz.
    """

    _held: Block

    def __init__(self, fmt: StreamFormat, settings: QualitySettings | None = None) -> None:
        if fmt.sample_rate < _LOWEST_RATE_HZ:
            raise SettingError("sample_rate", fmt.sample_rate, f"{_LOWEST_RATE_HZ} Hz or more")
        self.fmt = fmt
        self.settings = settings or QualitySettings()
        self.reset()

    def update(self, block: Block) -> None:
        # Always in the same stretches, so that the sums do not depend on the cutting.
        held = np.concatenate([self._held, block])
        chunk, overlap = self._tally.chunk_samples, self._tally.overlap_samples
        n_chunks = max(0, (len(held) - overlap) // chunk)
        for first in range(0, n_chunks, _CHUNKS_AT_ONCE):
            last = min(first + _CHUNKS_AT_ONCE, n_chunks)
            self._tally.add(held[first * chunk : last * chunk + overlap])
        self._held = held[n_chunks * chunk :].copy()

    def result(self) -> QualityReport:
        tally = copy.deepcopy(self._tally)
        # The rest may be a whole stretch, and a part of the overlap.
        tally.add(self._held)
        tally.add(self._held[tally.chunk_samples :])
        return _report(self.fmt, tally, self.settings)

    def reset(self) -> None:
        self._tally = Tally(self.fmt)
        self._held = self.fmt.silence(0)


def _report(fmt: StreamFormat, tally: Tally, settings: QualitySettings) -> QualityReport:
    duration_s = fmt.seconds(tally.n_samples)
    heard = tally.broadband.above(_DIGITAL_SILENCE_DBFS)
    level_dbfs = heard.active_dbfs(_ACTIVITY_MARGIN_DB) if heard.counts.any() else -math.inf
    reason = None
    if duration_s < _SHORTEST_S:
        reason = f"shorter than {_SHORTEST_S} s"
    elif level_dbfs < _SILENCE_DBFS:
        reason = f"silence: nothing above {_SILENCE_DBFS:g} dBFS"
    if reason:
        return _unscored(tally, duration_s=duration_s, reason=reason)
    return _scored(
        tally, duration_s=duration_s, heard=heard, level_dbfs=level_dbfs, settings=settings
    )


def _samples_only(tally: Tally) -> tuple[float, float, float]:
    """Return peak in dBFS, share of clipped samples, and DC offset."""
    n_values = max(1, tally.n_samples * len(tally.sum))
    means = tally.sum / max(1, tally.n_samples)
    dc_offset = float(means[np.argmax(np.abs(means))])
    return amplitude_to_db(tally.peak), tally.n_clipped / n_values, dc_offset


def _unscored(tally: Tally, *, duration_s: float, reason: str) -> QualityReport:
    peak_dbfs, clipping_ratio, dc_offset = _samples_only(tally)
    return QualityReport(
        duration_s=duration_s,
        overall=None,
        grade=None,
        worst=None,
        reason=reason,
        snr_db=None,
        clarity=None,
        consistency=None,
        active_level_dbfs=None,
        noise_floor_dbfs=None,
        peak_dbfs=peak_dbfs,
        clipping_ratio=clipping_ratio,
        silence_ratio=None,
        dc_offset=dc_offset,
        bandwidth_hz=None,
        snr_score=None,
        clarity_score=None,
        level_score=None,
        consistency_score=None,
        clipping_penalty=None,
    )


def _scored(
    tally: Tally,
    *,
    duration_s: float,
    heard: LevelHistogram,
    level_dbfs: float,
    settings: QualitySettings,
) -> QualityReport:
    peak_dbfs, clipping_ratio, dc_offset = _samples_only(tally)
    threshold_dbfs = level_dbfs - _ACTIVITY_MARGIN_DB
    n_active = int(tally.broadband.above(threshold_dbfs).counts.sum())
    bandwidth_hz = _bandwidth_hz(tally)
    values = {
        "noise": _snr_db(tally),
        "clarity": _clarity(tally, bandwidth_hz),
        "level": level_dbfs,
        "consistency": _consistency(tally.chunks.above(threshold_dbfs)),
    }
    scores = component_scores(values)
    penalty = clipping_penalty(clipping_ratio)
    total, worst = overall(scores, penalty=penalty, profile=settings.profile)
    return QualityReport(
        duration_s=duration_s,
        overall=total,
        grade=grade(total),
        worst=worst,
        reason=None,
        snr_db=values["noise"],
        clarity=values["clarity"],
        consistency=values["consistency"],
        active_level_dbfs=level_dbfs,
        noise_floor_dbfs=heard.quantile_dbfs(_FLOOR_QUANTILE),
        peak_dbfs=peak_dbfs,
        clipping_ratio=clipping_ratio,
        silence_ratio=1.0 - n_active / int(tally.broadband.counts.sum()),
        dc_offset=dc_offset,
        bandwidth_hz=bandwidth_hz,
        snr_score=scores["noise"],
        clarity_score=scores["clarity"],
        level_score=scores["level"],
        consistency_score=scores.get("consistency"),
        clipping_penalty=penalty,
    )


def _modulation_db(tally: Tally) -> float:
    """Return how deeply the envelope moves at 2 to 8 Hz, in dB below its mean."""
    _, _, _, carrier, syllables = tally.totals
    return 10.0 * math.log10(syllables / max(carrier, 1e-12) + 1e-4)


def _snr_db(tally: Tally) -> float:
    heard = tally.speech_band.above(_DIGITAL_SILENCE_DBFS)
    if not heard.counts.any():
        return _SNR_RANGE_DB[0]
    span_db = heard.active_dbfs(_ACTIVITY_MARGIN_DB) - heard.quantile_dbfs(_FLOOR_QUANTILE)
    snr_db = (
        _SNR_BIAS_DB + _SNR_PER_SPAN_DB * span_db + _SNR_PER_MODULATION_DB * _modulation_db(tally)
    )
    return float(np.clip(snr_db, *_SNR_RANGE_DB))


def _clarity(tally: Tally, bandwidth_hz: float) -> float:
    total, telephone_energy, flat_energy, _, _ = tally.totals
    energy = max(total, 1e-12)
    # Each mark from where there is none of it to where clean speech has it.
    depth = np.interp(_modulation_db(tally), (-20.0, -6.0), (0.0, 1.0))
    telephone = np.interp(telephone_energy / energy, (0.1, 0.6), (0.0, 1.0))
    uneven = np.interp(flat_energy / energy, (0.05, 0.7), (1.0, 0.0))
    width = np.interp(bandwidth_hz, (2000.0, 7000.0), (0.0, 1.0))
    return float(0.4 * depth + 0.2 * telephone + 0.2 * uneven + 0.2 * width)


def _bandwidth_hz(tally: Tally) -> float:
    threshold = tally.spectrum.max() * 10.0 ** (-_BANDWIDTH_MARGIN_DB / 10.0)
    return float(tally.bins_hz[np.flatnonzero(tally.spectrum >= threshold)[-1]])


def _consistency(chunks: LevelHistogram) -> float | None:
    n_chunks = int(chunks.counts.sum())
    if n_chunks < 2:
        return None
    levels = chunks.levels_dbfs
    mean_dbfs = float(np.sum(chunks.counts * levels)) / n_chunks
    variance = float(np.sum(chunks.counts * np.square(levels - mean_dbfs))) / n_chunks
    spread_db = math.sqrt(variance)
    return float(np.interp(spread_db, (_USUAL_SPREAD_DB, _WIDEST_SPREAD_DB), (1.0, 0.0)))
