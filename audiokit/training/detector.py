"""Train the network of the speech detector: ``python -m audiokit.training.detector DATA``."""

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
from audiokit.stage import StreamFormat
from audiokit.training.corpus import SAMPLE_RATE, Corpus, load_corpus
from audiokit.training.detector_model import DetectorModel
from audiokit.training.parts import Parts, make_parts, mix_parts
from audiokit.training.runs import add_setting_flags, rate_share, run_record, save_run
from audiokit.training.scenes import make_scene
from audiokit.vad.bands import N_BANDS, N_TELEPHONE_BANDS
from audiokit.vad.inputs import SpeechInputs
from audiokit.vad.network import LOOK_AHEAD_FRAMES

__all__ = ["DetectorTrainSettings", "main", "train_detector"]

log = logging.getLogger(__name__)

_N_HELD_BACK = 200
_TOLD_EVERY = 100
_PART = 50
# Goes up with every change of what is made: what was kept on disk is made anew.
_VERSION = 2
# As told of bands that are not there: `SpeechInputs` at its least.
_ABSENT = -4.0


@dataclass(frozen=True, slots=True)
class DetectorTrainSettings:
    """One run; the same settings and data give the same weights on the same kind of machine.

    Attributes:
        n_scenes: Scenes to make as samples and draw from.
        n_parts: Stretches of speech, and as many of noise, to put scenes together from.
        seconds: Length of a scene.
        n_steps: Batches to learn from.
        batch: Scenes in each; a third were made as samples.
        rate: Highest learning rate.
        width: Values of the first layer.
        memory_width: Values that the recurrent unit carries.
        weight_decay: By what share of the rate weights shrink at each step.
        seed: Decides everything.
    """

    n_scenes: int = 3000
    n_parts: int = 3000
    seconds: float = 10.0
    n_steps: int = 2800
    batch: int = 36
    rate: float = 4e-3
    width: int = 34
    memory_width: int = 48
    weight_decay: float = 0.02
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("n_scenes", "n_parts", "n_steps", "batch", "width", "memory_width"):
            if getattr(self, name) < 1:
                raise SettingError(name, getattr(self, name), "1 or more")
        check_range("seconds", self.seconds, 1.0, 60.0, unit="s")
        if self.batch > self.n_scenes:
            raise SettingError("batch", self.batch, f"at most the {self.n_scenes} scenes")


class ScenePool(NamedTuple):
    """Scenes as the network meets them.

    Args:
        inputs: ``(scenes, frames, N_INPUTS)``.
        is_speech: ``(scenes, frames)``.
    """

    inputs: NDArray[np.float16]
    is_speech: NDArray[np.bool_]


def train_detector(
    data: Path,
    settings: DetectorTrainSettings,
    *,
    scratch: Path | None = None,
    workers: int = 1,
) -> dict[str, Any]:
    """Train a network.

    Args:
        data: Folder of recordings (see `load_corpus`).
        settings: The run.
        scratch: Folder where scenes stay for other runs; None keeps them in memory alone.
        workers: Processes that make scenes; their number changes nothing.

    Returns:
        ``weights``, by name, as the package ships them, and ``record``: what the run was and
        what it reached.
    """
    torch.manual_seed(settings.seed)
    torch.set_num_threads(1)
    corpus = load_corpus(data, held_back=False)
    pool = _scenes(corpus, settings.n_scenes, settings, scratch=scratch, workers=workers)
    parts = _parts(corpus, settings, scratch=scratch, workers=workers)
    others = load_corpus(data, held_back=True)
    judge = _scenes(others, _N_HELD_BACK, settings, scratch=scratch, workers=workers)
    log.info("training.scenes_made n=%d", settings.n_scenes)
    model = DetectorModel(settings.width, settings.memory_width)
    judged = _descend(model, pool, parts, judge, settings=settings)
    weights = model.shipped()
    record = run_record(settings, corpus, weights, held_back_losses=judged)
    return {"weights": weights, "record": record}


