"""Train the networks of the concealers: ``python -m audiokit.training.concealment DATA``."""

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

from audiokit.errors import SettingError
from audiokit.ranges import check_range
from audiokit.training.concealment_loss import heard_difference
from audiokit.training.concealment_model import ConcealmentModel
from audiokit.training.corpus import SAMPLE_RATE, Corpus, Samples, load_corpus
from audiokit.training.runs import add_setting_flags, rate_share, run_record, save_run
from audiokit.transit.conceal_bands import BandFrames
from audiokit.transit.conceal_pitch import N_GAIN_FRAMES, USUAL_GAINS, VoiceContinuation
from audiokit.transit.conceal_voice import HEARD_S

__all__ = ["ConcealmentTrainSettings", "main", "train_continuation"]

log = logging.getLogger(__name__)

_N_HELD_BACK = 3000
_TOLD_EVERY = 250
_BANDS = BandFrames(SAMPLE_RATE)
_HOP = _BANDS.hop
_HEARD = round(HEARD_S * SAMPLE_RATE)
# What the loss hears on both sides of a gap, and for how long a gap can be.
_AROUND = 512
_N_FRAMES = N_GAIN_FRAMES + 2
_LONGEST = (_N_FRAMES - 1) * _HOP
_PACKET, _OVERLAP_SHARE = 320, 0.1


@dataclass(frozen=True, slots=True)
class ConcealmentTrainSettings:
    """One run; the same settings and data give the same weights on the same kind of machine.

    Attributes:
        n_gaps: Gaps to make and draw from.
        n_steps: Batches to learn from.
        batch: Gaps in each.
        rate: Highest learning rate.
        width: Values of each hidden layer.
        weight_decay: By what share of the rate weights shrink at each step.
        seed: Decides everything.
    """

    n_gaps: int = 40000
    n_steps: int = 4000
    batch: int = 128
    rate: float = 2e-3
    width: int = 128
    weight_decay: float = 0.02
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("n_gaps", "n_steps", "batch", "width"):
            if getattr(self, name) < 1:
                raise SettingError(name, getattr(self, name), "1 or more")
        check_range("rate", self.rate, 0.0, 1.0)


class GapPool(NamedTuple):
    """Gaps as the network meets them.

    Args:
        inputs: ``(gaps, inputs)``.
        ways: From one hop before the gap, ``(gaps, ways, samples)``.
        true: What was there, from `_AROUND` before the gap on, ``(gaps, samples)``.
    """

    inputs: NDArray[np.float32]
    ways: NDArray[np.float32]
    true: NDArray[np.float32]


def train_continuation(data: Path, settings: ConcealmentTrainSettings) -> dict[str, Any]:
    """Train the network that says how a voice goes on.

    Args:
        data: Folder of recordings (see `load_corpus`).
        settings: The run.

    Returns:
        ``weights``, by name, as the package ships them, and ``record``: what the run was and
        what it reached.
    """
    torch.manual_seed(settings.seed)
    torch.set_num_threads(1)
    corpus = load_corpus(data, held_back=False)
    pool = _pool(corpus, settings.n_gaps, settings.seed)
    others = load_corpus(data, held_back=True)
    judge = _pool(others, _N_HELD_BACK, settings.seed)
    log.info("training.gaps_made n=%d", settings.n_gaps)
    usual = torch.from_numpy(USUAL_GAINS.astype(np.float32))
    model = ConcealmentModel(pool.inputs.shape[1], settings.width, usual)
    judged = _descend(model, pool, judge, settings=settings)
    weights = model.shipped()
    record = run_record(settings, corpus, weights, held_back_losses=judged)
    return {"weights": weights, "record": record}


def _pool(corpus: Corpus, n_gaps: int, seed: int) -> GapPool:
    rng = np.random.default_rng(seed)
    recordings = [*corpus.speech, *corpus.keywords]
    # A long recording has more to learn from, and what people read more than what they shout.
    lengths = np.array([len(one) for one in recordings], np.float64)
    lengths[len(corpus.speech) :] *= 0.5
    chosen = rng.choice(len(recordings), n_gaps, p=lengths / lengths.sum())
    made = [_gap(rng, recordings[number]) for number in chosen.tolist()]
    return GapPool(*(np.stack(arrays) for arrays in zip(*made, strict=True)))


