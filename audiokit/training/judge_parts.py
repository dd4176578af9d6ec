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
import torch
from numpy.typing import NDArray
from torch import Tensor

from audiokit.quality.bands import FLOOR_DB, N_BANDS
from audiokit.quality.frames import STRETCH_FRAMES, FrameGrid
from audiokit.quality.network import QUANTILES
from audiokit.training.corpus import SAMPLE_RATE, Corpus
from audiokit.training.marks import heard_levels
from audiokit.training.takes import make_noise_alone, make_sentence_alone

__all__ = ["JudgeParts", "make_judge_parts", "mixed"]

log = logging.getLogger(__name__)

# Goes up with every change of what is made: what was kept on disk is made anew.
_VERSION = 2
_N_STRETCHES = 6
_SHARD = 250
_COLOUR_DB = 3.0
_LOWEST_SNR_DB, _HIGHEST_SNR_DB = -9.0, 42.0
_TELEPHONE_HZ = 4000.0


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
    rng: np.random.Generator, parts: JudgeParts, n_takes: int
) -> tuple[Tensor, Tensor, Tensor, NDArray[np.float32]]:
    """Return mixtures as `JudgeModel` takes them, and the SNR of each in dB.

    Args:
        rng: Decides everything.
        parts: What they are made of.
        n_takes: How many.
    """
    chosen = rng.integers(len(parts.speech), size=n_takes)
    speech = parts.speech[chosen].astype(np.float32)
    noise = parts.noise[rng.integers(len(parts.noise), size=n_takes)].astype(np.float32)
    shift = int(rng.integers(noise.shape[1]))
    noise = np.roll(noise, shift, axis=1)
    wanted_db = rng.uniform(_LOWEST_SNR_DB, _HIGHEST_SNR_DB, n_takes).astype(np.float32)
    powers, changes_db = [], []
    for levels in (speech, noise):
        before = 10.0 ** (0.1 * levels)
        after = before * 10.0 ** (0.1 * _colours(rng, n_takes)[:, np.newaxis])
        changes_db.append(
            10.0 * np.log10((after.sum((1, 2)) + 1e-9) / (before.sum((1, 2)) + 1e-9))
        )
        powers.append(after)
    gain = 10.0 ** (-0.1 * (wanted_db - changes_db[0] + changes_db[1]))
    total = powers[0] + gain[:, np.newaxis, np.newaxis] * powers[1]
    floor = 10.0 ** (0.1 * parts.floor_db[chosen])
    snr_db = -10.0 * np.log10(10.0 ** (-0.1 * wanted_db) + floor)
    levels = 10.0 * np.log10(np.maximum(total, 1e-9))
    # A stream of 8 kHz has nothing up there.
    telephone = rng.random(n_takes) < 0.25
    levels[telephone, :, _n_telephone_bands() :] = FLOOR_DB
    return (*_as_heard(levels), snr_db.astype(np.float32))


def _as_heard(levels: NDArray[np.float32]) -> tuple[Tensor, Tensor, Tensor]:
    n_takes = len(levels)
    heard = torch.from_numpy(levels.astype(np.float32))
    stretches = heard.unflatten(1, (-1, STRETCH_FRAMES))
    power = (10.0 ** (0.1 * stretches)).sum(-1).mean(-1)
    reference = (10.0 * torch.log10(power + 1e-12)).cummax(dim=1).values
    inputs = ((stretches - reference[..., None, None] + 30.0) / 20.0).clamp(-2.5, 2.5)
    ordered = heard.sort(dim=1).values
    at = [math.floor(share * heard.shape[1]) for share in QUANTILES]
    told = (ordered[:, at] - reference[:, -1, None, None] + 30.0) / 20.0
    n_frames = torch.full((n_takes, stretches.shape[1]), STRETCH_FRAMES)
    return inputs, told.clamp(-2.5, 2.5).flatten(1), n_frames


def _colours(rng: np.random.Generator, n_takes: int) -> NDArray[np.float32]:
    """Return gains of the bands in dB, as smooth as those of a microphone."""
    knots = rng.normal(0.0, _COLOUR_DB, (n_takes, 6))
    at = np.linspace(0.0, 5.0, N_BANDS)
    return np.stack([np.interp(at, np.arange(6.0), each) for each in knots]).astype(np.float32)


def _n_telephone_bands() -> int:
    mel = 2595.0 * np.log10(1.0 + np.array([60.0, _TELEPHONE_HZ, 8000.0]) / 700.0)
    return math.floor(N_BANDS * (mel[1] - mel[0]) / (mel[2] - mel[0]))
