"""Train the mask network of the denoiser: ``python -m audiokit.training.denoiser DATA``."""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from audiokit.denoise.bands import edges_hz
from audiokit.errors import SettingError
from audiokit.ranges import check_range
from audiokit.training.corpus import load_corpus
from audiokit.training.examples import ExamplePool, PoolPlan, make_pool
from audiokit.training.mask_model import MaskModel
from audiokit.training.runs import add_setting_flags, rate_share, run_record, save_run

__all__ = ["TrainSettings", "main", "mask_loss", "train_denoiser"]

log = logging.getLogger(__name__)

_N_HELD_BACK = 96
_TOLD_EVERY = 200
# In hertz relative to the narrowest; the error of a wide point counts as many bins.
_POINT_WIDTHS = torch.tensor([1.0] * 64 + [2.0] * 32 + [4.0] * 32)
# Loudness goes by about this power of the power.
_COMPRESSION = 0.15
_LEAST_ERROR = 1e-4


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """One run; the same settings and data give the same weights on the same kind of machine.

    Attributes:
        n_examples: Mixtures to make and draw from.
        n_steps: Batches to learn from.
        batch: Examples in each.
        rate: Highest learning rate.
        width: Values that the layer which hears the whole spectrum carries.
        near_width: Values that each group of points carries.
        lost_speech: By how much more an error counts where speech is lost than where noise
            is left.
        error_weight: Weight of the logarithm of the error's power, which is what SI-SDR
            measures, against that of loudness.
        envelope_weight: Weight of what the envelopes of third octaves lose in likeness, which
            is what STOI measures.
        seed: Decides everything.
        marks: How often rooms, bands and codecs leave their marks (see `as_recorded`).
        seconds: Length of a mixture.
        swells: How often noise comes and goes.
    """

    n_examples: int = 20000
    n_steps: int = 5000
    batch: int = 32
    rate: float = 3e-3
    width: int = 64
    near_width: int = 40
    lost_speech: float = 2.0
    error_weight: float = 0.06
    envelope_weight: float = 0.3
    seed: int = 1
    marks: float = 1.0
    seconds: float = 3.0
    swells: float = 0.0

    def __post_init__(self) -> None:
        for name in ("n_examples", "n_steps", "batch", "width", "near_width"):
            if getattr(self, name) < 1:
                raise SettingError(name, getattr(self, name), "1 or more")
        if not 0.0 < self.marks <= 1.0:
            raise SettingError("marks", self.marks, "above 0, 1 at most")
        check_range("swells", self.swells, 0.0, 1.0)
        check_range("seconds", self.seconds, 1.0, 60.0, unit="s")
        if self.batch > self.n_examples:
            raise SettingError("batch", self.batch, f"at most the {self.n_examples} examples")


def mask_loss(logits: Tensor, parts: Sequence[Tensor], settings: TrainSettings) -> Tensor:
    """Return how far the mask's result is from the clean speech.

    Compressed magnitudes, by themselves and with their phase, as loudness is heard
    (Braun & Tashev, "Data augmentation and loss normalization for deep noise suppression",
    2020), and the logarithm of the plain error.

    Args:
        logits: ``(frames, examples, N_POINTS)``.
        parts: Noisy and clean log power, and their likeness (see `Example`).
        settings: Weights.
    """
    noisy, clean, likeness = parts
    gain = torch.sigmoid(logits)
    heard = torch.exp(2 * _COMPRESSION * torch.nn.functional.logsigmoid(logits))
    heard = heard * torch.exp(_COMPRESSION * noisy)
    wanted = torch.exp(_COMPRESSION * clean)
    missing = wanted - heard
    square = missing.square()
    loudness = (square * (1.0 + settings.lost_speech * (missing > 0))).mean()
    with_phase = square.mean() + 2.0 * (wanted * heard * (1.0 - likeness)).mean()
    noisy_power, clean_power = torch.exp(noisy), torch.exp(clean)
    shared = likeness * (noisy_power * clean_power).sqrt()
    error = (clean_power - 2.0 * gain * shared + gain.square() * noisy_power) * _POINT_WIDTHS
    log_error = torch.log10(error.mean((0, 2)).clamp(min=0.0) + _LEAST_ERROR).mean()
    unlike = _unlike_envelopes(clean_power, gain.square() * noisy_power)
    errors = settings.error_weight * log_error + settings.envelope_weight * unlike
    return 0.7 * loudness + 0.3 * with_phase + errors


def _unlike_envelopes(clean_power: Tensor, heard_power: Tensor) -> Tensor:
    """Return one less the correlation of third-octave envelopes over 384 ms.

    After Taal et al., "An algorithm for intelligibility prediction of time-frequency weighted
    noisy speech", 2011; each stretch counts by how much is said in it.
    """
    third_octaves = torch.from_numpy(_third_octaves())
    clean, heard = (
        _stretches((power @ third_octaves + _LEAST_ERROR).sqrt())
        for power in (clean_power, heard_power)
    )
    strength = clean.square().sum(-1)
    norm = (strength * heard.square().sum(-1) + _LEAST_ERROR**2).sqrt()
    unlike = 1.0 - (clean * heard).sum(-1) / norm
    weight = strength / (strength + 0.01 * strength.mean() + _LEAST_ERROR)
    return (unlike * weight).sum() / (weight.sum() + _LEAST_ERROR)


