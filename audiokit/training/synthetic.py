"""Voices of a synthesizer to train with: pauses without any sound, and nobody denoised them.

    python -m audiokit.training.synthetic FOLDER

needs espeak-ng. Without such voices, what was never recorded is taken for denoised.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from audiokit.errors import EmptyError
from audiokit.training.corpus import SAMPLE_RATE, Corpus, Samples

__all__ = ["main", "say", "with_synthetic"]

# A digit is read in any language.
_VOICES = (
    "en-gb", "en-us", "de", "fr-fr", "es", "it", "nl", "pl", "pt", "sv", "tr", "fi", "cs", "ru",
    "hu", "ro", "el", "da", "hi", "id",
)  # fmt: skip
_VARIANTS = ("", "+m1", "+m3", "+m7", "+f1", "+f2", "+f4", "+f5")
_N_HELD_BACK_OF = 8


def say(voice: str, *, seed: int) -> Samples:
    """Return what espeak-ng makes of some numbers and letters, at 16 kHz.

    Args:
        voice: A name of its voices.
        seed: Decides the text, the pitch, the speed and the pauses.
    """
    import soundfile
    import soxr

    rng = np.random.default_rng((seed, 5))
    text = " ".join(
        f"{rng.integers(1, 10 ** int(rng.integers(1, 5)))}{rng.choice(['', '', ',', '.'])}"
        for _ in range(12)
    )
    command = [
        "espeak-ng", "--stdout", "-v", voice, "-p", str(rng.integers(20, 80)),
        "-s", str(rng.integers(120, 210)), "-g", str(rng.integers(0, 12)), text,
    ]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True)  # noqa: S603  no shell
    sound, sample_rate = soundfile.read(io.BytesIO(done.stdout), dtype="float32")
    voiced: Samples = soxr.resample(sound, sample_rate, SAMPLE_RATE)
    return voiced


def with_synthetic(corpus: Corpus, folder: Path, *, held_back: bool) -> Corpus:
    """Return a corpus with the recordings of a folder among its sentences.

    Args:
        corpus: Of recorded voices.
        folder: What `main` has written.
        held_back: The eighth to choose by, in place of the others.

    Raises:
        EmptyError: The folder holds no recordings.
    """
    import soundfile

    paths = sorted(folder.glob("*.flac"))
    if not paths:
        raise EmptyError(str(folder), "holds no recordings; write some with this module")
    digest = hashlib.sha256(corpus.digest.encode())
    voices = []
    for number, path in enumerate(paths):
        if (number % _N_HELD_BACK_OF == 0) == held_back:
            sound, _ = soundfile.read(path, dtype="float32")
            digest.update(path.name.encode() + sound.tobytes())
            voices.append(sound)
    return replace(corpus, speech=(*corpus.speech, *voices), digest=digest.hexdigest()[:16])


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the voices, a FLAC file each."""
    import soundfile

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(2 * len(_VOICES)):
        voice = _VOICES[number % len(_VOICES)]
        variant = _VARIANTS[number % len(_VARIANTS)]
        sound = say(voice + variant, seed=number)
        soundfile.write(folder / f"{number:03d}_{voice}{variant}.flac", sound, SAMPLE_RATE)


if __name__ == "__main__":
    main()
