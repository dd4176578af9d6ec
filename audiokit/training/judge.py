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
from audiokit.quality.bands import N_BANDS
from audiokit.quality.network import FAULT_OUTPUTS, FAULTS
from audiokit.training.corpus import load_corpus
from audiokit.training.judge_calibration import calibration, reached_on
from audiokit.training.judge_model import JudgeModel
from audiokit.training.judge_parts import heard_of, make_judge_parts, mixed
from audiokit.training.marks import Marked, MarkedPlan, make_marked
from audiokit.training.runs import add_setting_flags, rate_share, run_record, save_run
from audiokit.training.synthetic import with_synthetic

__all__ = [
    "JudgeTrainSettings",
    "Lessons",
    "Mixtures",
    "fit_judge",
    "judge_loss",
    "lessons",
    "main",
    "ratio_loss",
    "said_of",
    "train_judge",
]

log = logging.getLogger(__name__)

_QUANTILES = (0.05, 0.5, 0.95)
_TOLD_EVERY = 500
_PROCESSING = FAULTS.index("processing")
_DNSMOS_EVERY, _DNSMOS_EVERY_HELD_BACK = 16, 4
# Where the levels of bands lie among the features: what a microphone changes.
_TILT = slice(6 * (N_BANDS + 1), 6 * (N_BANDS + 1) + N_BANDS)


@dataclass(frozen=True, slots=True)
class JudgeTrainSettings:
    """One run; the same settings and data give the same weights on the same kind of machine.

    Attributes:
        n_takes: Takes to learn from.
        n_parts: Sentences, and as many noises, to mix.
        n_mixed: Mixtures of them, to learn the SNR from.
        n_held_back: Takes of other talkers and noises to judge by.
        n_steps: Batches to learn from.
        batch: Takes in each, and half as many mixtures.
        rate: Highest learning rate.
        width: Values of the first layer of each network.
        dropout: Share of values left out.
        weight_decay: By what share of the rate weights shrink at each step.
        colour_db: How far the response of a microphone is changed anew each time.
        jitter: How far each feature is, as a share of its deviation.
        seed: Decides everything.
    """

    n_takes: int = 10000
    n_parts: int = 2000
    n_mixed: int = 60000
    n_held_back: int = 1200
    n_steps: int = 4000
    batch: int = 256
    rate: float = 3e-3
    width: int = 192
    dropout: float = 0.15
    weight_decay: float = 0.02
    colour_db: float = 6.0
    jitter: float = 0.1
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("n_takes", "n_parts", "n_mixed", "n_held_back", "n_steps", "batch", "width"):
            if getattr(self, name) < 1:
                raise SettingError(name, getattr(self, name), "1 or more")


class Lessons(NamedTuple):
    """Takes as the networks are taught with them.

    Args:
        heard: ``(takes, N_FEATURES)``.
        marks: See `Marked`.
        faults: See `Marked`.
    """

    heard: NDArray[np.float32]
    marks: NDArray[np.float32]
    faults: NDArray[np.float32]


class Mixtures(NamedTuple):
    """Mixtures of parts.

    Args:
        heard: ``(takes, N_FEATURES)``.
        snr_db: ``(takes,)``.
    """

    heard: NDArray[np.float32]
    snr_db: NDArray[np.float32]


def lessons(marked: Marked) -> Lessons:
    """Return what the judge hears of takes, without those in which it hears too little."""
    ends = np.cumsum(marked.n_frames)
    heard = [
        heard_of(marked.levels[end - length : end].astype(np.float32))
        for end, length in zip(ends, marked.n_frames, strict=True)
    ]
    kept = [at for at, features in enumerate(heard) if features is not None]
    features = np.stack([each for each in heard if each is not None])
    return Lessons(features, marked.marks[kept], marked.faults[kept])


