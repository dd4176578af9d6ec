"""Noise to train with: recorded, made of voices, and made by formula."""

from __future__ import annotations

import numpy as np

from audiokit.training.corpus import SAMPLE_RATE, Corpus, Samples, pick
from audiokit.training.recorded import FASTEST, other_speed

__all__ = ["any_noise", "babble", "coming_and_going", "fill", "rms", "voiceless_noise"]

_RECORDED, _VOICES = 0.58, 0.12


def any_noise(rng: np.random.Generator, corpus: Corpus, n_samples: int) -> Samples:
    """Return noise of some kind, sometimes of two; level as it comes, never silent."""
    noise = _one_noise(rng, corpus, n_samples)
    if rng.random() < 0.35:
        other = _one_noise(rng, corpus, n_samples)
        noise = noise / rms(noise) + other / rms(other) * 10.0 ** rng.uniform(-0.6, 0.6)
    return noise.astype(np.float32)


def voiceless_noise(rng: np.random.Generator, corpus: Corpus, n_samples: int) -> Samples:
    """Return noise in which nobody speaks: recorded, or made by formula; never silent."""
    if rng.random() < _RECORDED:
        return _stretch(rng, _longer_more_often(rng, corpus.noise), n_samples)
    return _made(rng, n_samples)


def coming_and_going(rng: np.random.Generator, n_samples: int) -> Samples:
    """Return gains of a noise that passes by, or that somebody switches on, off and on."""
    if rng.random() < 0.6:
        knots_per_s = rng.uniform(0.3, 2.0)
        return _swell(rng, n_samples, knots_per_s=knots_per_s, depth_db=30.0)
    n_changes = 1 + int(rng.uniform(0.2, 1.5) * n_samples / SAMPLE_RATE)
    changes = np.sort(rng.integers(0, n_samples, n_changes))
    level_db = rng.uniform(-30.0, 0.0, n_changes + 1)
    level_db[rng.random(n_changes + 1) < 0.2] = -90.0
    # From one to the other in 10 ms to half a second.
    ramp = np.ones(int(10.0 ** rng.uniform(-2.0, -0.3) * SAMPLE_RATE))
    steps = np.repeat(level_db, np.diff([0, *changes, n_samples + len(ramp) - 1]))
    smooth_db = np.convolve(steps, ramp / len(ramp), mode="valid")
    # Never quite gone: the noise is brought to a level afterwards.
    gains: Samples = 10.0 ** (smooth_db / 20.0) + 1e-6
    return gains


def babble(rng: np.random.Generator, corpus: Corpus, n_samples: int) -> Samples:
    """Return several voices at once: a room full of people.

    Args:
        rng: Decides everything.
        corpus: Where the voices come from.
        n_samples: Length.
    """
    total = np.zeros(n_samples, np.float32)
    for _ in range(rng.integers(3, 12)):
        voice = _stretch(rng, pick(rng, (*corpus.speech, *corpus.keywords)), n_samples)
        total += voice / rms(voice) * np.float32(10.0 ** rng.uniform(-0.4, 0.0))
    return total


def fill(rng: np.random.Generator, recording: Samples, n_samples: int) -> Samples:
    """Return so much of a recording from anywhere in it, repeated if it is too short."""
    if len(recording) < n_samples:
        # Short sounds come again after pauses of their own.
        pause = np.zeros(int(rng.uniform(0.0, 1.0) * len(recording)), np.float32)
        once = np.concatenate([recording, pause])
        recording = np.tile(once, 2 + n_samples // len(once))
    start = rng.integers(len(recording) - n_samples + 1)
    return recording[start : start + n_samples]


def _stretch(rng: np.random.Generator, recording: Samples, n_samples: int) -> Samples:
    """Return so much of a recording at some speed."""
    longest = fill(rng, recording, int(FASTEST * n_samples) + 2)
    return other_speed(rng, longest)[:n_samples]


def _one_noise(rng: np.random.Generator, corpus: Corpus, n_samples: int) -> Samples:
    kind = rng.random()
    if kind < _RECORDED:
        return _stretch(rng, _longer_more_often(rng, corpus.noise), n_samples)
    if kind < _RECORDED + _VOICES:
        return babble(rng, corpus, n_samples)
    return _made(rng, n_samples)


def _made(rng: np.random.Generator, n_samples: int) -> Samples:
    made = (_coloured, _gusts, _machine, _impulses, _chords)
    return made[rng.choice(len(made), p=(0.4, 0.2, 0.15, 0.15, 0.1))](rng, n_samples)


def _longer_more_often(rng: np.random.Generator, recordings: tuple[Samples, ...]) -> Samples:
    weights = np.sqrt([len(recording) for recording in recordings])
    return recordings[int(rng.choice(len(recordings), p=weights / weights.sum()))]


def _coloured(rng: np.random.Generator, n_samples: int) -> Samples:
    """Return steady noise of a random, smooth spectrum; sometimes swelling."""
    octaves = np.log2(np.maximum(np.fft.rfftfreq(n_samples, 1.0 / SAMPLE_RATE), 20.0) / 1000.0)
    gain_db = rng.uniform(-9.0, 3.0) * octaves
    knots = np.linspace(octaves[0], octaves[-1], 8)
    gain_db += np.interp(octaves, knots, rng.normal(0.0, 6.0, len(knots)))
    spectrum = np.fft.rfft(rng.standard_normal(n_samples)) * 10.0 ** (gain_db / 20.0)
    noise = np.fft.irfft(spectrum, n_samples)
    if rng.random() < 0.5:
        noise *= _swell(rng, n_samples, knots_per_s=rng.uniform(0.5, 6.0), depth_db=12.0)
    return noise.astype(np.float32)


def _gusts(rng: np.random.Generator, n_samples: int) -> Samples:
    """Return wind: rumble whose strength and cut-off come and go."""
    frequency_hz = np.maximum(np.fft.rfftfreq(n_samples, 1.0 / SAMPLE_RATE), 20.0)
    corner_hz, slope = rng.uniform(60.0, 400.0), rng.uniform(2.0, 4.0)
    shape = 1.0 / (1.0 + (frequency_hz / corner_hz) ** slope)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(n_samples)) * shape, n_samples)
    gusts = noise * _swell(rng, n_samples, knots_per_s=rng.uniform(1.0, 8.0), depth_db=25.0)
    return gusts.astype(np.float32)


