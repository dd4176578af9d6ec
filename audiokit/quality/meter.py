"""Blind quality scores of a stream."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace

from audiokit.errors import SettingError
from audiokit.quality.clarity import Clarity
from audiokit.quality.consistency import Consistency
from audiokit.quality.faults import FaultReport, Faults
from audiokit.quality.frames import Stretch, Stretcher
from audiokit.quality.histogram_snr import HistogramSnr
from audiokit.quality.judge import Judge, Judgement
from audiokit.quality.report import QualityReport
from audiokit.quality.scale import (
    DEFAULT_PROFILE,
    PROFILES,
    calibrated_points,
    clipping_penalty,
    component_scores,
    grade,
    level_cost,
    overall,
    shared_costs,
    worst_of,
)
from audiokit.quality.wada import WadaSnr
from audiokit.stage import Block, Meter, StreamFormat

__all__ = ["QualityMeter", "QualitySettings"]

_LOWEST_RATE_HZ = 4000
# The judge has heard nothing narrower than a telephone.
_LOWEST_JUDGED_HZ = 8000
_SHORTEST_S = 0.5
_SILENCE_DBFS = -70.0
# From here on, a room and a band are good enough not to be blamed.
_DRY_C50_DB = 15.0
_WIDE_BAND_HZ = 7000.0
# So many points of clipping, and nothing costs more: 1 % of all samples.
_SURE_PENALTY = 30.0


@dataclass(frozen=True, slots=True)
class QualitySettings:
    """How the components are weighed.

    Raises:
        SettingError: The profile is unknown.
    """

    profile: str = DEFAULT_PROFILE
    """``default``: what PESQ and DNSMOS would say; ``seed``: noise 0.3, clarity 0.3,
    level 0.2, consistency 0.2."""

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise SettingError("profile", self.profile, f"one of {', '.join(PROFILES)}")


class QualityMeter(Meter[QualityReport]):
    """Score a recording of speech without a reference, in bounded memory.

    A number for sorting and gating. Silence, less than half a second, and what holds no speech
    have none, and a reason. Channels are averaged, those in anti-phase turned round; dead ones
    and offsets change nothing but what is said of them. What a denoiser went over has an
    overall but no SNR: in pauses that somebody emptied there is nothing to measure.

    Args:
        fmt: Format of the stream; 4000 Hz or more.
        settings: How the components are weighed.

    Raises:
        SettingError: The sample rate is below 4000 Hz.
    """

    def __init__(self, fmt: StreamFormat, settings: QualitySettings | None = None) -> None:
        if fmt.sample_rate < _LOWEST_RATE_HZ:
            raise SettingError("sample_rate", fmt.sample_rate, f"{_LOWEST_RATE_HZ} Hz or more")
        self.fmt = fmt
        self.settings = settings or QualitySettings()
        self.reset()

    def update(self, block: Block) -> None:
        for stretch in self._stretcher.push(block):
            self._parts.add(stretch)
        self._n_samples += len(block)

    def result(self) -> QualityReport:
        parts = copy.deepcopy(self._parts)
        for stretch in self._stretcher.rest():
            parts.add(stretch)
        return _report(
            self.fmt, parts, duration_s=self.fmt.seconds(self._n_samples), settings=self.settings
        )

    def reset(self) -> None:
        self._stretcher = Stretcher(self.fmt)
        self._parts = _Parts(self.fmt)
        self._n_samples = 0


class _Parts:
    """Every measure of the meter."""

    def __init__(self, fmt: StreamFormat) -> None:
        self.faults = Faults(fmt)
        self.judge = Judge(fmt)
        self.clarity = Clarity(fmt)
        self.consistency = Consistency(fmt)
        self.wada = WadaSnr(fmt)
        self.histogram = HistogramSnr(fmt)

    def add(self, stretch: Stretch) -> None:
        self.faults.add(stretch)
        self.judge.add(stretch)
        self.clarity.add(stretch)
        self.consistency.add(stretch)
        self.wada.add(stretch)
        self.histogram.add(stretch)


def _report(
    fmt: StreamFormat, parts: _Parts, *, duration_s: float, settings: QualitySettings
) -> QualityReport:
    faults = _without_dead(fmt, parts.faults.report())
    judgement = parts.judge.report(clipping_ratio=faults.clipping.ratio)
    measured = _measured(faults, duration_s)
    level_dbfs = faults.levels.active_dbfs
    reason = None
    if fmt.sample_rate < _LOWEST_JUDGED_HZ:
        reason = f"sampled at {fmt.sample_rate} Hz: speech is told from {_LOWEST_JUDGED_HZ} Hz on"
    elif duration_s < _SHORTEST_S:
        reason = f"shorter than {_SHORTEST_S} s"
    elif level_dbfs is None or level_dbfs < _SILENCE_DBFS:
        reason = f"silence: nothing above {_SILENCE_DBFS:g} dBFS"
    elif judgement is None:
        reason = "too little sound: less than half a second above digital silence"
    if reason or judgement is None or level_dbfs is None:
        return replace(measured, reason=reason, snr_reason=reason)
    heard = replace(
        measured,
        speech_probability=judgement.speech_probability,
        active_level_dbfs=level_dbfs,
        noise_floor_dbfs=faults.levels.noise_floor_dbfs,
        silence_ratio=faults.levels.silence_ratio,
        bandwidth_hz=faults.bandwidth.bandwidth_hz,
    )
    if not judgement.has_speech:
        reason = "no speech found: music, noise or a tone"
        return replace(heard, reason=reason, snr_reason=reason)
    scored = _with_components(heard, parts, judgement)
    return _with_overall(scored, judgement, profile=settings.profile)


def _without_dead(fmt: StreamFormat, faults: FaultReport) -> FaultReport:
    """Return the report with levels of the channels that are not dead."""
    n_alive = fmt.channels - len(faults.channels.dead)
    if n_alive in (0, fmt.channels):
        return faults
    lost_db = 20.0 * math.log10(fmt.channels / n_alive)
    names = ("active_dbfs", "noise_floor_dbfs", "noise_floor_low_dbfs", "noise_floor_high_dbfs")
    levels = {name: getattr(faults.levels, name) for name in names}
    lifted = {name: level + lost_db for name, level in levels.items() if level is not None}
    return replace(faults, levels=replace(faults.levels, **lifted))


def _measured(faults: FaultReport, duration_s: float) -> QualityReport:
    """Return what is measured whatever the recording holds."""
    levels, bandwidth, gaps = faults.levels, faults.bandwidth, faults.gaps
    return QualityReport(
        duration_s=duration_s,
        peak_dbfs=faults.peaks.peak_dbfs,
        clipping_ratio=faults.clipping.ratio,
        dc_offset=faults.peaks.dc_offset,
        noise_floor_low_dbfs=levels.noise_floor_low_dbfs,
        noise_floor_high_dbfs=levels.noise_floor_high_dbfs,
        noise_floor_reason=levels.noise_floor_reason,
        headroom_db=faults.peaks.headroom_db,
        dynamic_range_db=levels.dynamic_range_db,
        bandwidth_low_hz=bandwidth.low_hz,
        bandwidth_high_hz=bandwidth.high_hz,
        bandwidth_reason=bandwidth.reason,
        hum_db=faults.hum.hum_db,
        hum_reason=faults.hum.reason,
        mains_hz=faults.hum.mains_hz,
        c50_db=faults.room.c50_db,
        c50_low_db=faults.room.c50_low_db,
        c50_high_db=faults.room.c50_high_db,
        c50_reason=faults.room.reason,
        lost_packets=gaps.n_lost,
        lost_ratio=gaps.lost_ratio,
        dropouts=gaps.n_dropouts,
        dropout_s=gaps.dropout_s,
        codec=faults.codec.codec,
        thd_percent=faults.tone.thd_percent,
        dead_channels=len(faults.channels.dead),
        opposed_channels=len(faults.channels.opposed),
    )


def _with_components(heard: QualityReport, parts: _Parts, judgement: Judgement) -> QualityReport:
    marks = parts.clarity.report()
    clarity = marks.score(heard.bandwidth_hz or 0.0)
    consistency = parts.consistency.report()
    scores = component_scores(
        {
            "noise": judgement.snr_db,
            "clarity": clarity,
            "level": heard.active_level_dbfs,
            "consistency": consistency,
        }
    )
    is_told = not judgement.is_processed
    return replace(
        heard,
        snr_db=judgement.snr_db if is_told else None,
        snr_low_db=judgement.snr_low_db if is_told else None,
        snr_high_db=judgement.snr_high_db if is_told else None,
        snr_reason=None
        if is_told
        else f"looks denoised (probability {judgement.processed_probability:.2f})",
        clarity=clarity,
        consistency=consistency,
        snr_score=scores["noise"],
        clarity_score=scores["clarity"],
        level_score=scores["level"],
        consistency_score=scores.get("consistency"),
        clipping_penalty=clipping_penalty(heard.clipping_ratio),
        pesq_like=judgement.pesq,
        dnsmos_like=judgement.dnsmos,
        wada_snr_db=parts.wada.report() if is_told else None,
        histogram_snr_db=parts.histogram.report() if is_told else None,
        processed=judgement.is_processed,
        processed_probability=judgement.processed_probability,
        modulation_db=marks.modulation_db,
        telephone_ratio=marks.telephone_ratio,
        flatness=marks.flatness,
    )


def _with_overall(scored: QualityReport, judgement: Judgement, *, profile: str) -> QualityReport:
    if profile != DEFAULT_PROFILE:
        total, costs = _weighed(scored, scored.snr_score, profile)
        low, high = (
            _weighed(scored, component_scores({"noise": snr_db})["noise"], profile)[0]
            for snr_db in (judgement.snr_low_db, judgement.snr_high_db)
        )
    else:
        lost = level_cost(scored.active_level_dbfs or 0.0)
        marks = judgement.pesq, judgement.pesq_low, judgement.pesq_high
        points, *edges = (calibrated_points(mark, judgement.dnsmos) for mark in marks)
        total, low, high = (max(0.0, each - lost) for each in (points, *edges))
        costs = shared_costs(points, _blamed(scored, judgement)) | {"level": lost}
    return replace(
        scored,
        overall=total,
        overall_low=low,
        overall_high=high,
        grade=grade(total),
        worst=worst_of(costs),
    )


def _weighed(
    scored: QualityReport, snr_score: float | None, profile: str
) -> tuple[float, dict[str, float]]:
    scores = {
        "noise": snr_score,
        "clarity": scored.clarity_score,
        "level": scored.level_score,
        "consistency": scored.consistency_score,
    }
    told = {name: score for name, score in scores.items() if score is not None}
    return overall(told, penalty=scored.clipping_penalty or 0.0, profile=profile)


def _blamed(scored: QualityReport, judgement: Judgement) -> dict[str, float]:
    """Return the weight of each fault; nothing is blamed that nothing has measured."""
    c50_db, bandwidth_hz = scored.c50_db, scored.bandwidth_hz
    is_measured = {
        "noise": True,
        "reverberation": c50_db is not None and c50_db < _DRY_C50_DB,
        "clipping": scored.clipping_ratio > 0.0,
        "band": bandwidth_hz is not None and bandwidth_hz < _WIDE_BAND_HZ,
        "coding": scored.codec is not None,
        "loss": scored.lost_packets + scored.dropouts > 0,
        "processing": judgement.is_processed,
    }
    weights = {name: cost if is_measured[name] else 0.0 for name, cost in judgement.costs.items()}
    # What is flat is counted; that the network hears a hall in it is a guess.
    penalty = clipping_penalty(scored.clipping_ratio)
    most = max(weights.values()) or 1.0
    weights["clipping"] = max(weights["clipping"], most * penalty / _SURE_PENALTY)
    return weights