def train_judge(
    data: Path,
    settings: JudgeTrainSettings,
    *,
    scratch: Path,
    synthetic: Path | None = None,
    workers: int = 1,
) -> dict[str, Any]:
    """Train the networks.

    Args:
        data: Folder of recordings (see `load_corpus`).
        settings: The run.
        scratch: Folder where takes stay for other runs.
        synthetic: Folder of voices of a synthesizer, to learn from as well.
        workers: Processes that make takes; their number changes nothing.

    Returns:
        ``weights``, by name, as the package ships them, and ``record``: what the run was and
        what it reached on talkers and noises that were held back.
    """
    corpus, others = (load_corpus(data, held_back=held_back) for held_back in (False, True))
    n_recorded = len(corpus.speech)
    if synthetic is not None:
        corpus = with_synthetic(corpus, synthetic, held_back=False)
        others = with_synthetic(others, synthetic, held_back=True)
    plan = MarkedPlan(settings.n_takes, settings.seed, _DNSMOS_EVERY)
    taught = lessons(make_marked(scratch / "taught", corpus, plan, workers=workers))
    parts = make_judge_parts(
        scratch / "taught", corpus, n_parts=settings.n_parts, seed=settings.seed, workers=workers
    )
    plan = MarkedPlan(settings.n_held_back, settings.seed + 6, _DNSMOS_EVERY_HELD_BACK)
    held_back = lessons(make_marked(scratch / "held_back", others, plan, workers=workers))
    mixtures = Mixtures(*mixed(parts, settings.n_mixed, seed=settings.seed))
    weights, reached = fit_judge(taught, mixtures, held_back, settings)
    reached["n_synthetic"] = len(corpus.speech) - n_recorded
    return {"weights": weights, "record": run_record(settings, corpus, weights, **reached)}


def fit_judge(
    taught: Lessons, mixtures: Mixtures, held_back: Lessons, settings: JudgeTrainSettings
) -> tuple[dict[str, NDArray[np.generic]], dict[str, Any]]:
    """Return weights as the package ships them, and what they reach on what was held back."""
    torch.manual_seed(settings.seed)
    torch.set_num_threads(1)
    norm = {
        "centre": taught.heard.mean(axis=0).astype(np.float16),
        "scale": (taught.heard.std(axis=0) + 0.05).astype(np.float16),
    }
    taught, held_back = (
        part._replace(heard=_normed(part.heard, norm)) for part in (taught, held_back)
    )
    mixtures = mixtures._replace(heard=_normed(mixtures.heard, norm))
    tilt_db = 20.0 * norm["scale"][_TILT].astype(np.float32)
    model = JudgeModel(settings.width, dropout=settings.dropout)
    losses = _descend(model, taught, mixtures, held_back, settings=settings, tilt_db=tilt_db)
    weights = model.shipped()
    model.begin_with(weights)
    said = said_of(model, held_back.heard).numpy()
    weights |= norm | calibration(said, held_back.marks, held_back.faults)
    reached = reached_on(said, held_back.marks, held_back.faults, weights=weights)
    return weights, {"held_back_losses": losses, "reached": reached}


def _normed(
    heard: NDArray[np.float32], norm: dict[str, NDArray[np.float16]]
) -> NDArray[np.float32]:
    centre, scale = (norm[name].astype(np.float32) for name in ("centre", "scale"))
    normed: NDArray[np.float32] = (heard - centre) / scale
    return normed


