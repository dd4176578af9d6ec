"""Sounds in which nobody speaks, made by formula, that come close to a voice or to its rhythm."""

from __future__ import annotations

import numpy as np

from audiokit.training.corpus import SAMPLE_RATE, Samples

__all__ = ["made_voiceless"]


def made_voiceless(rng: np.random.Generator, n_samples: int) -> Samples:
    """Return a tune, a voice-like vibrato, drums or taps, level as it comes.

    Args:
        rng: Decides everything.
        n_samples: Length.
    """
    kinds = (_tune, _vibrato, _drums, _taps)
    sound = kinds[rng.choice(len(kinds), p=(0.35, 0.2, 0.2, 0.25))](rng, n_samples)
    if rng.random() < 0.4:
        other = kinds[int(rng.integers(len(kinds)))](rng, n_samples)
        loudness = (np.sqrt(np.mean(np.square(each)) + 1e-12) for each in (sound, other))
        first, second = loudness
        sound = sound + other * (first / second) * 10.0 ** rng.uniform(-0.8, 0.3)
    floor = 10.0 ** rng.uniform(-5.0, -1.8) * np.abs(sound).max()
    made: Samples = (sound + floor * rng.standard_normal(n_samples)).astype(np.float32)
    return made


def _tune(rng: np.random.Generator, n_samples: int) -> Samples:
    """Return notes and chords in a key: a few parts, each of its own attack, decay and timbre."""
    beat_s = rng.uniform(0.12, 0.6)
    scale = np.array([0, 2, 4, 5, 7, 9, 11] if rng.random() < 0.5 else [0, 2, 3, 5, 7, 8, 10])
    key_hz = 55.0 * 2.0 ** (rng.integers(0, 12) / 12.0)
    out = np.zeros(n_samples)
    for _ in range(rng.integers(1, 4)):
        octave, brightness = int(rng.integers(0, 4)), rng.uniform(0.6, 2.2)
        attack_s, decay_s = 10.0 ** rng.uniform(-2.7, -0.8), 10.0 ** rng.uniform(-1.2, 0.5)
        n_voices, start_s = int(rng.integers(1, 4)), 0.0
        while start_s * SAMPLE_RATE < n_samples:
            length_s = beat_s * float(rng.choice((0.5, 1.0, 1.0, 2.0)))
            if rng.random() < 0.85:
                degree = int(rng.integers(0, 7))
                for voice in range(n_voices):
                    step, up = (degree + 2 * voice) % 7, (degree + 2 * voice) // 7
                    pitch_hz = key_hz * 2.0 ** (octave + up + scale[step] / 12.0)
                    note = _note(rng, pitch_hz, 1.5 * length_s, (attack_s, decay_s, brightness))
                    _add(out, note, int(start_s * SAMPLE_RATE))
            start_s += length_s
    return out


def _note(
    rng: np.random.Generator, pitch_hz: float, seconds: float, shape: tuple[float, float, float]
) -> Samples:
    attack_s, decay_s, brightness = shape
    time_s = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    note = np.zeros(len(time_s))
    for harmonic in range(1, min(16, int(7500.0 / pitch_hz) + 1)):
        level = harmonic**-brightness * 10.0 ** rng.normal(0.0, 0.15)
        phase = rng.uniform(0.0, 6.28)
        faster = np.exp(-time_s * (harmonic - 1) * 0.15 / decay_s)
        note += level * faster * np.sin(2.0 * np.pi * harmonic * pitch_hz * time_s + phase)
    envelope = np.minimum(1.0, time_s / attack_s) * np.exp(-time_s / decay_s)
    # It ends without a click.
    envelope *= np.minimum(1.0, (seconds - time_s) / 0.02)
    played: Samples = note * envelope * 10.0 ** rng.uniform(-0.4, 0.0)
    return played


