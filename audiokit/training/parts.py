"""Scenes put together anew at every step, out of talkers and noises that were heard apart.

Band levels of a mixture are, but for chance, the sums of the powers of its parts. So a few
thousand stretches of speech and of noise make millions of scenes, and a network has no chance to
know them by heart; what only a mixture of samples has (clipping, a codec after the noise) is
learnt from scenes that were mixed as samples (`make_scene`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audiokit.stage import StreamFormat
from audiokit.training.corpus import SAMPLE_RATE, Corpus
from audiokit.training.mixtures import snr_db
from audiokit.training.noises import any_noise, coming_and_going, rms
from audiokit.training.recorded import as_recorded
from audiokit.training.scenes import make_talk
from audiokit.vad.bands import ABSENT_DB, N_BANDS, N_TELEPHONE_BANDS, BandLevels
from audiokit.vad.inputs import SpeechInputs

__all__ = ["Parts", "make_parts", "mix_parts"]

_MARKS = 0.5
# A stretch is brought to these before it is kept: speech by its speech, noise by all of it.
_LEVEL_DB = -30.0
_COLOUR_DB = 4.0


class Parts(NamedTuple):
    """Speech and noise as the network's front end hears them, each alone.

    Args:
        speech: Band levels in dB and periodicity, ``(stretches, frames, N_BANDS + 1)``.
        is_speech: ``(stretches, frames)``.
        noise: As `speech`.
    """

    speech: NDArray[np.float16]
    is_speech: NDArray[np.bool_]
    noise: NDArray[np.float16]


def make_parts(
    rng: np.random.Generator, corpus: Corpus, seconds: float
) -> tuple[NDArray[np.float16], NDArray[np.bool_], NDArray[np.float16]]:
    """Return one stretch of speech, where it is, and one of noise.

    Args:
        rng: Decides everything.
        corpus: Where they come from.
        seconds: Length of each.
    """
    talk, is_speech, level = make_talk(rng, corpus, seconds)
    noise = as_recorded(rng, any_noise(rng, corpus, len(talk)), colour_db=6.0, often=_MARKS)
    if rng.random() < 0.4:
        noise = noise * coming_and_going(rng, len(talk))
    wanted = 10.0 ** (_LEVEL_DB / 20.0)
    heard = [
        _described((sound * np.float32(wanted / loudness)).astype(np.float32))
        for sound, loudness in ((talk, level), (noise, rms(noise)))
    ]
    return heard[0], is_speech, heard[1]


def _described(sound: NDArray[np.float32]) -> NDArray[np.float16]:
    bands = BandLevels(StreamFormat(SAMPLE_RATE))
    block = np.ascontiguousarray(sound[:, np.newaxis])
    return np.concatenate([bands.process(block), bands.flush()]).astype(np.float16)


def mix_parts(
    rng: np.random.Generator, parts: Parts
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return a scene: one of the stretches of speech, and one of noise, or none.

    Returns:
        What the network hears, ``(frames, N_INPUTS)``, and what is speech, ``(frames,)``.
    """
    at = int(rng.integers(len(parts.speech)))
    shift = int(rng.integers(parts.speech.shape[1]))
    # Turned round by a shift: the join is one more change of scene.
    speech = np.roll(parts.speech[at], shift, axis=0).astype(np.float32)
    is_speech = np.roll(parts.is_speech[at], shift)
    speech[:, :N_BANDS] += _colour(rng)
    kind = rng.random()
    if kind < 0.92:
        noise = parts.noise[int(rng.integers(len(parts.noise)))]
        noise = np.roll(noise, int(rng.integers(len(noise))), axis=0).astype(np.float32)
        noise[:, :N_BANDS] += _colour(rng) - np.float32(snr_db(rng))
        if kind < 0.08:
            speech, is_speech = noise, np.zeros_like(is_speech)
        else:
            speech = _together(speech, noise)
    heard = speech
    if rng.random() < 0.25:
        heard[:, int(rng.integers(N_TELEPHONE_BANDS, N_BANDS)) : N_BANDS] = ABSENT_DB
    heard[:, :N_BANDS] += np.float32(rng.uniform(-35.0, 20.0))
    # What lies below the rounding to 16 bits is drowned in it.
    np.maximum(heard[:, :N_BANDS], ABSENT_DB, out=heard[:, :N_BANDS])
    return SpeechInputs(StreamFormat(SAMPLE_RATE)).relate(heard)[0], is_speech


def _colour(rng: np.random.Generator) -> NDArray[np.float32]:
    """Return gains of the bands in dB, as smooth as those of a microphone."""
    knots = rng.normal(0.0, _COLOUR_DB, 5)
    gains = np.interp(np.linspace(0.0, 4.0, N_BANDS), np.arange(5), knots)
    return gains.astype(np.float32)


def _together(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the sum of two, as powers; periodic by as much as the periodic one is of it."""
    powers = [10.0 ** (part[:, :N_BANDS] / 10.0) for part in (one, other)]
    total = powers[0] + powers[1]
    low = slice(0, 8)  # the bands up to 1 kHz, where harmonics are heard
    amplitudes = [np.sqrt(power[:, low].sum(axis=1)) for power in powers]
    share = amplitudes[0] / (amplitudes[0] + amplitudes[1] + 1e-12)
    periodicity = share * one[:, N_BANDS] + (1.0 - share) * other[:, N_BANDS]
    together = np.empty_like(one)
    together[:, :N_BANDS] = 10.0 * np.log10(total)
    together[:, N_BANDS] = periodicity
    return together
