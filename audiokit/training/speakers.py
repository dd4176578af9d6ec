"""Train what tells speakers apart, and what hears two of them at once.

    python -m audiokit.training.speakers DATA --out voice_model.npz

Speakers: statistics of windows of every reader, as clean as they were recorded and as other
microphones, rooms and noises would leave them; linear discriminant analysis finds the
directions in which readers differ more than the windows of one. Overlap: a reader with another
one in bursts on top; a small network learns from half-second windows.
"""

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
from torch import nn

from audiokit.errors import SettingError
from audiokit.speakers.overlap import OVERLAP_STEP, overlap_statistics
from audiokit.speakers.voice_frames import VoiceFrames
from audiokit.speakers.voice_windows import describe_voice
from audiokit.stage import StreamFormat
from audiokit.training.corpus import SAMPLE_RATE, Corpus, Samples, load_corpus
from audiokit.training.noises import any_noise, rms
from audiokit.training.recorded import as_recorded
from audiokit.training.runs import add_setting_flags, run_record, save_run
from audiokit.training.scenes import speech_frames

__all__ = ["SpeakerTrainSettings", "discriminants", "main", "train_speakers"]

log = logging.getLogger(__name__)

Vectors = NDArray[np.float64]
Weights = dict[str, NDArray[np.float32]]

_WINDOW, _HOP = 150, 75
# A share of every within-speaker variance, so that no direction seems to be without any.
_RIDGE = 0.05
_LEAST_S = 5.0
_ALONE, _BOTH = 0.1, 0.6


@dataclass(frozen=True, slots=True)
class SpeakerTrainSettings:
    """One run; the same settings and data give the same weights on the same kind of machine.

    Attributes:
        n_copies: Recordings of each reader that are made, beside the one there is.
        n_values: Values of a voice's vector.
        n_pairs: Mixtures of two readers.
        width: Values of the hidden layer that hears overlap.
        n_steps: Batches that it learns from.
        seed: Decides everything.
    """

    n_copies: int = 3
    n_values: int = 20
    n_pairs: int = 200
    width: int = 12
    n_steps: int = 1500
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("n_copies", "n_values", "n_pairs", "width", "n_steps"):
            if getattr(self, name) < 1:
                raise SettingError(name, getattr(self, name), "1 or more")


