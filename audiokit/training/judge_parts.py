"""Sentences and noises heard apart, and put together anew at every step.

Powers of a mixture are, but for chance, the sums of the powers of its parts: so a few thousand
of each make millions of takes whose ratio is known. Their marks are not, which take samples.
"""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audiokit.quality.bands import FLOOR_DB, N_BANDS
from audiokit.quality.frames import STRETCH_FRAMES, FrameGrid
from audiokit.quality.network import BandTally
from audiokit.training.corpus import SAMPLE_RATE, Corpus
from audiokit.training.marks import heard_levels
from audiokit.training.takes import make_noise_alone, make_sentence_alone

__all__ = ["JudgeParts", "heard_of", "make_judge_parts", "mixed"]

log = logging.getLogger(__name__)

# Goes up with every change of what is made: what was kept on disk is made anew.
_VERSION = 3
_N_STRETCHES = 6
_SHARD = 250
_COLOUR_DB = 3.0
_LOWEST_SNR_DB, _HIGHEST_SNR_DB = -9.0, 42.0
_LEVEL_DB = -25.0
_FLOOR_BELOW_NOISE_DB = 9.0
# Those below 3.8 kHz.
_N_TELEPHONE_BANDS = 23


class JudgeParts(NamedTuple):
    """Parts of mixtures: six seconds each.

    Args:
        speech: Band levels in dB, relative to the active level, ``(n, frames, N_BANDS)``.
        floor_db: Of the noise that each sentence was itself recorded with, on the same scale.
        noise: Band levels in dB, relative to the mean power, ``(n, frames, N_BANDS)``.
    """

    speech: NDArray[np.float16]
    floor_db: NDArray[np.float32]
    noise: NDArray[np.float16]


def make_judge_parts(
    folder: Path, corpus: Corpus, *, n_parts: int, seed: int, workers: int = 1
) -> JudgeParts:
    """Return parts: made now, or there from an earlier run.

    Args:
        folder: Where they stay.
        corpus: What they are made of.
        n_parts: Sentences, and as many noises.
        seed: Decides every part together with its number.
        workers: Processes; their number changes nothing.
    """
    from joblib import Parallel, delayed

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"parts_{_VERSION}_{corpus.digest}_{n_parts}_{seed}.npz"
    if not path.exists():
        made = Parallel(n_jobs=workers)(
            delayed(_some)(corpus, seed, numbers)
            for numbers in np.array_split(np.arange(n_parts), max(1, n_parts // _SHARD))
        )
        parts = JudgeParts(*(np.concatenate(arrays) for arrays in zip(*made, strict=True)))
        np.savez(path, **parts._asdict())
    with np.load(path) as file:
        return JudgeParts(**{name: file[name] for name in JudgeParts._fields})


def _some(corpus: Corpus, seed: int, numbers: NDArray[np.intp]) -> JudgeParts:
    grid = FrameGrid.at(SAMPLE_RATE)
    n_samples = _N_STRETCHES * grid.stretch_samples + grid.overlap_samples
    made = []
    for number in numbers.tolist():
        rng = np.random.default_rng((seed, 2, number))
        speech, active_db, floor_db = make_sentence_alone(rng, corpus, n_samples)
        noise, noise_db = make_noise_alone(rng, corpus, n_samples)
        levels = [
            heard_levels(sound, SAMPLE_RATE)[: _N_STRETCHES * STRETCH_FRAMES]
            for sound in (speech, noise)
        ]
        made.append((levels[0] - active_db, floor_db - active_db, levels[1] - noise_db))
    log.info("training.parts_made n=%d", len(numbers))
    speech_levels, floors, noise_levels = zip(*made, strict=True)
    return JudgeParts(
        np.stack(speech_levels).astype(np.float16),
        np.array(floors, np.float32),
        np.stack(noise_levels).astype(np.float16),
    )


def mixed(
    parts: JudgeParts, n_takes: int, *, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return what the judge hears of mixtures, ``(takes, N_FEATURES)``, and the SNR of each in dB.

    Args:
        parts: What they are made of.
        n_takes: How many.
        seed: Decides everything.
    """
    rng = np.random.default_rng((seed, 3))
    heard, ratios = [], []
    for _ in range(n_takes):
        features, snr_db = _one_mixed(rng, parts)
        if features is not None:
            heard.append(features)
            ratios.append(snr_db)
    return np.stack(heard), np.array(ratios, np.float32)


def _one_mixed(
    rng: np.random.Generator, parts: JudgeParts
) -> tuple[NDArray[np.float32] | None, float]:
    chosen = int(rng.integers(len(parts.speech)))
    noise = parts.noise[int(rng.integers(len(parts.noise)))].astype(np.float32)
    noise = np.roll(noise, int(rng.integers(len(noise))), axis=0)
    # Beside more noise of the sentence's own recording, nobody would know the ratio.
    highest_db = min(_HIGHEST_SNR_DB, -float(parts.floor_db[chosen]) - _FLOOR_BELOW_NOISE_DB)
    wanted_db = rng.uniform(_LOWEST_SNR_DB, max(highest_db, 0.0))
    powers, changes_db = [], []
    for levels in (parts.speech[chosen].astype(np.float32), noise):
        before = 10.0 ** (0.1 * levels)
        powers.append(before * 10.0 ** (0.1 * _colour(rng)))
        changes_db.append(10.0 * math.log10(float(powers[-1].sum() / before.sum())))
    gain = 10.0 ** (-0.1 * (wanted_db - changes_db[0] + changes_db[1]))
    levels = 10.0 * np.log10(np.maximum(powers[0] + gain * powers[1], 1e-9)) + _LEVEL_DB
    if rng.random() < 0.25:
        # A stream of 8 kHz has nothing up there.
        levels[:, _N_TELEPHONE_BANDS:] = FLOOR_DB
    length = int(rng.integers(60, len(levels))) if rng.random() < 0.3 else len(levels)
    return heard_of(levels[:length].astype(np.float32)), wanted_db


def heard_of(levels: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Return what the judge hears of a take, ``(N_FEATURES,)``; None where that is too little.

    Args:
        levels: Band levels in dBFS, ``(frames, N_BANDS)``.
    """
    tally = BandTally()
    for first in range(0, len(levels), STRETCH_FRAMES):
        tally.add(levels[first : first + STRETCH_FRAMES])
    return tally.features()


def _colour(rng: np.random.Generator) -> NDArray[np.float32]:
    """Return gains of the bands in dB, as smooth as those of a microphone."""
    knots = rng.normal(0.0, _COLOUR_DB, 6)
    gains = np.interp(np.linspace(0.0, 5.0, N_BANDS), np.arange(6.0), knots)
    return gains.astype(np.float32)
