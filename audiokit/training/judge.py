"""Train the judge of quality: ``python -m audiokit.training.judge DATA --scratch FOLDER``."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from audiokit.errors import SettingError
from audiokit.quality.bands import FLOOR_DB, N_BANDS
from audiokit.quality.frames import STRETCH_FRAMES
from audiokit.quality.network import (
    FAULT_OUTPUTS,
    FAULTS,
    N_STATISTICS,
    LevelTally,
)
from audiokit.training.corpus import load_corpus
from audiokit.training.judge_calibration import calibration, reached_on
from audiokit.training.judge_model import JudgeModel
from audiokit.training.judge_parts import JudgeParts, make_judge_parts, mixed
from audiokit.training.marks import Marked, MarkedPlan, make_marked
from audiokit.training.runs import add_setting_flags, rate_share, run_record, save_run

__all__ = [
    "JudgeTrainSettings",
    "Lessons",
    "judge_loss",
    "lessons",
    "main",
    "ratio_loss",
    "said_of",
    "train_judge",
]

log = logging.getLogger(__name__)

_QUANTILES = (0.05, 0.5, 0.95)
_TOLD_EVERY = 250
_DNSMOS_EVERY, _DNSMOS_EVERY_HELD_BACK = 16, 4
_PROCESSING = FAULTS.index("processing")


@dataclass(frozen=True, slots=True)
class JudgeTrainSettings:
    """One run; the same settings and data give the same weights on the same kind of machine.

    Attributes:
        n_takes: Takes to learn from.
        n_parts: Sentences, and as many noises, to mix anew.
        n_held_back: Takes of other talkers and noises to judge by.
        n_steps: Batches to learn from.
        batch: Takes in each.
        rate: Highest learning rate.
        width: Values of the layers that hear.
        dense_width: Values of the first layer that judges.
        dropout: Share of values left out.
        weight_decay: By what share of the rate weights shrink at each step.
        colour_db: How far the response of a microphone is changed anew each time.
        seed: Decides everything.
    """

    n_takes: int = 12000
    n_parts: int = 2500
    n_held_back: int = 500
    n_steps: int = 5000
    batch: int = 64
    rate: float = 2e-3
    width: int = 64
    dense_width: int = 96
    dropout: float = 0.1
    weight_decay: float = 0.02
    colour_db: float = 2.0
    seed: int = 1

    def __post_init__(self) -> None:
        for name in (
            "n_takes",
            "n_parts",
            "n_held_back",
            "n_steps",
            "batch",
            "width",
            "dense_width",
        ):
            if getattr(self, name) < 1:
                raise SettingError(name, getattr(self, name), "1 or more")
        if self.batch > self.n_takes:
            raise SettingError("batch", self.batch, f"at most the {self.n_takes} takes")


class Lessons(NamedTuple):
    """Takes as the network is taught with them.

    Args:
        levels: In dBFS, ``(takes, stretches, STRETCH_FRAMES, N_BANDS)``.
        n_frames: Of each stretch, ``(takes, stretches)``.
        reference_db: At each stretch, ``(takes, stretches)``.
        statistics: Relative to the last of them, ``(takes, N_STATISTICS)``.
        marks: See `Marked`.
        faults: See `Marked`.
    """

    levels: NDArray[np.float16]
    n_frames: NDArray[np.int64]
    reference_db: NDArray[np.float32]
    statistics: NDArray[np.float32]
    marks: NDArray[np.float32]
    faults: NDArray[np.float32]


def lessons(marked: Marked) -> Lessons:
    """Return takes cut into stretches, with what the network hears of a whole take."""
    n_takes = len(marked.n_frames)
    most = -(-int(marked.n_frames.max()) // STRETCH_FRAMES)
    levels = np.full((n_takes, most, STRETCH_FRAMES, N_BANDS), FLOOR_DB, np.float16)
    n_frames = np.zeros((n_takes, most), np.int64)
    reference_db = np.zeros((n_takes, most), np.float32)
    told = np.zeros((n_takes, N_STATISTICS), np.float32)
    ends = np.cumsum(marked.n_frames)
    for take, (end, length) in enumerate(zip(ends, marked.n_frames, strict=True)):
        tally = LevelTally()
        frames = marked.levels[end - length : end].astype(np.float32)
        for at, first in enumerate(range(0, length, STRETCH_FRAMES)):
            stretch = frames[first : first + STRETCH_FRAMES]
            if tally.add(stretch) is None:
                continue
            levels[take, at, : len(stretch)] = stretch
            n_frames[take, at] = len(stretch)
            reference_db[take, at] = tally.reference_db
        if n_frames[take].any():
            told[take] = tally.statistics()
    return Lessons(levels, n_frames, reference_db, told, marked.marks, marked.faults)


def train_judge(
    data: Path, settings: JudgeTrainSettings, *, scratch: Path, workers: int = 1
) -> dict[str, Any]:
    """Train a network.

    Args:
        data: Folder of recordings (see `load_corpus`).
        settings: The run.
        scratch: Folder where takes stay for other runs.
        workers: Processes that make takes; their number changes nothing.

    Returns:
        ``weights``, by name, as the package ships them, and ``record``: what the run was and
        what it reached on talkers and noises that were held back.
    """
    torch.manual_seed(settings.seed)
    torch.set_num_threads(1)
    corpus = load_corpus(data, held_back=False)
    plan = MarkedPlan(settings.n_takes, settings.seed, _DNSMOS_EVERY)
    taught = lessons(make_marked(scratch / "taught", corpus, plan, workers=workers))
    parts = make_judge_parts(
        scratch / "taught", corpus, n_parts=settings.n_parts, seed=settings.seed, workers=workers
    )
    plan = MarkedPlan(settings.n_held_back, settings.seed + 6, _DNSMOS_EVERY_HELD_BACK)
    others = load_corpus(data, held_back=True)
    held_back = lessons(make_marked(scratch / "held_back", others, plan, workers=workers))
    model = JudgeModel(settings.width, settings.dense_width, dropout=settings.dropout)
    losses = _descend(model, taught, parts, held_back, settings=settings)
    weights = model.shipped()
    model.begin_with(weights)
    said = said_of(model, held_back).numpy()
    weights |= calibration(said, held_back.marks, held_back.faults)
    reached = reached_on(said, held_back.marks, held_back.faults)
    record = run_record(settings, corpus, weights, held_back_losses=losses, reached=reached)
    return {"weights": weights, "record": record}


def _descend(
    model: JudgeModel,
    taught: Lessons,
    parts: JudgeParts,
    held_back: Lessons,
    *,
    settings: JudgeTrainSettings,
) -> list[float]:
    """Train; return the loss on what was held back, every so many steps."""
    rng = np.random.default_rng(settings.seed)
    optimizer = torch.optim.AdamW(
        model.parameters(), settings.rate, weight_decay=settings.weight_decay
    )
    losses = []
    for step in range(settings.n_steps):
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * rate_share(step, settings.n_steps)
        chosen = rng.choice(len(taught.marks), settings.batch, replace=False)
        colour_db = rng.normal(0.0, settings.colour_db, (settings.batch, 6))
        batch = Lessons(*(array[chosen] for array in taught))
        loss = judge_loss(model(*_inputs(batch, colour_db)), batch.marks, batch.faults)
        *heard, snr_db = mixed(rng, parts, settings.batch)
        loss = loss + ratio_loss(model(*heard), torch.from_numpy(snr_db))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch types this in part
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % _TOLD_EVERY == 0 or step + 1 == settings.n_steps:
            said = said_of(model, held_back)
            losses.append(round(judge_loss(said, held_back.marks, held_back.faults).item(), 5))
            log.info("training.step n=%d held_back=%.4f", step + 1, losses[-1])
    return losses


def _inputs(batch: Lessons, colour_db: NDArray[np.float64]) -> tuple[Tensor, Tensor, Tensor]:
    """Return what the network takes, each take through a response of its own."""
    knots = np.linspace(0.0, 5.0, N_BANDS)
    gains = np.stack([np.interp(knots, np.arange(6.0), each) for each in colour_db])
    gains = gains.astype(np.float32) / 20.0
    told = batch.statistics.reshape(len(gains), -1, N_BANDS) + gains[:, np.newaxis]
    levels = torch.from_numpy(batch.levels).float()
    reference = torch.from_numpy(batch.reference_db)[..., None, None]
    inputs = (levels - reference + 30.0) / 20.0 + torch.from_numpy(gains)[:, None, None]
    return (
        inputs.clamp(-2.5, 2.5),
        torch.from_numpy(told.reshape(len(gains), -1)).clamp(-2.5, 2.5),
        torch.from_numpy(batch.n_frames),
    )


def said_of(model: JudgeModel, held_back: Lessons) -> Tensor:
    """Return what a network says of all takes, ``(takes, N_OUTPUTS)``, as it will say it."""
    model.eval()
    said = []
    with torch.no_grad():
        for first in range(0, len(held_back.marks), 100):
            part = Lessons(*(array[first : first + 100] for array in held_back))
            said.append(model(*_inputs(part, np.zeros((len(part.marks), 6)))))
    model.train()
    return torch.cat(said)


def judge_loss(said: Tensor, marks: NDArray[np.float32], faults: NDArray[np.float32]) -> Tensor:
    """Return how wrong what is said is; what is not known of a take counts for nothing.

    Args:
        said: ``(takes, N_OUTPUTS)``.
        marks: See `Marked`.
        faults: See `Marked`.
    """
    pesq, dnsmos, snr_db, is_speech = torch.from_numpy(marks).T
    extents = torch.from_numpy(faults)
    # Of what was denoised nobody knows the ratio any more.
    snr_db = torch.where(extents[:, _PROCESSING] > 0.0, torch.nan, snr_db)
    loss = ratio_loss(said, snr_db)
    loss = loss + 8.0 * _pinball(said[:, 3:6], pesq)
    known = ~torch.isnan(dnsmos) & (is_speech > 0.0)
    if known.any():
        loss = loss + functional.l1_loss(said[known, 6], dnsmos[known])
    # Speech under noise ten times as strong is neither.
    is_sure = torch.isnan(snr_db) | (snr_db > -4.0)
    told = functional.binary_cross_entropy_with_logits(said[is_sure, 7], is_speech[is_sure])
    shares = functional.binary_cross_entropy_with_logits(said[:, FAULT_OUTPUTS], extents)
    return loss + 0.5 * told + 2.0 * shares


def ratio_loss(said: Tensor, snr_db: Tensor) -> Tensor:
    """Return how wrong what is said of the SNR is.

    Args:
        said: ``(takes, N_OUTPUTS)``.
        snr_db: The true one, NaN where it is not known.
    """
    return 4.0 * _pinball(said[:, 0:3], snr_db.clamp(-10.0, 45.0) / 10.0)


def _pinball(said: Tensor, true: Tensor) -> Tensor:
    """Return the mean pinball loss of the quantiles, of what is known."""
    known = ~torch.isnan(true)
    error = true[known, None] - said[known]
    levels = torch.tensor(_QUANTILES)
    return torch.maximum(levels * error, (levels - 1.0) * error).mean()


def main(arguments: Sequence[str] | None = None) -> None:
    """Train from the command line; write the weights and the record of the run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with speech/ and noise/")
    parser.add_argument("--out", type=Path, default=Path("judge.npz"))
    parser.add_argument("--scratch", type=Path, required=True, help="keep takes here")
    parser.add_argument("--workers", type=int, default=1)
    add_setting_flags(parser, JudgeTrainSettings)
    given = vars(parser.parse_args(arguments))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    data, out, scratch = given.pop("data"), given.pop("out"), given.pop("scratch")
    workers = given.pop("workers")
    run = train_judge(data, JudgeTrainSettings(**given), scratch=scratch, workers=workers)
    save_run(out, run)


if __name__ == "__main__":
    main()
