"""Examples as the network meets them: what it hears, and what its mask is judged by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audiokit.denoise.bands import N_POINTS, bins_to_points
from audiokit.denoise.point_levels import N_FEATURES, SILENCE, PointLevels
from audiokit.training.corpus import SAMPLE_RATE, Corpus, Samples
from audiokit.training.mixtures import make_mixture

__all__ = ["Example", "ExamplePool", "PoolPlan", "make_example", "make_pool"]

# Goes up with every change of what an example holds: those kept on disk are made anew.
_VERSION = 3
_WINDOW_SAMPLES, _HOP_SAMPLES = 512, 256
_FRAMES_PER_S = SAMPLE_RATE / _HOP_SAMPLES
# Powers lie on a scale where the clean speech has 1; this is far below what is heard.
_LEAST_POWER = 1e-8
Half = NDArray[np.float16]


class Example(NamedTuple):
    """Some seconds of speech in noise, ``(frames, columns)`` each.

    Args:
        features: What the network hears.
        noisy: Logarithm of the power of each point, the clean speech's mean being 1.
        clean: The same of the clean speech.
        likeness: Cosine between both in each point: what no mask can change.
    """

    features: Half
    noisy: Half
    clean: Half
    likeness: Half


def make_example(number: int, corpus: Corpus, plan: PoolPlan) -> Example:
    """Return an example of a plan (see `make_mixture`)."""
    rng = np.random.default_rng((plan.seed, number))
    n_samples = plan.n_frames * _HOP_SAMPLES
    mixture = make_mixture(rng, corpus, n_samples, marks=plan.marks, swells=plan.swells)
    noisy, clean = _spectra(mixture.noisy), _spectra(mixture.clean)
    power = np.square(noisy.real) + np.square(noisy.imag)
    to_points = bins_to_points(power.shape[1], SAMPLE_RATE / _WINDOW_SAMPLES)
    levels = PointLevels(1, power.shape[1], bin_hz=SAMPLE_RATE / _WINDOW_SAMPLES)
    is_heard = power.sum(axis=1, keepdims=True) > SILENCE * power.shape[1]
    features = levels.hear(power[:, np.newaxis], is_heard)[:, 0, :N_FEATURES]
    clean_power = np.square(clean.real) + np.square(clean.imag)
    noisy_points, clean_points = power @ to_points, clean_power @ to_points
    shared = (noisy.real * clean.real + noisy.imag * clean.imag) @ to_points
    likeness = shared / np.sqrt(noisy_points * clean_points + 1e-20)
    # Where nobody speaks the noise is brought to a level that is clearly to be heard.
    scale = 1.0 / (max(clean_points.mean(), 0.01 * noisy_points.mean()) + 1e-12)
    return Example(
        features.astype(np.float16),
        np.log(noisy_points * scale + _LEAST_POWER).astype(np.float16),
        np.log(clean_points * scale + _LEAST_POWER).astype(np.float16),
        likeness.clip(-1.0, 1.0).astype(np.float16),
    )


def _spectra(samples: Samples) -> NDArray[np.complex64]:
    lead = np.zeros(_WINDOW_SAMPLES - _HOP_SAMPLES, np.float32)
    padded = np.concatenate([lead, samples])
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW_SAMPLES)[::_HOP_SAMPLES]
    window = np.sin(np.arange(_WINDOW_SAMPLES) * (np.pi / _WINDOW_SAMPLES)).astype(np.float32)
    spectra = np.fft.rfft(frames * window, axis=1, norm="ortho")
    return spectra.astype(np.complex64)


class ExamplePool:
    """Examples on disk.

    Args:
        folder: Where they lie.
        plan: How many there are, and how long.
        mode: ``w+`` to begin, ``r+`` to make them, ``r`` to read.
    """

    def __init__(self, folder: Path, plan: PoolPlan, mode: Literal["r", "r+", "w+"]) -> None:
        shape = (plan.n_examples, plan.n_frames)
        self._arrays = [
            np.memmap(str(folder / name), np.float16, mode, shape=(*shape, width))
            for name, width in zip(
                Example._fields, (N_FEATURES, N_POINTS, N_POINTS, N_POINTS), strict=True
            )
        ]
        self.n_examples = plan.n_examples

    def store(self, index: int, example: Example) -> None:
        """Keep an example."""
        for array, values in zip(self._arrays, example, strict=True):
            array[index] = values

    def batch(self, indices: NDArray[np.intp]) -> Iterator[NDArray[np.float32]]:
        """Yield each part of some examples, ``(frames, examples, columns)``."""
        for array in self._arrays:
            yield np.ascontiguousarray(array[indices].swapaxes(0, 1)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """Which examples to make.

    Args:
        n_examples: How many: number 0, 1, ….
        seed: Decides every example together with its number.
        marks: How often rooms, bands and codecs leave their marks.
        seconds: How long each is.
        swells: How often noise comes and goes.
    """

    n_examples: int
    seed: int
    marks: float = 1.0
    seconds: float = 3.0
    swells: float = 0.0

    @property
    def n_frames(self) -> int:
        """Frames of an example."""
        return round(self.seconds * _FRAMES_PER_S)


def make_pool(folder: Path, corpus: Corpus, plan: PoolPlan, *, workers: int) -> ExamplePool:
    """Return the examples of a plan: made by several processes, or there from an earlier run.

    Args:
        folder: Where they go.
        corpus: What they are made of.
        plan: Which.
        workers: Processes; their number changes nothing.
    """
    from joblib import Parallel, delayed

    made, key = folder / "made.txt", f"{_VERSION} {corpus.digest} {plan}"
    if not made.exists() or made.read_text() != key:
        folder.mkdir(parents=True, exist_ok=True)
        # Until all are made, what lies there is nobody's.
        made.unlink(missing_ok=True)
        ExamplePool(folder, plan, "w+")
        parts = np.array_split(np.arange(plan.n_examples), max(1, plan.n_examples // 250))
        Parallel(n_jobs=workers)(delayed(_make_part)(folder, corpus, plan, part) for part in parts)
        made.write_text(key)
    return ExamplePool(folder, plan, "r")


def _make_part(folder: Path, corpus: Corpus, plan: PoolPlan, indices: NDArray[np.intp]) -> None:
    pool = ExamplePool(folder, plan, "r+")
    for index in indices.tolist():
        pool.store(index, make_example(index, corpus, plan))