def _vibrato(rng: np.random.Generator, n_samples: int) -> Samples:
    """Return held notes that waver, through one still formant filter: an instrument that sings."""
    time_s = np.arange(n_samples) / SAMPLE_RATE
    n_notes = max(1, int(rng.uniform(0.8, 3.0) * n_samples / SAMPLE_RATE))
    edges = np.sort(rng.integers(0, n_samples, n_notes - 1))
    notes = rng.integers(0, 15, n_notes) / 12.0
    steps = np.repeat(notes, np.diff([0, *edges, n_samples]))
    ramp = np.ones(int(rng.uniform(0.01, 0.08) * SAMPLE_RATE))
    steps = np.convolve(np.pad(steps, (len(ramp), 0), mode="edge"), ramp / len(ramp), mode="full")
    steps = steps[len(ramp) : len(ramp) + n_samples]
    waver = rng.uniform(0.1, 0.8) / 12.0 * np.sin(2.0 * np.pi * rng.uniform(4.0, 7.5) * time_s)
    pitch_hz = rng.uniform(90.0, 450.0) * 2.0 ** (steps + waver)
    phase = 2.0 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE
    out = np.zeros(n_samples)
    formants = rng.uniform(300.0, 3500.0, 4)
    for harmonic in range(1, min(30, int(7500.0 / pitch_hz.max()) + 1)):
        tones_hz = harmonic * float(np.mean(pitch_hz))
        level = sum(1.0 / (1.0 + ((tones_hz - each) / 150.0) ** 2) for each in formants) + 0.05
        out += level / harmonic**0.5 * np.sin(harmonic * phase)
    knots = 10.0 ** rng.uniform(-0.8, 0.0, 2 + n_notes)
    held: Samples = out * np.interp(time_s, np.linspace(0.0, time_s[-1], len(knots)), knots)
    return held


def _drums(rng: np.random.Generator, n_samples: int) -> Samples:
    """Return a beat: kick, snare and hat."""
    out = np.zeros(n_samples)
    beat_s = rng.uniform(0.2, 0.45)
    time_s = np.arange(int(0.3 * SAMPLE_RATE)) / SAMPLE_RATE
    kick = np.sin(2.0 * np.pi * rng.uniform(45.0, 90.0) * time_s * (1.0 + np.exp(-30.0 * time_s)))
    kick *= np.exp(-time_s / rng.uniform(0.04, 0.12))
    hiss = rng.standard_normal(len(time_s))
    snare = hiss * np.exp(-time_s / rng.uniform(0.03, 0.1))
    hat = np.diff(hiss, prepend=0.0) * np.exp(-time_s / rng.uniform(0.01, 0.04))
    loudness = 10.0 ** rng.uniform(-1.0, 0.0, 3)
    half_beats = int(n_samples / (0.5 * beat_s * SAMPLE_RATE)) + 1
    for at in range(half_beats):
        start = int(at * 0.5 * beat_s * SAMPLE_RATE)
        for sound, often, share in zip((kick, snare, hat), (4, 4, 1), loudness, strict=True):
            is_due = at % often == (2 if sound is snare else 0)
            if is_due != (rng.random() < 0.1):
                _add(out, sound * share * 10.0 ** rng.uniform(-0.3, 0.0), start)
    return out


def _taps(rng: np.random.Generator, n_samples: int) -> Samples:
    """Return knocks and rubs in bursts: of a hand on a table, of cloth on a microphone."""
    out = np.zeros(n_samples)
    start = 0
    while start < n_samples:
        is_rub = rng.random() < 0.4
        length_s = rng.uniform(0.08, 0.6) if is_rub else rng.uniform(0.02, 0.15)
        time_s = np.arange(int(length_s * SAMPLE_RATE)) / SAMPLE_RATE
        hit = (
            np.cumsum(rng.standard_normal(len(time_s)))
            if rng.random() < 0.5
            else (rng.standard_normal(len(time_s)))
        )
        hit = hit - np.mean(hit)
        ring = np.sin(2.0 * np.pi * 10.0 ** rng.uniform(1.8, 3.5) * time_s)
        hit = hit / (np.std(hit) + 1e-9) + rng.uniform(0.0, 3.0) * ring
        if is_rub:
            hit *= np.sin(np.pi * time_s / length_s) ** rng.uniform(0.3, 2.0)
        else:
            hit *= np.exp(-time_s / rng.uniform(0.003, 0.04))
        _add(out, hit * 10.0 ** rng.uniform(-1.0, 0.0), start)
        start += int(rng.uniform(0.05, 0.7) * SAMPLE_RATE)
    return out


def _add(out: Samples, sound: Samples, start: int) -> None:
    piece = sound[: max(0, len(out) - start)]
    out[start : start + len(piece)] += piece
