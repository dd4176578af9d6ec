"""Recordings to train on, in memory, with a part held back to choose by."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from audiokit.denoise.denoiser import Denoiser, DenoiseSettings
from audiokit.errors import EmptyError, FormatError
from audiokit.stage import StreamFormat

__all__ = ["SAMPLE_RATE", "Corpus", "Samples", "load_corpus", "pick"]

Samples: TypeAlias = NDArray[np.floating[Any]]
"""One mono recording at `SAMPLE_RATE`, full scale ±1.0."""

SAMPLE_RATE = 16000
# Of all talkers and of all noises.
_HELD_BACK_PERCENT = 8


@dataclass(frozen=True, slots=True)
class Corpus:
    """Recordings by what they are.

    Args:
        speech: Read sentences, clean enough to be what a network should give.
        keywords: Short utterances with room noise of their own.
        gated_speech: The same sentences without the noise that they were recorded with.
        gated_keywords: The same utterances without most of it.
        noise: Sounds without speech.
        digest: Of all names and samples, so that a run can say what it was trained on.
    """

    speech: tuple[Samples, ...]
    keywords: tuple[Samples, ...]
    gated_speech: tuple[Samples, ...]
    gated_keywords: tuple[Samples, ...]
    noise: tuple[Samples, ...]
    digest: str


def load_corpus(folder: Path, *, held_back: bool) -> Corpus:
    """Read the recordings of a training folder.

    Readers, keyword clips and noises are held back by a hash of their name, so the two parts
    never share one and do not depend on what else is in the folder.

    Args:
        folder: Holds ``speech/libri_<talker>-….flac``, ``speech/wake_….flac`` and
            ``noise/….flac``, 16 kHz mono.
        held_back: The small part to choose by, in place of the large one to train on.

    Raises:
        EmptyError: A kind of recording is missing.
        FormatError: A recording is not mono at 16 kHz, or of no known kind.
    """
    digest = hashlib.sha256()
    kinds: dict[str, list[Samples]] = {"libri": [], "wake": [], "noise": []}
    paths = [
        *sorted((folder / "speech").glob("*.flac")),
        *sorted((folder / "noise").glob("*.flac")),
    ]
    for path in paths:
        kind = path.stem.split("_")[0] if path.parent.name == "speech" else "noise"
        if kind not in kinds:
            raise FormatError(str(path), "is named neither libri_… nor wake_…")
        if _is_held_back(path.stem.split("-")[0]) == held_back:
            samples = _read(path)
            digest.update(path.name.encode() + samples.tobytes())
            kinds[kind].append(samples)
    for kind, recordings in kinds.items():
        if not recordings:
            raise EmptyError(str(folder), f"holds no recordings of kind {kind}")
    speech, keywords, noise = (tuple(kinds[kind]) for kind in ("libri", "wake", "noise"))
    return Corpus(
        speech=speech,
        keywords=keywords,
        gated_speech=tuple(_gated(recording, floor_db=-50.0) for recording in speech),
        gated_keywords=tuple(_gated(recording, floor_db=-25.0) for recording in keywords),
        noise=noise,
        digest=digest.hexdigest()[:16],
    )


def _gated(recording: Samples, *, floor_db: float) -> Samples:
    """Return a sentence as a studio would give it: nothing in its pauses.

    Else speech is what has a noise floor of its own, and a sound that comes out of silence is
    noise: keys and doors were recorded closer and softer than readers at home.
    """
    settings = DenoiseSettings(engine="classic", floor_db=floor_db)
    stage = Denoiser(StreamFormat(SAMPLE_RATE), settings)
    block = np.ascontiguousarray(recording[:, np.newaxis], np.float32)
    gated: Samples = np.concatenate([stage.process(block), stage.flush()])[:, 0]
    return gated


def _is_held_back(name: str) -> bool:
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % 100 < _HELD_BACK_PERCENT


def _read(path: Path) -> Samples:
    import soundfile

    samples, sample_rate = soundfile.read(path, dtype="float32")
    if sample_rate != SAMPLE_RATE or samples.ndim != 1:
        raise FormatError(str(path), f"is not mono at {SAMPLE_RATE} Hz")
    recording: Samples = samples
    return recording


def pick(rng: np.random.Generator, recordings: Sequence[Samples]) -> Samples:
    """Return one of the recordings."""
    return recordings[int(rng.integers(len(recordings)))]
