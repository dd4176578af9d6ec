"""Compare a recording with its reference: brought together first, then measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError
from audiokit.quality.reference import pesq_engine, stoi_engine
from audiokit.quality.reference.lag import Alignment, find_alignment
from audiokit.quality.reference.report import ReferenceReport
from audiokit.quality.reference.sides import Side, channel_faults, hear_side
from audiokit.quality.reference.spectral_distance import log_spectral_distance_db
from audiokit.quality.reference.warp import read_at
from audiokit.quality.reference.waveform import (
    best_gain,
    segmental_snr_db,
    si_sdr_db,
    snr_db,
)
from audiokit.stage import Block

__all__ = ["PairSettings", "Resample", "compare_pair"]

Samples = NDArray[np.float32]
Resample = Callable[[Samples, int], Samples]
"""Brings one channel at the pair's rate to another rate in Hz."""

_LOWEST_RATE_HZ = 4000
_SHORTEST_S = 0.5
# Ends that differ by less are the edges of codecs and resamplers.
_EDGE_S = 0.1
# A fraction of a sample is believed where it brings the two closer by so much.
_LEAST_GAIN_DB = 0.05
_STOI_RATE_HZ = 16000


@dataclass(frozen=True, slots=True)
class PairSettings:
    """How two recordings are compared."""

    is_level_matched: bool = True
    """Whether another level is no fault; without it, `snr_db`, `segmental_snr_db` and
    `log_spectral_distance_db` count it as one."""
    has_pesq: bool = True
    """Whether PESQ is measured: needs the package pesq."""
    has_stoi: bool = True
    """Whether STOI and ESTOI are measured: needs the package pystoi."""


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """Two recordings brought together, as long as each other."""

    reference: Samples
    recording: Samples
    gain: float
    delay_samples: float
    drift: float


def compare_pair(
    reference: Block,
    recording: Block,
    sample_rate: int,
    *,
    resample: Resample,
    settings: PairSettings | None = None,
) -> ReferenceReport:
    """Compare a recording with its reference, both whole.

    The mean of the channels is compared. Delay, to a fraction of a sample, drift, polarity
    and level are taken out first; what cannot be compared gets a reason and no numbers.

    Args:
        reference: All of it, ``(samples, channels)``.
        recording: All of it, ``(samples, channels)``; other lengths and channels are said.
        sample_rate: Of both, in Hz, 4000 or more.
        resample: Brings samples to the rates that PESQ and STOI know.
        settings: What is measured, and how.

    Raises:
        SettingError: The sample rate is below 4000 Hz.
        MissingExtraError: A package that the settings ask for is not installed.
    """
    settings = settings or PairSettings()
    if sample_rate < _LOWEST_RATE_HZ:
        raise SettingError("sample_rate", sample_rate, f"{_LOWEST_RATE_HZ} Hz or more")
    one = hear_side(reference, sample_rate, name="reference")
    other = hear_side(recording, sample_rate, name="recording")
    remarks = [*one.remarks, *other.remarks]
    if reference.shape[1] != recording.shape[1]:
        channels = f"{reference.shape[1]} and {recording.shape[1]}"
        remarks.append(f"reference and recording have {channels} channels: means are compared")
    fault, more = channel_faults(one, other)
    remarks += more
    alignment, reason = _aligned(one, other, fault, sample_rate)
    if alignment is None or reason is not None:
        return ReferenceReport(0.0, reason=reason, remarks=tuple(remarks))
    pair = _brought_together(one.mono, other.mono, alignment)
    found: dict[str, Any] = {
        "compared_s": len(pair.reference) / sample_rate,
        "delay_ms": 1000.0 * pair.delay_samples / sample_rate,
        # Where parts are missing, what looks like drift is the step between them.
        "drift_ppm": None if alignment.jump_samples else 1e6 * pair.drift,
        "is_inverted": alignment.is_inverted,
    }
    remarks += _pair_remarks(found, one, other, sample_rate)
    reason = _misfit(pair, alignment, sample_rate)
    if reason is None:
        found |= _measures(pair, sample_rate, settings, resample)
        remarks += _left_out(found, settings)
    return ReferenceReport(**found, reason=reason, remarks=tuple(remarks))


def _aligned(
    one: Side, other: Side, fault: str | None, sample_rate: int
) -> tuple[Alignment | None, str | None]:
    reason = one.reason or other.reason or fault
    if reason is not None:
        return None, reason
    alignment = find_alignment(one.mono, other.mono, sample_rate)
    if alignment is None:
        return None, "another recording: nothing of the reference is found in it"
    return alignment, None


