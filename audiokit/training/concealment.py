"""Train a concealer's network: ``python -m audiokit.training.concealment continue DATA``."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from audiokit.errors import SettingError
from audiokit.ranges import check_range
from audiokit.training.concealment_gaps import NETWORKS, GapPool, Network, make_gaps
from audiokit.training.concealment_loss import heard_difference
from audiokit.training.concealment_model import ConcealmentModel
from audiokit.training.corpus import load_corpus
from audiokit.training.runs import add_setting_flags, rate_share, run_record, save_run

__all__ = ["ConcealmentTrainSettings", "main", "train_concealment"]

log = logging.getLogger(__name__)

_TOLD_EVERY = 250


@dataclass(frozen=True, slots=True)
class ConcealmentTrainSettings:
    """One run; the same settings and data give the same weights on the same kind of machine.

    Attributes:
        n_gaps: Gaps to make and draw from.
        n_held_back: Gaps of other talkers, to judge by.
        n_steps: Batches to learn from.
        batch: Gaps in each.
        rate: Highest learning rate.
        width: Values of each hidden layer.
        weight_decay: By what share of the rate weights shrink at each step.
        seed: Decides everything.
    """

    n_gaps: int = 40000
    n_held_back: int = 3000
    n_steps: int = 4000
    batch: int = 128
    rate: float = 2e-3
    width: int = 128
    weight_decay: float = 0.02
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("n_gaps", "n_held_back", "n_steps", "batch", "width"):
            if getattr(self, name) < 1:
                raise SettingError(name, getattr(self, name), "1 or more")
        check_range("rate", self.rate, 0.0, 1.0)
        if self.batch > self.n_gaps:
            raise SettingError("batch", self.batch, f"at most the {self.n_gaps} gaps")


def train_concealment(name: str, data: Path, settings: ConcealmentTrainSettings) -> dict[str, Any]:
    """Train a network.

    Args:
        name: One of `NETWORKS`.
        data: Folder of recordings (see `load_corpus`).
        settings: The run.

    Returns:
        ``weights``, by name, as the package ships them, and ``record``: what the run was and
        what it reached.
    """
    torch.manual_seed(settings.seed)
    torch.set_num_threads(1)
    corpus = load_corpus(data, held_back=False)
    network = NETWORKS[name]
    pool = make_gaps(corpus, network, settings.n_gaps, seed=settings.seed)
    others = load_corpus(data, held_back=True)
    judge = make_gaps(others, network, settings.n_held_back, seed=settings.seed)
    log.info("training.gaps_made n=%d", settings.n_gaps)
    usual = torch.from_numpy(network.usual.astype(np.float32))
    model = ConcealmentModel(pool.inputs.shape[1], settings.width, usual)
    judged = _descend(model, network, pool, judge, settings=settings)
    weights = model.shipped()
    record = run_record(settings, corpus, weights, held_back_losses=judged)
    return {"weights": weights, "record": record}


def _descend(
    model: ConcealmentModel,
    network: Network,
    pool: GapPool,
    judge: GapPool,
    *,
    settings: ConcealmentTrainSettings,
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
        chosen = rng.choice(len(pool.inputs), settings.batch, replace=False)
        n_packets = int(rng.choice(network.n_packets))
        loss = _loss(model, network, _tensors(pool, chosen), n_packets)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch types this in part
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % _TOLD_EVERY == 0 or step + 1 == settings.n_steps:
            with torch.no_grad():
                parts = _tensors(judge, np.arange(len(judge.inputs)))
                losses.append(round(_loss(model, network, parts, 1).item(), 5))
            log.info("training.step n=%d held_back=%.4f", step + 1, losses[-1])
    return losses


def _tensors(pool: GapPool, numbers: NDArray[np.intp]) -> tuple[Tensor, Tensor, Tensor]:
    inputs, ways, true = (torch.from_numpy(array[numbers]) for array in pool)
    return inputs, ways, true


def _loss(
    model: ConcealmentModel,
    network: Network,
    parts: tuple[Tensor, Tensor, Tensor],
    n_packets: int,
) -> Tensor:
    """Return how wrong gaps of so many packets sound."""
    inputs, ways, true = parts
    return heard_difference(*network.through(ways, model(inputs), true, n_packets)).mean()


def main(arguments: Sequence[str] | None = None) -> None:
    """Train from the command line; write the weights and the record of the run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("data", type=Path, help="folder with speech/ and noise/")
    parser.add_argument("--out", type=Path, default=Path("network.npz"))
    add_setting_flags(parser, ConcealmentTrainSettings)
    given = vars(parser.parse_args(arguments))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    name, data, out = given.pop("network"), given.pop("data"), given.pop("out")
    save_run(out, train_concealment(name, data, ConcealmentTrainSettings(**given)))


if __name__ == "__main__":
    main()