def _scenes(
    corpus: Corpus,
    n_scenes: int,
    settings: DetectorTrainSettings,
    *,
    scratch: Path | None,
    workers: int,
) -> ScenePool:
    from joblib import Parallel, delayed

    kept = _kept(scratch, "scenes", corpus, n_scenes, settings)
    if kept is not None and kept.exists():
        with np.load(kept) as file:
            return ScenePool(file["inputs"], file["is_speech"])
    parts = np.array_split(np.arange(n_scenes), max(1, n_scenes // _PART))
    made = Parallel(n_jobs=workers)(delayed(_make_part)(corpus, settings, part) for part in parts)
    pool = ScenePool(*(np.concatenate(arrays) for arrays in zip(*made, strict=True)))
    if kept is not None:
        np.savez(kept, **pool._asdict())
    return pool


def _parts(
    corpus: Corpus, settings: DetectorTrainSettings, *, scratch: Path | None, workers: int
) -> Parts:
    from joblib import Parallel, delayed

    kept = _kept(scratch, "parts", corpus, settings.n_parts, settings)
    if kept is not None and kept.exists():
        with np.load(kept) as file:
            return Parts(**{name: file[name] for name in Parts._fields})
    made = Parallel(n_jobs=workers)(
        delayed(_make_stretches)(corpus, settings, numbers)
        for numbers in np.array_split(
            np.arange(settings.n_parts), max(1, settings.n_parts // _PART)
        )
    )
    parts = Parts(*(np.concatenate(arrays) for arrays in zip(*made, strict=True)))
    if kept is not None:
        np.savez(kept, **parts._asdict())
    return parts


def _make_stretches(
    corpus: Corpus, settings: DetectorTrainSettings, numbers: NDArray[np.intp]
) -> Parts:
    made = [
        make_parts(np.random.default_rng((settings.seed, 1, number)), corpus, settings.seconds)
        for number in numbers.tolist()
    ]
    return Parts(*(np.stack(arrays) for arrays in zip(*made, strict=True)))


def _kept(
    scratch: Path | None, kind: str, corpus: Corpus, number: int, settings: DetectorTrainSettings
) -> Path | None:
    """Return where what was made stays; None where it does not."""
    if scratch is None:
        return None
    scratch.mkdir(parents=True, exist_ok=True)
    plan = f"{_VERSION}_{corpus.digest}_{number}_{settings.seconds:g}_{settings.seed}"
    return scratch / f"{kind}_{plan}.npz"


def _make_part(
    corpus: Corpus, settings: DetectorTrainSettings, numbers: NDArray[np.intp]
) -> ScenePool:
    made = [_make_one(corpus, settings, number) for number in numbers.tolist()]
    inputs, is_speech = zip(*made, strict=True)
    return ScenePool(np.stack(inputs), np.stack(is_speech))


def _make_one(
    corpus: Corpus, settings: DetectorTrainSettings, number: int
) -> tuple[NDArray[np.float16], NDArray[np.bool_]]:
    rng = np.random.default_rng((settings.seed, number))
    scene = make_scene(rng, corpus, settings.seconds)
    hearing = SpeechInputs(StreamFormat(SAMPLE_RATE))
    block = np.ascontiguousarray(scene.heard[:, np.newaxis])
    inputs = np.concatenate([hearing.process(block)[0], hearing.flush()[0]])
    if rng.random() < 0.2:
        # A telephone call has nothing up there, whatever the band limit of the scene.
        n_left = int(rng.integers(N_TELEPHONE_BANDS, N_BANDS))
        inputs[:, n_left:N_BANDS] = _ABSENT
        inputs[:, N_BANDS + n_left : 2 * N_BANDS] = 0.0
    return inputs.astype(np.float16), scene.is_speech


def _descend(
    model: DetectorModel,
    pool: ScenePool,
    parts: Parts,
    judge: ScenePool,
    *,
    settings: DetectorTrainSettings,
) -> list[float]:
    """Train; return the loss on what was held back, every so many steps."""
    rng = np.random.default_rng(settings.seed)
    optimizer = torch.optim.AdamW(
        model.parameters(), settings.rate, weight_decay=settings.weight_decay
    )
    held_back = _tensors(judge, np.arange(len(judge.inputs)))
    losses = []
    for step in range(settings.n_steps):
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * rate_share(step, settings.n_steps)
        loss = _loss(model, *_draw(rng, pool, parts, settings.batch))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch types this in part
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % _TOLD_EVERY == 0 or step + 1 == settings.n_steps:
            with torch.no_grad():
                losses.append(round(_loss(model, *held_back).item(), 5))
            log.info("training.step n=%d held_back=%.4f", step + 1, losses[-1])
    return losses


def _draw(
    rng: np.random.Generator, pool: ScenePool, parts: Parts, batch: int
) -> tuple[Tensor, Tensor]:
    """Return a batch: a third of it scenes, the rest put together for this step alone."""
    chosen = rng.choice(len(pool.inputs), max(1, batch // 3), replace=False)
    scenes = [(pool.inputs[at].astype(np.float32), pool.is_speech[at]) for at in chosen]
    scenes += [mix_parts(rng, parts) for _ in range(batch - len(scenes))]
    inputs, is_speech = (np.stack(arrays, axis=1) for arrays in zip(*scenes, strict=True))
    return torch.from_numpy(inputs), torch.from_numpy(is_speech.astype(np.float32))


def _tensors(pool: ScenePool, numbers: NDArray[np.intp]) -> tuple[Tensor, Tensor]:
    inputs = pool.inputs[numbers].swapaxes(0, 1).astype(np.float32)
    is_speech = pool.is_speech[numbers].T.astype(np.float32)
    return torch.from_numpy(inputs.copy()), torch.from_numpy(is_speech.copy())


def _loss(model: DetectorModel, inputs: Tensor, is_speech: Tensor) -> Tensor:
    """Return the cross entropy of what is said, of each frame so many frames later."""
    logits = model(inputs)[LOOK_AHEAD_FRAMES:]
    return torch.nn.functional.binary_cross_entropy_with_logits(
        logits, is_speech[:-LOOK_AHEAD_FRAMES]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Train from the command line; write the weights and the record of the run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with speech/ and noise/")
    parser.add_argument("--out", type=Path, default=Path("detector.npz"))
    parser.add_argument("--scratch", type=Path, help="keep scenes here for other runs")
    parser.add_argument("--workers", type=int, default=1)
    add_setting_flags(parser, DetectorTrainSettings)
    given = vars(parser.parse_args(arguments))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    data, out, scratch = given.pop("data"), given.pop("out"), given.pop("scratch")
    workers = given.pop("workers")
    run = train_detector(data, DetectorTrainSettings(**given), scratch=scratch, workers=workers)
    save_run(out, run)


if __name__ == "__main__":
    main()
