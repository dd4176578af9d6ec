"""Voices made by formula: a buzz through three resonances, in syllables."""

from __future__ import annotations

import numpy as np

VOWELS = ((1.0, 1.0), (0.6, 1.5), (1.3, 0.8), (0.8, 1.2))
LOW, HIGH, MIDDLE = (105.0, 1.0), (215.0, 1.25), (150.0, 0.85)


def voice(kind, duration_s, *, rate=16000, seed=0):
    """Return a voice, ``(samples,)``: `kind` is its pitch in Hz and its formants' scale."""
    pitch_hz, scale = kind
    rng = np.random.default_rng(seed)
    n_samples = round(duration_s * rate)
    time_s = np.arange(n_samples) / rate
    knots_s = np.arange(0.0, duration_s + 0.4, 0.4)
    wander = np.interp(time_s, knots_s, rng.normal(0, 0.05, len(knots_s)))
    f0_hz = pitch_hz * (1.0 + wander)
    phase = 2 * np.pi * np.cumsum(f0_hz) / rate
    out = np.zeros(n_samples)
    vowel = rng.integers(len(VOWELS), size=int(duration_s * 5) + 2)
    at = np.minimum((time_s * 5).astype(int), len(vowel) - 1)
    first, second = (500.0 * scale * np.array(VOWELS)[vowel[at]][:, 0],
                     1500.0 * scale * np.array(VOWELS)[vowel[at]][:, 1])  # fmt: skip
    for harmonic in range(1, int(3800 / pitch_hz)):
        hz = harmonic * f0_hz
        gain = sum(w / (1 + ((hz - f) / 90.0) ** 2)
                   for w, f in ((1, first), (0.5, second), (0.2, 2600.0 * scale)))  # fmt: skip
        out += gain * np.sin(harmonic * phase) * (hz < 0.45 * rate)
    syllables = np.clip(1.2 * np.sin(np.pi * 5 * time_s) ** 2, 0.05, 1)
    out *= syllables
    return 0.1 * out / np.sqrt(np.mean(out**2)) + 1e-4 * rng.standard_normal(n_samples)


def conversation(kinds, turn_s, *, rate=16000):
    """Return turns of voices with pauses of 0.2 s, ``(samples, 1)``, and when they are."""
    pieces, turns, at_s = [], [], 0.0
    pause = np.random.default_rng(9).standard_normal(round(0.2 * rate)) * 1e-4
    for number, kind in enumerate(kinds):
        pieces += [voice(kind, turn_s, rate=rate, seed=number), pause]
        turns.append((at_s, at_s + turn_s, f"{kind[0]:.0f}"))
        at_s += turn_s + 0.2
    return np.ascontiguousarray(np.concatenate(pieces)[:, np.newaxis], np.float32), turns