def _descend(
    model: JudgeModel,
    taught: Lessons,
    mixtures: Mixtures,
    held_back: Lessons,
    *,
    settings: JudgeTrainSettings,
    tilt_db: NDArray[np.float32],
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
        chosen = rng.integers(len(taught.heard), size=settings.batch)
        heard = taught.heard[chosen].copy()
        heard[:, _TILT] += _colours(rng, settings) / tilt_db
        others = rng.integers(len(mixtures.heard), size=max(1, settings.batch // 2))
        both = np.concatenate([heard, mixtures.heard[others]])
        both += settings.jitter * rng.standard_normal(both.shape, np.float32)
        loss = torch.zeros(())
        snr_db = torch.from_numpy(mixtures.snr_db[others])
        for said in model(torch.from_numpy(both)):
            part = said[: settings.batch]
            loss = loss + judge_loss(part, taught.marks[chosen], taught.faults[chosen])
            loss = loss + ratio_loss(said[settings.batch :], snr_db)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch types this in part
        optimizer.step()
        if (step + 1) % _TOLD_EVERY == 0 or step + 1 == settings.n_steps:
            told = judge_loss(said_of(model, held_back.heard), held_back.marks, held_back.faults)
            losses.append(round(told.item(), 5))
            log.info("training.step n=%d held_back=%.4f", step + 1, losses[-1])
    return losses


def _colours(rng: np.random.Generator, settings: JudgeTrainSettings) -> NDArray[np.float32]:
    """Return gains of the bands in dB, as smooth as those of a microphone, for each take."""
    knots = rng.normal(0.0, settings.colour_db, (settings.batch, 6))
    at = np.linspace(0.0, 5.0, N_BANDS)
    return np.stack([np.interp(at, np.arange(6.0), each) for each in knots]).astype(np.float32)


def said_of(model: JudgeModel, heard: NDArray[np.float32]) -> Tensor:
    """Return what all members say on average, as they will say it, ``(takes, N_OUTPUTS)``."""
    model.eval()
    with torch.no_grad():
        said: Tensor = model(torch.from_numpy(heard)).mean(dim=0)
    model.train()
    return said


def judge_loss(said: Tensor, marks: NDArray[np.float32], faults: NDArray[np.float32]) -> Tensor:
    """Return how wrong what is said is; what is not known of a take counts for nothing.

    Args:
        said: ``(takes, N_OUTPUTS)``.
        marks: See `Marked`.
        faults: See `Marked`.
    """
    pesq, dnsmos, snr_db, is_speech = torch.from_numpy(marks).T
    extents = torch.from_numpy(faults)
    loss = ratio_loss(said, snr_db)
    loss = loss + 8.0 * _pinball(said[:, 3:6], pesq)
    known = ~torch.isnan(dnsmos) & (is_speech > 0.0)
    if known.any():
        loss = loss + functional.l1_loss(said[known, 6], dnsmos[known])
    # Speech under much stronger noise is neither.
    is_sure = torch.isnan(snr_db) | (snr_db > -7.0)
    told = functional.binary_cross_entropy_with_logits(said[is_sure, 7], is_speech[is_sure])
    told_faults = ~torch.isnan(extents)
    shares = functional.binary_cross_entropy_with_logits(
        said[:, FAULT_OUTPUTS][told_faults], extents[told_faults]
    )
    # Few takes are denoised: it is weighed again by itself.
    processing, known = said[:, FAULT_OUTPUTS][:, _PROCESSING], told_faults[:, _PROCESSING]
    treated = functional.binary_cross_entropy_with_logits(
        processing[known], extents[known, _PROCESSING]
    )
    return loss + 0.5 * told + 2.0 * shares + 0.7 * treated


def ratio_loss(said: Tensor, snr_db: Tensor) -> Tensor:
    """Return how wrong what is said of the SNR is.

    Args:
        said: ``(takes, N_OUTPUTS)``.
        snr_db: The true one, NaN where it is not known.
    """
    return 8.0 * _pinball(said[:, 0:3], snr_db.clamp(-10.0, 45.0) / 10.0)


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
    parser.add_argument("--synthetic", type=Path, help="voices of `training.synthetic`")
    parser.add_argument("--workers", type=int, default=1)
    add_setting_flags(parser, JudgeTrainSettings)
    given = vars(parser.parse_args(arguments))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    data, out, scratch = given.pop("data"), given.pop("out"), given.pop("scratch")
    synthetic, workers = given.pop("synthetic"), given.pop("workers")
    run = train_judge(
        data, JudgeTrainSettings(**given), scratch=scratch, synthetic=synthetic, workers=workers
    )
    save_run(out, run)


if __name__ == "__main__":
    main()
