"""Takes with their marks: what the judge of quality hears, and what it should say.

The marks are PESQ's (ITU-T P.862.2, against the sentence before anything happened to it) and,
for some, DNSMOS's (P.835, without a reference).
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError
from audiokit.quality.bands import N_BANDS, band_levels
from audiokit.quality.frames import Stretcher
from audiokit.quality.network import FAULTS
from audiokit.stage import StreamFormat
from audiokit.training.corpus import SAMPLE_RATE, Corpus, Samples
from audiokit.training.takes import Take, make_take

__all__ = ["Marked", "MarkedPlan", "heard_levels", "make_marked"]

log = logging.getLogger(__name__)

# Goes up with every change of what is made: what was kept on disk is made anew.
_VERSION = 3
_SHARD = 100


@dataclass(frozen=True, slots=True)
class MarkedPlan:
    """Which takes to make.

    Args:
        n_takes: How many: number 0, 1, ….
        seed: Decides every take together with its number.
        dnsmos_every: One in so many is marked by DNSMOS, which takes longer than all else.
    """

    n_takes: int
    seed: int
    dnsmos_every: int = 3

    def __post_init__(self) -> None:
        for name in ("n_takes", "dnsmos_every"):
            if getattr(self, name) < 1:
                raise SettingError(name, getattr(self, name), "1 or more")


class Marked(NamedTuple):
    """Takes as a network meets them; NaN where a mark is not known.

    Args:
        levels: Levels of all bands in dBFS, take after take, ``(frames, N_BANDS)``.
        n_frames: Frames of each take, ``(takes,)``.
        marks: ``(takes, 4)``: PESQ, DNSMOS, SNR in dB, and 1 where somebody speaks.
        faults: Extent of each fault, 0 to 1, ``(takes, len(FAULTS))``; NaN where unknown.
    """

    levels: NDArray[np.float16]
    n_frames: NDArray[np.int32]
    marks: NDArray[np.float32]
    faults: NDArray[np.float32]


def heard_levels(heard: Samples, sample_rate: int) -> NDArray[np.float32]:
    """Return the band levels of a recording, ``(frames, N_BANDS)``."""
    stretcher = Stretcher(StreamFormat(sample_rate))
    block = np.ascontiguousarray(heard[:, np.newaxis], np.float32)
    stretches = [*stretcher.push(block), *stretcher.rest()]
    levels = [band_levels(stretch, sample_rate=sample_rate) for stretch in stretches]
    return np.concatenate([np.zeros((0, N_BANDS), np.float32), *levels])


def make_marked(folder: Path, corpus: Corpus, plan: MarkedPlan, *, workers: int = 1) -> Marked:
    """Return the takes of a plan: made now, or there from an earlier run.

    Args:
        folder: Where they stay, a file for each hundred, so that a run that was stopped goes on.
        corpus: What they are made of.
        plan: Which.
        workers: Processes; their number changes nothing.
    """
    from joblib import Parallel, delayed

    folder.mkdir(parents=True, exist_ok=True)
    firsts = range(0, plan.n_takes, _SHARD)
    paths = Parallel(n_jobs=workers)(
        delayed(_shard)(folder, corpus, plan, first) for first in firsts
    )
    shards = []
    for path in paths:
        with np.load(path) as file:
            shards.append(Marked(**{name: file[name] for name in Marked._fields}))
    return Marked(*(np.concatenate(arrays) for arrays in zip(*shards, strict=True)))


def _shard(folder: Path, corpus: Corpus, plan: MarkedPlan, first: int) -> Path:
    last = min(first + _SHARD, plan.n_takes)
    key = f"{_VERSION}_{corpus.digest}_{plan.seed}_{plan.dnsmos_every}"
    path = folder / f"{key}_{first:06d}_{last:06d}.npz"
    if not path.exists():
        made = [_one(corpus, plan, number) for number in range(first, last)]
        levels, marks, faults = zip(*made, strict=True)
        marked = Marked(
            np.concatenate(levels).astype(np.float16),
            np.array([len(each) for each in levels], np.int32),
            np.array(marks, np.float32),
            np.array(faults, np.float32),
        )
        half = path.with_suffix(".part.npz")
        np.savez(half, **marked._asdict())
        half.replace(path)
        log.info("training.takes_made n=%d", last)
    return path


def _one(corpus: Corpus, plan: MarkedPlan, number: int) -> tuple[Any, Any, Any]:
    import soxr

    rng = np.random.default_rng((plan.seed, number))
    seconds = rng.uniform(3.5, 7.5) if rng.random() < 0.85 else rng.uniform(0.7, 3.5)
    take = make_take(rng, corpus, int(seconds * SAMPLE_RATE))
    sample_rate = int(rng.choice((16000, 8000, 48000), p=(0.68, 0.24, 0.08)))
    heard = take.heard
    if sample_rate != SAMPLE_RATE:
        heard = soxr.resample(heard, SAMPLE_RATE, sample_rate)
        take.heard = soxr.resample(heard, sample_rate, SAMPLE_RATE)
    if sample_rate < SAMPLE_RATE:
        take.faults["band"] = max(take.faults.get("band", 0.0), 0.5)
    is_spoken = bool(take.clean.any())
    mean_mark = _dnsmos(take.heard) if number % plan.dnsmos_every == 0 else math.nan
    marks = (_pesq(take) if is_spoken else math.nan, mean_mark, take.snr_db, float(is_spoken))
    faults = tuple(take.faults.get(name, 0.0) for name in FAULTS)
    return heard_levels(heard, sample_rate), marks, faults


def _pesq(take: Take) -> float:
    """Return the mark of PESQ for a wide band; NaN where it finds nobody speaking."""
    from pesq import NoUtterancesError, pesq

    try:
        return float(pesq(SAMPLE_RATE, take.clean, take.heard[: len(take.clean)], "wb"))
    except NoUtterancesError:
        return math.nan


def _dnsmos(heard: Samples) -> float:
    from speechmos import dnsmos

    return float(dnsmos.run(np.clip(heard, -1.0, 1.0), SAMPLE_RATE)["ovrl_mos"])