def _brought_together(reference: Samples, recording: Samples, alignment: Alignment) -> _Pair:
    """Return both without delay, drift and reversed polarity, where they overlap."""
    sign = np.float32(-1.0 if alignment.is_inverted else 1.0)
    turned = sign * recording
    best = _overlap(reference, turned, alignment.delay_samples, alignment.drift)
    if alignment.drift != 0.0:
        return best
    # Noise moves an estimate by fractions, and a tone is alike at many delays: the simplest
    # delay that brings the two as close is the true one.
    most_db = si_sdr_db(best.reference, best.recording)
    for delay in (0, round(alignment.delay_samples)):
        pair = _overlap(reference, turned, delay, 0.0)
        if len(pair.reference) and si_sdr_db(pair.reference, pair.recording) >= (
            most_db - _LEAST_GAIN_DB
        ):
            return pair
    return best


def _overlap(reference: Samples, recording: Samples, delay: float, drift: float) -> _Pair:
    step = 1.0 + drift
    first = max(0, int(np.ceil(-delay / step)))
    last = min(len(reference), int(np.floor((len(recording) - 1 - delay) / step)) + 1)
    n_samples = max(0, last - first)
    clean = reference[first : first + n_samples]
    other = read_at(recording, delay + step * first, n_samples=n_samples, step=step)
    if n_samples:
        # Of a part the mean is another than of the whole.
        clean, other = clean - clean.mean(), other - other.mean()
    return _Pair(clean, other, best_gain(clean, other), float(delay), drift)


def _pair_remarks(found: dict[str, Any], one: Side, other: Side, sample_rate: int) -> list[str]:
    remarks = []
    if found["is_inverted"]:
        remarks.append("polarity is reversed")
    if found["drift_ppm"]:
        pace = "slower" if found["drift_ppm"] > 0.0 else "faster"
        remarks.append(f"the recording runs {abs(found['drift_ppm']):.0f} ppm {pace}")
    for name, side in (("reference", one), ("recording", other)):
        alone_s = len(side.mono) / sample_rate - found["compared_s"]
        if alone_s > _EDGE_S:
            partner = "recording" if name == "reference" else "reference"
            remarks.append(f"{alone_s:.2f} s of the {name} are not in the {partner}")
    return remarks


def _misfit(pair: _Pair, alignment: Alignment, sample_rate: int) -> str | None:
    """Return why a pair that belongs together cannot be compared sample by sample."""
    if alignment.jump_samples:
        jump_ms = 1000.0 * alignment.jump_samples / sample_rate
        return f"the delay changes by {jump_ms:+.0f} ms on the way: parts are missing or added"
    if len(pair.reference) < _SHORTEST_S * sample_rate:
        return f"the two have less than {_SHORTEST_S} s in common"
    return None


def _measures(
    pair: _Pair, sample_rate: int, settings: PairSettings, resample: Resample
) -> dict[str, Any]:
    clean, other = pair.reference, pair.recording
    # A gain of nothing would make everything of the noise.
    is_matched = settings.is_level_matched and abs(pair.gain) > 1e-6
    matched = (other / np.float32(pair.gain)) if is_matched else other
    found: dict[str, Any] = {
        "gain_db": 20.0 * float(np.log10(max(abs(pair.gain), 1e-10))),
        "si_sdr_db": si_sdr_db(clean, other),
        "snr_db": snr_db(clean, matched),
        "segmental_snr_db": segmental_snr_db(clean, matched, sample_rate),
        "log_spectral_distance_db": log_spectral_distance_db(clean, matched, sample_rate),
    }
    wide = sample_rate >= pesq_engine.RATES_HZ["wb"]
    if settings.has_pesq and sample_rate >= pesq_engine.RATES_HZ["nb"]:
        mode = "wb" if wide else "nb"
        rate = pesq_engine.RATES_HZ[mode]
        found["pesq"] = pesq_engine.measure_pesq(
            resample(clean, rate), resample(other, rate), mode=mode
        )
        found["pesq_mode"] = mode
    if settings.has_stoi:
        rate = min(sample_rate, _STOI_RATE_HZ)
        at_rate = resample(clean, rate), resample(other, rate)
        found["stoi"] = stoi_engine.measure_stoi(*at_rate, rate)
        found["estoi"] = stoi_engine.measure_stoi(*at_rate, rate, is_extended=True)
    return found


def _left_out(found: dict[str, Any], settings: PairSettings) -> list[str]:
    """Return why measures that were asked for have no value."""
    remarks = []
    if settings.has_pesq and found.get("pesq") is None:
        why = "no speech was found for it" if "pesq" in found else "the rate is below 8000 Hz"
        remarks.append(f"PESQ is left out: {why}")
    if settings.has_stoi and found["stoi"] is None:
        remarks.append("STOI is left out: too little is said")
    return remarks