def _gap(
    rng: np.random.Generator, recording: Samples
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return a gap in a recording, most often where somebody speaks."""
    level = np.sqrt(np.square(recording, dtype=np.float64).mean()) + 1e-6
    n_after = _LONGEST + _AROUND
    for _ in range(20):
        at = int(rng.integers(_HEARD, max(_HEARD + 1, len(recording) - n_after)))
        near = recording[at - _PACKET : at + _PACKET]
        if np.sqrt(np.square(near, dtype=np.float64).mean()) > 0.1 * level or rng.random() < 0.1:
            break
    padded = np.pad(recording[at - _HEARD : at + n_after], (0, n_after))
    sound = padded[: _HEARD + n_after].astype(np.float64) / level
    if rng.random() < 0.1:
        sound = _narrowed(sound)
    going_on = VoiceContinuation(sound[:_HEARD, np.newaxis], SAMPLE_RATE, _BANDS)
    ways = going_on.ways(_N_FRAMES)
    inputs = going_on.inputs(ways)
    true = sound[_HEARD - _AROUND :]
    return inputs.astype(np.float32), ways[:, 0].astype(np.float32), true.astype(np.float32)


def _narrowed(sound: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a sound without what a telephone does not carry."""
    spectrum = np.fft.rfft(sound)
    frequency = np.linspace(0.0, 8000.0, len(spectrum))
    narrowed: NDArray[np.float64] = np.fft.irfft(
        spectrum * np.clip((4000.0 - frequency) / 400.0, 0.0, 1.0), len(sound)
    )
    return narrowed


def _descend(
    model: ConcealmentModel,
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
        n_packets = int(rng.choice([1, 1, 1, 2, 3]))
        loss = _loss(model, _tensors(pool, chosen), n_packets)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch types this in part
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % _TOLD_EVERY == 0 or step + 1 == settings.n_steps:
            with torch.no_grad():
                parts = _tensors(judge, np.arange(len(judge.inputs)))
                judged = [round(_loss(model, parts, n).item(), 5) for n in (1, 2, 3)]
            losses.append(judged[0])
            log.info("training.step n=%d held_back=%s", step + 1, judged)
    return losses


def _tensors(pool: GapPool, numbers: NDArray[np.intp]) -> tuple[Tensor, Tensor, Tensor]:
    inputs, ways, true = (torch.from_numpy(array[numbers]) for array in pool)
    return inputs, ways, true


def _loss(model: ConcealmentModel, parts: tuple[Tensor, Tensor, Tensor], n_packets: int) -> Tensor:
    """Return how wrong gaps of so many packets of 20 ms sound."""
    inputs, ways, true = parts
    made = _shaped(ways, model(inputs))
    n_gap = n_packets * _PACKET
    n_over = min(max(32, round(_OVERLAP_SHARE * n_gap)), 128)
    rise = (torch.arange(n_over) + 1.0) / (n_over + 1.0)
    gap = made[:, : n_gap + n_over].clone()
    begin = _AROUND + n_gap
    after = true[:, begin : begin + n_over]
    over = gap[:, n_gap:] * (1.0 - rise) + after * rise
    heard = torch.cat([true[:, :_AROUND], gap[:, :n_gap], over, true[:, begin + n_over :]], 1)
    end = begin + _AROUND
    return heard_difference(heard[:, :end], true[:, :end]).mean()


def _shaped(ways: Tensor, gains: Tensor) -> Tensor:
    """Return what `BandFrames.shaped` makes of gains, ``(gaps, samples)``."""
    window = torch.sin(torch.pi * (torch.arange(2 * _HOP) + 0.5) / (2 * _HOP))
    spectra = torch.fft.rfft(ways.unfold(2, 2 * _HOP, _HOP) * window)
    begin = torch.zeros_like(gains[:, :, :1])
    begin[:, 0] = 1.0
    gains = torch.cat([begin, gains, gains[:, :, -1:]], 2)
    shares = torch.from_numpy(_BANDS.shares.astype(np.float32))
    mixed = (spectra * (gains @ shares)).sum(dim=1)
    frames = torch.fft.irfft(mixed, 2 * _HOP) * window
    return (frames[:, :-1, _HOP:] + frames[:, 1:, :_HOP]).flatten(1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train from the command line; write the weights and the record of the run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with speech/ and noise/")
    parser.add_argument("--out", type=Path, default=Path("continue.npz"))
    add_setting_flags(parser, ConcealmentTrainSettings)
    given = vars(parser.parse_args(arguments))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    data, out = given.pop("data"), given.pop("out")
    save_run(out, train_continuation(data, ConcealmentTrainSettings(**given)))


if __name__ == "__main__":
    main()