def _stretches(envelopes: Tensor) -> Tensor:
    """Return 24 frames every 12, each without its mean: ``(stretches, examples, bands, 24)``."""
    stretches = envelopes.unfold(0, 24, 12)
    return stretches - stretches.mean(-1, keepdim=True)


@lru_cache
def _third_octaves() -> NDArray[np.float32]:
    """Return the matrix from powers of points to those of 15 third octaves from 150 Hz."""
    edges = edges_hz()
    octave_hz = 150.0 * 2.0 ** ((np.arange(16) - 0.5) / 3.0)
    covered = np.minimum(edges[1:, np.newaxis], octave_hz[1:])
    covered -= np.maximum(edges[:-1, np.newaxis], octave_hz[:-1])
    third_octaves: NDArray[np.float64] = np.maximum(covered, 0.0) / (edges[1] - edges[0])
    return third_octaves.astype(np.float32)


def train_denoiser(
    data: Path,
    settings: TrainSettings,
    *,
    scratch: Path,
    start: Path | None = None,
    workers: int = 1,
) -> dict[str, Any]:
    """Train a network.

    Args:
        data: Folder of recordings (see `load_corpus`).
        settings: The run.
        scratch: Folder for examples, 80 kB for each second; those of an earlier run serve again.
        start: Weights to go on from, with their record beside them; none begins at random.
        workers: Processes that make examples; their number changes nothing.

    Returns:
        ``weights``, by name, as the package ships them, and ``record``: what each run was and
        what it reached.
    """
    torch.manual_seed(settings.seed)
    torch.set_num_threads(1)
    corpus = load_corpus(data, held_back=False)
    model = MaskModel(settings.width, settings.near_width)
    before: list[Any] = []
    if start is not None:
        with np.load(start) as file:
            model.begin_with({name: file[name] for name in file.files})
        before = json.loads(start.with_suffix(".json").read_text())
    pool_plan = partial(
        PoolPlan, marks=settings.marks, seconds=settings.seconds, swells=settings.swells
    )
    plan = pool_plan(settings.n_examples, settings.seed)
    pool = make_pool(scratch / "train", corpus, plan, workers=workers)
    plan = pool_plan(_N_HELD_BACK, settings.seed + 1)
    others = load_corpus(data, held_back=True)
    judge = make_pool(scratch / "judge", others, plan, workers=workers)
    log.info("training.examples_made n=%d", settings.n_examples)
    held_back = _tensors(judge, np.arange(_N_HELD_BACK))
    losses = _descend(model, pool, held_back, settings)
    weights = model.shipped()
    record = run_record(settings, corpus, weights, held_back_losses=losses)
    return {"weights": weights, "record": [*before, record]}


def _tensors(pool: ExamplePool, indices: np.ndarray[Any, Any]) -> list[Tensor]:
    return [torch.from_numpy(part) for part in pool.batch(indices)]


def _descend(
    model: MaskModel, pool: ExamplePool, held_back: list[Tensor], settings: TrainSettings
) -> list[float]:
    """Train; return the loss on what was held back, every so many steps."""
    rng = np.random.default_rng(settings.seed)
    optimizer = torch.optim.Adam(model.parameters(), settings.rate)
    losses = []
    for step in range(settings.n_steps):
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * rate_share(step, settings.n_steps)
        chosen = np.sort(rng.choice(pool.n_examples, settings.batch, replace=False))
        features, *parts = _tensors(pool, chosen)
        loss = mask_loss(model(features), parts, settings)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch types this in part
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % _TOLD_EVERY == 0 or step + 1 == settings.n_steps:
            with torch.no_grad():
                judged = mask_loss(model(held_back[0]), held_back[1:], settings).item()
            losses.append(round(judged, 5))
            log.info("training.step n=%d loss=%.4f held_back=%.4f", step + 1, loss.item(), judged)
    return losses


def main(arguments: Sequence[str] | None = None) -> None:
    """Train from the command line; write the weights and the record of the run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with speech/ and noise/")
    parser.add_argument("--out", type=Path, default=Path("mask_network.npz"))
    parser.add_argument("--scratch", type=Path, help="keep examples here for other runs")
    parser.add_argument("--start", type=Path, help="go on from these weights")
    parser.add_argument("--workers", type=int, default=1)
    add_setting_flags(parser, TrainSettings)
    given = vars(parser.parse_args(arguments))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    data, out, start = given.pop("data"), given.pop("out"), given.pop("start")
    workers = given.pop("workers")
    with tempfile.TemporaryDirectory(prefix="audiokit-training-") as temporary:
        scratch = given.pop("scratch") or Path(temporary)
        run = train_denoiser(
            data, TrainSettings(**given), scratch=scratch, start=start, workers=workers
        )
    save_run(out, run)


if __name__ == "__main__":
    main()