def _machine(rng: np.random.Generator, n_samples: int) -> Samples:
    """Return the tones of a motor, drifting, over a little noise."""
    pitch_hz = rng.uniform(30.0, 400.0) * (1.0 + 0.03 * _drift(rng, n_samples))
    phase = 2.0 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE
    highest = max(2, int(min(rng.uniform(500.0, 6000.0), 7000.0) / pitch_hz.max()))
    tones = np.zeros(n_samples)
    for harmonic in range(1, min(highest, 40)):
        level = 10.0 ** (rng.normal(-0.5 * np.log2(harmonic), 0.5))
        tones += level * np.sin(harmonic * phase + rng.uniform(0.0, 2.0 * np.pi))
    noise = _coloured(rng, n_samples)
    share = 10.0 ** rng.uniform(-1.5, 0.0)
    both: Samples = tones / rms(tones) + share * noise / rms(noise)
    return both.astype(np.float32)


def _impulses(rng: np.random.Generator, n_samples: int) -> Samples:
    """Return keys, taps and clatter: short resonances at odd moments."""
    out = np.zeros(n_samples)
    time_s = np.arange(int(0.08 * SAMPLE_RATE)) / SAMPLE_RATE
    n_bodies = rng.integers(1, 4)
    bodies = []
    for _ in range(n_bodies):
        envelope = np.exp(-time_s / rng.uniform(0.002, 0.02))
        tone = np.sin(2.0 * np.pi * rng.uniform(300.0, 5000.0) * time_s)
        mix = rng.random()
        bodies.append(envelope * (mix * tone + (1.0 - mix) * rng.standard_normal(len(time_s))))
    n_hits = max(1, int(rng.uniform(1.5, 12.0) * n_samples / SAMPLE_RATE))
    for start in rng.integers(0, max(1, n_samples - len(time_s)), n_hits):
        piece = bodies[rng.integers(n_bodies)][: n_samples - start]
        out[start : start + len(piece)] += piece * 10.0 ** rng.uniform(-0.7, 0.0)
    floor = _coloured(rng, n_samples)
    both: Samples = out + floor / rms(floor) * 10.0 ** rng.uniform(-3.0, -1.5)
    return both.astype(np.float32)


def _chords(rng: np.random.Generator, n_samples: int) -> Samples:
    """Return something like music: chords that change, with a plucked envelope."""
    out = np.zeros(n_samples)
    start = 0
    while start < n_samples:
        length = int(rng.uniform(0.15, 0.8) * SAMPLE_RATE)
        time_s = np.arange(min(length, n_samples - start)) / SAMPLE_RATE
        envelope = np.exp(-time_s / rng.uniform(0.1, 1.0))
        for _ in range(rng.integers(1, 5)):
            note_hz = 55.0 * 2.0 ** (rng.integers(0, 48) / 12.0)
            for harmonic in range(1, min(12, int(7500.0 / note_hz) + 1)):
                tone = np.sin(2.0 * np.pi * harmonic * note_hz * time_s)
                out[start : start + len(time_s)] += envelope * tone / harmonic
        start += length
    return (out + 1e-4).astype(np.float32)


def _swell(
    rng: np.random.Generator, n_samples: int, *, knots_per_s: float, depth_db: float
) -> Samples:
    n_knots = max(2, int(knots_per_s * n_samples / SAMPLE_RATE) + 2)
    level_db = rng.uniform(-depth_db, 0.0, n_knots)
    at = np.linspace(0.0, n_knots - 1.0, n_samples)
    swell: Samples = 10.0 ** (np.interp(at, np.arange(n_knots), level_db) / 20.0)
    return swell


def _drift(rng: np.random.Generator, n_samples: int) -> Samples:
    knots = rng.normal(0.0, 1.0, 6)
    drift: Samples = np.interp(np.linspace(0.0, 5.0, n_samples), np.arange(6), knots)
    return drift


def rms(samples: Samples) -> float:
    """Return the level of a recording as an amplitude, never quite 0."""
    return float(np.sqrt(np.mean(np.square(samples)) + 1e-12))
