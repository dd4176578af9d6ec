"""People who speak now and then, in noise, and when: what the detector is trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from audiokit.training.corpus import SAMPLE_RATE, Corpus, Samples
from audiokit.training.mixtures import snr_db, through_channel
from audiokit.training.noises import any_noise, coming_and_going, rms
from audiokit.training.recorded import (
    as_recorded,
    band_limited,
    other_speed,
    with_new_high_band,
)

__all__ = ["FRAME_SAMPLES", "Scene", "make_scene", "make_talk", "speech_frames"]

FRAME_SAMPLES = SAMPLE_RATE // 100

# Below the loud parts of an utterance: what is softer than the first is a pause or the soft
# edge of a word, what is softer than the second no word's edge. Recordings have rooms of their
# own, 25 dB below the words and more. Words hold stops, which are as silent as a pause but
# shorter; a click of the tongue is shorter than any word.
_RANGE_DB, _EDGE_RANGE_DB = 20.0, 30.0
_LONGEST_EDGE = 8
_LONGEST_STOP, _SHORTEST_WORD = 14, 5
_LEAST_POWER = 1e-12
_FADE_SAMPLES = 80
_MARKS = 0.5
_HOARSE = 0.08


@dataclass(frozen=True, slots=True)
class Scene:
    """Some seconds of a recording.

    Args:
        heard: ``(samples,)``.
        is_speech: Of each hundredth of a second, ``(frames,)``.
    """

    heard: Samples
    is_speech: NDArray[np.bool_]


def make_scene(rng: np.random.Generator, corpus: Corpus, seconds: float) -> Scene:
    """Return a scene: talkers, pauses, breaths, room, noise, level, band and codec at random.

    Args:
        rng: Decides everything.
        corpus: Where speech and noise come from.
        seconds: Length.
    """
    talk, is_speech, level = make_talk(rng, corpus, seconds)
    if rng.random() < 0.08:
        talk[:], is_speech[:] = 0.0, False
    heard = talk
    if rng.random() < 0.92:
        noise = as_recorded(rng, any_noise(rng, corpus, len(talk)), colour_db=6.0, often=_MARKS)
        if rng.random() < 0.4:
            noise = noise * coming_and_going(rng, len(talk))
        loudness = level / rms(noise) * 10.0 ** (-snr_db(rng) / 20.0)
        heard = talk + noise * np.float32(loudness)
    if rng.random() < 0.2:
        heard = band_limited(heard, float(rng.choice((4000.0, rng.uniform(3000.0, 7500.0)))))
    gain = 10.0 ** (rng.uniform(-50.0, -8.0) / 20.0) / max(rms(heard), 1e-6)
    heard = through_channel(rng, heard * np.float32(gain), often=_MARKS)
    return Scene(heard.astype(np.float32), is_speech)


def make_talk(
    rng: np.random.Generator, corpus: Corpus, seconds: float
) -> tuple[Samples, NDArray[np.bool_], float]:
    """Return people who speak now and then, in their room, which frames are speech, and its level.

    Args:
        rng: Decides everything.
        corpus: Where they come from.
        seconds: Length.
    """
    talk, is_speech = _talk(rng, corpus, round(seconds * SAMPLE_RATE / FRAME_SAMPLES))
    level = _active_level(talk, is_speech)
    _add_breaths(rng, talk, is_speech, level)
    talk = as_recorded(rng, talk, colour_db=5.0, often=_MARKS)
    if rng.random() < 0.15:
        _add_knocks(rng, talk, level)
    if rng.random() < 0.25:
        _add_rumble(rng, talk, level)
    return talk, is_speech, level


def speech_frames(spoken: Samples) -> NDArray[np.bool_]:
    """Return which hundredths of a second of a clean utterance are within its words.

    Args:
        spoken: Without noise, ``(samples,)``.

    Returns:
        ``(samples // FRAME_SAMPLES,)``.
    """
    n_frames = len(spoken) // FRAME_SAMPLES
    power = np.square(spoken[: n_frames * FRAME_SAMPLES], dtype=np.float64)
    power = power.reshape(n_frames, FRAME_SAMPLES).mean(axis=1)
    padded = np.pad(power, 1, mode="edge") if n_frames else power
    smooth = (padded[:-2] + padded[1:-1] + padded[2:]) / 3.0 if n_frames else power
    level_db = 10.0 * np.log10(smooth + _LEAST_POWER)
    loud_db = np.quantile(level_db, 0.95) if n_frames else 0.0
    is_speech: NDArray[np.bool_] = level_db > max(loud_db - _RANGE_DB, -85.0)
    _fill_runs(is_speech, of=True, shorter_than=_SHORTEST_WORD)
    may_be = level_db > max(loud_db - _EDGE_RANGE_DB, -85.0)
    for _ in range(_LONGEST_EDGE):
        # One frame to either side at a time, as long as it is not too soft.
        beside = np.zeros_like(is_speech)
        beside[1:] |= is_speech[:-1]
        beside[:-1] |= is_speech[1:]
        is_speech |= beside & may_be
    _fill_runs(is_speech, of=False, shorter_than=_LONGEST_STOP)
    return is_speech


def _fill_runs(frames: NDArray[np.bool_], *, of: bool, shorter_than: int) -> None:
    """Turn short runs of one kind into the other, in place; not those at an end."""
    edges = np.flatnonzero(np.diff(frames)) + 1
    for first, last in pairwise(edges):
        if frames[first] == of and last - first < shorter_than:
            frames[first:last] = not of


def _talk(
    rng: np.random.Generator, corpus: Corpus, n_frames: int
) -> tuple[Samples, NDArray[np.bool_]]:
    talk = np.zeros(n_frames * FRAME_SAMPLES, np.float32)
    is_speech = np.zeros(n_frames, np.bool_)
    at = 0 if rng.random() < 0.3 else _pause_frames(rng)
    pauses = rng.uniform(0.3, 1.5)
    for utterance, spoken in _utterances(rng, corpus):
        if at >= n_frames:
            break
        n_kept = min(len(spoken), n_frames - at)
        start, n_samples = at * FRAME_SAMPLES, n_kept * FRAME_SAMPLES
        talk[start : start + n_samples] = utterance[:n_samples]
        is_speech[at : at + n_kept] = spoken[:n_kept]
        at += n_kept + round(pauses * _pause_frames(rng))
    return talk, is_speech


def _pause_frames(rng: np.random.Generator) -> int:
    shortest, longest = ((10, 50), (50, 200), (200, 500))[rng.choice(3, p=(0.35, 0.45, 0.2))]
    return int(rng.integers(shortest, longest))


def _utterances(
    rng: np.random.Generator, corpus: Corpus
) -> Iterator[tuple[Samples, NDArray[np.bool_]]]:
    """Yield what somebody says, and which frames of it are speech; now and then another one."""
    kinds = (
        (corpus.speech, corpus.gated_speech),
        (corpus.keywords, corpus.gated_keywords),
    )
    recorded, gated = kinds[int(rng.random() < 0.35)]
    index = int(rng.integers(len(recorded)))
    level_db = 0.0
    while True:
        if rng.random() < 0.4:
            recorded, gated = kinds[int(rng.random() < 0.35)]
            index = int(rng.integers(len(recorded)))
            level_db = rng.uniform(-12.0, 0.0)
        both = np.stack([recorded[index], gated[index]], axis=1)
        both = _stretch_of(rng, other_speed(rng, both))
        chosen = both[:, int(rng.random() < 0.5)].copy()
        if rng.random() < _HOARSE:
            chosen = with_new_high_band(rng, chosen, from_hz=(50.0, 1000.0))
        spoken = speech_frames(both[:, 1])
        fade = np.linspace(0.0, 1.0, _FADE_SAMPLES, dtype=np.float32)
        chosen[:_FADE_SAMPLES] *= fade
        chosen[-_FADE_SAMPLES:] *= fade[::-1]
        loudness = 10.0 ** ((level_db + rng.uniform(-3.0, 3.0)) / 20.0) / max(
            _active_level(chosen, spoken), 1e-5
        )
        yield (0.05 * loudness * chosen).astype(np.float32), spoken


def _stretch_of(rng: np.random.Generator, recording: Samples) -> Samples:
    """Return some of a recording, whole frames of it."""
    longest = len(recording) // FRAME_SAMPLES
    n_frames = min(longest, int(rng.uniform(0.4, 6.0) * 100.0))
    start = int(rng.integers(longest - n_frames + 1)) * FRAME_SAMPLES
    return recording[start : start + n_frames * FRAME_SAMPLES]


def _active_level(talk: Samples, is_speech: NDArray[np.bool_]) -> float:
    """Return the level while somebody speaks, as an amplitude; that of usual speech if nobody."""
    if not is_speech.any():
        return 0.05
    frames = talk[: len(is_speech) * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    return rms(frames[is_speech])


def _add_knocks(rng: np.random.Generator, talk: Samples, level: float) -> None:
    """Add knocks against the microphone, in place: low, short, up to 30 dB louder than speech."""
    for _ in range(rng.integers(1, 8)):
        n_samples = int(rng.uniform(0.05, 0.7) * SAMPLE_RATE)
        start = int(rng.integers(max(1, len(talk) - n_samples)))
        time_s = np.arange(n_samples) / SAMPLE_RATE
        decay = np.exp(-time_s / rng.uniform(0.02, 0.3)) * np.minimum(1.0, time_s / 0.003)
        swing = np.sin(2.0 * np.pi * rng.uniform(3.0, 150.0) * time_s + rng.uniform(0.0, 6.28))
        rattle = rng.standard_normal(n_samples) * 10.0 ** rng.uniform(-3.0, -0.5)
        loudness = level * 10.0 ** (rng.uniform(-10.0, 30.0) / 20.0)
        talk[start : start + n_samples] += (loudness * decay * (swing + rattle)).astype(np.float32)


def _add_rumble(rng: np.random.Generator, talk: Samples, level: float) -> None:
    """Add what buildings and hands leave below 100 Hz, in place: up to 25 dB above the voice."""
    hz = np.fft.rfftfreq(len(talk), 1.0 / SAMPLE_RATE)
    corner_hz, slope = rng.uniform(5.0, 80.0), rng.uniform(2.0, 5.0)
    spectrum = np.fft.rfft(rng.standard_normal(len(talk))) / (1.0 + (hz / corner_hz) ** slope)
    rumble = np.fft.irfft(spectrum, len(talk))
    loudness = level / rms(rumble) * 10.0 ** (rng.uniform(-15.0, 25.0) / 20.0)
    talk += (loudness * rumble).astype(np.float32)


def _add_breaths(
    rng: np.random.Generator, talk: Samples, is_speech: NDArray[np.bool_], level: float
) -> None:
    """Add breaths to pauses, in place: hisses that swell and fall, 15 to 40 dB softer."""
    if rng.random() < 0.6:
        return
    pauses = np.flatnonzero(~is_speech)
    for _ in range(rng.integers(1, 6)):
        n_frames = int(rng.integers(10, 50))
        at = int(rng.choice(pauses)) if len(pauses) else 0
        if at + n_frames > len(is_speech) or is_speech[at : at + n_frames].any():
            continue
        n_samples = n_frames * FRAME_SAMPLES
        spectrum = np.fft.rfft(rng.standard_normal(n_samples) * np.hanning(n_samples))
        hz = np.fft.rfftfreq(n_samples, 1.0 / SAMPLE_RATE)
        centre, width = rng.uniform(500.0, 3000.0), rng.uniform(0.5, 1.5)
        octaves = np.log2(np.maximum(hz, 20.0) / centre)
        breath = np.fft.irfft(spectrum * np.exp(-np.square(octaves / width)), n_samples)
        loudness = level / rms(breath) * 10.0 ** (rng.uniform(-40.0, -15.0) / 20.0)
        start = at * FRAME_SAMPLES
        talk[start : start + n_samples] += (loudness * breath).astype(np.float32)
