"""What a call is worth beside what was said into it: PESQ and STOI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import MissingExtraError
from audiokit.files.resample import Resampler, ResampleSettings
from audiokit.jobs.simulate_trail import Trail
from audiokit.quality.reference import pesq_engine, stoi_engine
from audiokit.stage import Block, StreamFormat, run_blocks

__all__ = ["MEASURES", "Heard", "check_measures", "has_measures", "measured"]

MEASURES = ("pesq", "pesq_mode", "stoi", "estoi")
"""The columns of a row."""

_STOI_RATE_HZ = 16_000


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """Both ends of a call, whole.

    Args:
        fmt: Of both.
        said: What went into the codec.
        heard: What came out of the jitter buffer, from its first block on.
        begin_samples: Where in `said` the first sample of `heard` belongs; negative where
            what decodes begins before it.
        trail: What happened.
        n_pull: Samples of a block.
    """

    fmt: StreamFormat
    said: Block
    heard: Block
    begin_samples: int
    trail: Trail
    n_pull: int


def has_measures() -> bool:
    """Return whether what PESQ and STOI need is installed."""
    return pesq_engine.is_installed() and stoi_engine.is_installed()


def check_measures() -> None:
    """Refuse to measure without what that needs.

    Raises:
        MissingExtraError: A package is not installed.
    """
    for name, engine in (("PESQ", pesq_engine), ("STOI", stoi_engine)):
        if not engine.is_installed():
            raise MissingExtraError(name, "quality")


def measured(call: Heard) -> dict[str, Any]:
    """Return PESQ and STOI of what was heard, beside what went into the codec.

    The mean of the channels is compared. PESQ hears the sound as it was played: it follows
    what stretching did to the delay by itself, and takes what it hears of it for a fault. STOI
    compares frame by frame, so that it gets the sound with every block back where it lay in
    the sender's: what was added is left out of it.

    Returns:
        `MEASURES`; None where there is too little speech, or the rate is below 8000 Hz.

    Raises:
        MissingExtraError: A package is not installed.

    References:
        ITU-T P.862.2, P.862.1; C. Taal et al., IEEE TASLP 19(7), 2011.
    """
    said = _mean(call.said)
    rate = call.fmt.sample_rate
    mode = "wb" if rate >= pesq_engine.RATES_HZ["wb"] else "nb"
    pesq_rate = pesq_engine.RATES_HZ[mode]
    as_heard = _placed(_mean(call.heard), call.begin_samples, len(said))
    found: dict[str, Any] = dict.fromkeys(MEASURES)
    if rate >= pesq_rate:
        one, other = (_resampled(side, rate, pesq_rate) for side in (said, as_heard))
        found["pesq"] = _rounded(pesq_engine.measure_pesq(one, other, mode=mode), 3)
        found["pesq_mode"] = mode
    in_place = call.trail.in_place(call.heard, rate, n_pull=call.n_pull)
    back = _placed(_mean(in_place), call.begin_samples, len(said))
    stoi_rate = min(rate, _STOI_RATE_HZ)
    one, other = (_resampled(side, rate, stoi_rate) for side in (said, back))
    for name, is_extended in (("stoi", False), ("estoi", True)):
        value = stoi_engine.measure_stoi(one, other, stoi_rate, is_extended=is_extended)
        found[name] = _rounded(value, 4)
    return found


def _mean(block: Block) -> NDArray[np.float32]:
    return block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)


def _placed(samples: NDArray[np.float32], begin: int, n_samples: int) -> NDArray[np.float32]:
    """Return so many samples, of which those given begin at a place."""
    placed = np.zeros(n_samples, np.float32)
    kept = samples[max(0, -begin) :][: max(0, n_samples - max(0, begin))]
    placed[max(0, begin) : max(0, begin) + len(kept)] = kept
    return placed


def _resampled(samples: NDArray[np.float32], rate: int, to: int) -> NDArray[np.float32]:
    if rate == to:
        return samples
    resampler = Resampler(StreamFormat(rate), ResampleSettings(to))
    blocks = run_blocks(resampler, [np.ascontiguousarray(samples[:, np.newaxis])])
    return np.concatenate(list(blocks))[:, 0]


def _rounded(value: float | None, decimals: int) -> float | None:
    return None if value is None else round(value, decimals)