def train_speakers(data: Path, settings: SpeakerTrainSettings) -> dict[str, Any]:
    """Train on a folder of recordings (see `load_corpus`).

    Only readers are heard, not keywords: these are too short, and nobody says whose they are.

    Returns:
        ``weights``, by name, as `audiokit.speakers.voice_windows` reads them, and ``record``:
        what the run was and what it reached.
    """
    rng = np.random.default_rng(settings.seed)
    corpus, others = (load_corpus(data, held_back=part) for part in (False, True))
    statistics, readers = _voices(rng, corpus, settings.n_copies)
    centre, projection, spread = discriminants(statistics, readers, settings.n_values)
    log.info("training.voices_told n=%d spread=%s", len(readers), spread[:3].round(2))
    values = {"centre": centre, "projection": projection, "spread": spread}
    weights: Weights = {name: value.astype(np.float32) for name, value in values.items()}
    heard = _mixtures(rng, corpus, settings.n_pairs)
    judge = _mixtures(rng, others, max(8, settings.n_pairs // 8))
    overlap, area = _learn_overlap(heard, judge, settings)
    log.info("training.overlap_heard area=%.3f", area)
    weights |= overlap
    record = run_record(
        settings,
        corpus,
        weights,
        spread=[round(float(value), 2) for value in spread],
        held_back_overlap_auc=round(area, 3),
    )
    return {"weights": weights, "record": record}


def discriminants(
    statistics: Vectors, readers: NDArray[np.intp], n_values: int
) -> tuple[Vectors, Vectors, Vectors]:
    """Return the directions in which readers differ most, for what they differ in themselves.

    Args:
        statistics: Of windows, ``(windows, statistics)``.
        readers: Whose each window is, counted from 0, ``(windows,)``.
        n_values: How many directions.

    Returns:
        Mean ``(statistics,)``, projection ``(statistics, n_values)`` to a variance of 1 within
        readers, and the variance between readers there, ``(n_values,)``, falling.

    References:
        R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals of
        Eugenics 7(2), 1936.
    """
    counts = np.bincount(readers).astype(np.float64)
    sums = np.zeros((len(counts), statistics.shape[1]))
    np.add.at(sums, readers, statistics)
    means = sums / counts[:, np.newaxis]
    apart = statistics - means[readers]
    within = apart.T @ apart / (len(readers) - len(counts))
    within += _RIDGE * np.diag(np.diag(within))
    # Means of few windows differ by chance alone.
    between = np.cov(means.T) - within / counts.mean()
    variances, axes = np.linalg.eigh(within)
    white = axes / np.sqrt(variances)
    spreads, turned = np.linalg.eigh(white.T @ between @ white)
    best = np.argsort(spreads)[::-1][:n_values]
    return statistics.mean(axis=0), white @ turned[:, best], spreads[best]


def _voices(
    rng: np.random.Generator, corpus: Corpus, n_copies: int
) -> tuple[Vectors, NDArray[np.intp]]:
    statistics, readers = [], []
    long = [speech for speech in corpus.speech if len(speech) >= _LEAST_S * SAMPLE_RATE]
    for reader, speech in enumerate(long):
        spoken = np.flatnonzero(speech_frames(speech))
        copies = [speech, *(_recorded(rng, corpus, speech) for _ in range(n_copies))]
        for frames in map(_frames, copies):
            for first in range(0, len(spoken) - _WINDOW + 1, _HOP):
                statistics.append(describe_voice(frames[spoken[first : first + _WINDOW]]))
                readers.append(reader)
    return np.array(statistics), np.array(readers)


def _recorded(rng: np.random.Generator, corpus: Corpus, speech: Samples) -> Samples:
    """Return speech as it might have been recorded elsewhere, often in noise."""
    heard = as_recorded(rng, speech, colour_db=4.0, often=0.7)
    if rng.random() < 0.6:
        noise = any_noise(rng, corpus, len(heard))
        heard = heard + noise * (rms(heard) / rms(noise) * 10.0 ** rng.uniform(-1.5, -0.25))
    return heard


def _frames(speech: Samples) -> NDArray[np.float16]:
    voice = VoiceFrames(StreamFormat(SAMPLE_RATE))
    block = np.ascontiguousarray(speech[:, np.newaxis], np.float32)
    return np.concatenate([voice.process(block), voice.flush()])


def _mixtures(
    rng: np.random.Generator, corpus: Corpus, n_pairs: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return statistics of windows with one voice or two, and which have two."""
    statistics, is_both = [], []
    for _ in range(n_pairs):
        first, second = rng.choice(len(corpus.speech), 2, replace=False)
        one = corpus.speech[first] / rms(corpus.speech[first])
        other = _bursts(rng, corpus.speech[second], len(one))
        spoken = [speech_frames(voice) for voice in (one, other)]
        mixed = _recorded(rng, corpus, 0.05 * (one + other * 10.0 ** rng.uniform(-0.3, 0.3)))
        windows = overlap_statistics(_frames(mixed))
        both, any_of = (_shares(share, len(windows)) for share in (
            spoken[0] & spoken[1], spoken[0] | spoken[1],
        ))  # fmt: skip
        clear = (any_of > 1.0 - 3.0 * _ALONE) & ((both < _ALONE) | (both > _BOTH))
        statistics.append(windows[clear])
        is_both.append(both[clear] > _BOTH)
    return np.concatenate(statistics), np.concatenate(is_both)


def _bursts(rng: np.random.Generator, speech: Samples, n_samples: int) -> Samples:
    """Return pieces of speech with pauses between, of power 1 while they last."""
    speech = speech / rms(speech)
    bursts = np.zeros(n_samples, np.float32)
    at = read = 0
    while True:
        at += int(rng.uniform(0.5, 2.5) * SAMPLE_RATE)
        length = int(rng.uniform(0.4, 2.5) * SAMPLE_RATE)
        if at >= n_samples or read + length > len(speech):
            return bursts
        piece = speech[read : read + length][: n_samples - at]
        bursts[at : at + len(piece)] = piece
        at, read = at + length, read + length


def _shares(flags: NDArray[np.bool_], n_windows: int) -> Vectors:
    """Return the share of flagged frames in the half second around each window's middle."""
    reach = 25
    sums = np.cumsum(np.pad(flags.astype(np.float64), (reach + 1, reach)))
    middles = np.minimum(np.arange(n_windows) * OVERLAP_STEP, len(flags) - 1)
    shares: Vectors = (sums[middles + 2 * reach] - sums[middles]) / (2 * reach)
    return shares


def _learn_overlap(
    heard: tuple[NDArray[np.float32], NDArray[np.bool_]],
    judge: tuple[NDArray[np.float32], NDArray[np.bool_]],
    settings: SpeakerTrainSettings,
) -> tuple[Weights, float]:
    """Return the weights of the network that hears overlap, and its area under the curve."""
    torch.manual_seed(settings.seed)
    torch.set_num_threads(1)
    centre, scale = heard[0].mean(axis=0), heard[0].std(axis=0) + 1e-6
    inputs = torch.from_numpy((heard[0] - centre) / scale)
    truth = torch.from_numpy(heard[1].astype(np.float32))[:, None]
    entry, out = nn.Linear(inputs.shape[1], settings.width), nn.Linear(settings.width, 1)
    network = nn.Sequential(entry, nn.ReLU(), nn.Dropout(0.2), out)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.1)
    for _ in range(settings.n_steps):
        some = torch.randint(len(inputs), (256,))
        loss = nn.functional.binary_cross_entropy_with_logits(network(inputs[some]), truth[some])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        optimiser.step()
    network.eval()
    with torch.no_grad():
        merits = network(torch.from_numpy((judge[0] - centre) / scale))[:, 0].numpy()
    learnt = {
        "overlap_centre": centre,
        "overlap_scale": scale,
        "overlap_entry": entry.weight.detach().numpy().T,
        "overlap_entry_bias": entry.bias.detach().numpy(),
        "overlap_out": out.weight.detach().numpy().T,
        "overlap_out_bias": out.bias.detach().numpy(),
    }
    weights = {name: np.ascontiguousarray(value, np.float32) for name, value in learnt.items()}
    return weights, _area(merits, judge[1])


def _area(merits: NDArray[np.float32], truth: NDArray[np.bool_]) -> float:
    """Return how often a window with two voices is given more than one with one."""
    ranks = np.argsort(np.argsort(merits)) + 1.0
    n_both = int(truth.sum())
    least = n_both * (n_both + 1) / 2.0
    return float((ranks[truth].sum() - least) / max(1, n_both * (len(truth) - n_both)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Train from the command line; write the weights and the record of the run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with speech/ and noise/")
    parser.add_argument("--out", type=Path, default=Path("voice_model.npz"))
    add_setting_flags(parser, SpeakerTrainSettings)
    given = vars(parser.parse_args(arguments))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    data, out = given.pop("data"), given.pop("out")
    save_run(out, train_speakers(data, SpeakerTrainSettings(**given)))


if __name__ == "__main__":
    main()
