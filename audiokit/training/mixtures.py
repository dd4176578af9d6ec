"""Speech and the same speech in noise, in a room, through a channel: what is trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiokit.training.corpus import SAMPLE_RATE, Corpus, Samples, pick
from audiokit.training.noises import any_noise, coming_and_going, fill, rms
from audiokit.training.recorded import as_recorded, band_limited, coded, other_speed

__all__ = ["Mixture", "companded", "make_mixture", "snr_db", "through_channel"]


@dataclass(frozen=True, slots=True)
class Mixture:
    """One example.

    Args:
        noisy: What the network hears.
        clean: What it should give: the speech in its room, without the noise.
    """

    noisy: Samples
    clean: Samples


def make_mixture(
    rng: np.random.Generator,
    corpus: Corpus,
    n_samples: int,
    *,
    marks: float = 1.0,
    swells: float = 0.0,
) -> Mixture:
    """Return an example: talker, pauses, room, noise, level, band and codec at random.

    Args:
        rng: Decides everything.
        corpus: Where speech and noise come from.
        n_samples: Length.
        marks: How often rooms, bands and codecs leave their marks (see `as_recorded`), above 0.
        swells: How often noise comes and goes (see `coming_and_going`).
    """
    talk = _talk(rng, _voices(rng, corpus), n_samples)
    clean = as_recorded(rng, talk, colour_db=5.0, often=marks)
    noise = any_noise(rng, corpus, n_samples)
    noise = as_recorded(rng, noise, colour_db=6.0, often=marks)
    if swells and rng.random() < swells:
        noise = noise * coming_and_going(rng, n_samples)
    loudness = _active_rms(clean) / rms(noise) * 10.0 ** (-snr_db(rng) / 20.0)
    noise = noise * np.float32(loudness)
    kind = rng.random()
    if kind < 0.03:
        clean = np.zeros_like(clean)
    elif kind < 0.05:
        noise = np.zeros_like(noise)
    noisy = clean + noise
    if rng.random() < 0.15 * marks:
        bandwidth_hz = float(rng.choice((4000.0, rng.uniform(3000.0, 7500.0))))
        noisy, clean = (band_limited(signal, bandwidth_hz) for signal in (noisy, clean))
    level = 10.0 ** (rng.uniform(-45.0, -8.0) / 20.0) / max(rms(noisy), 1e-6)
    noisy, clean = noisy * np.float32(level), clean * np.float32(level)
    return Mixture(through_channel(rng, noisy, often=marks), clean)


def _voices(rng: np.random.Generator, corpus: Corpus) -> tuple[Samples, ...]:
    """Return readers or callers: either say little of what the other's microphones hear."""
    if rng.random() < 0.6:
        return corpus.speech if rng.random() < 0.5 else corpus.gated_speech
    return corpus.keywords if rng.random() < 0.5 else corpus.gated_keywords


def snr_db(rng: np.random.Generator) -> float:
    """Return mostly what is hard, sometimes what is nearly clean and must stay."""
    if rng.random() < 0.15:
        return float(rng.uniform(20.0, 45.0))
    return float(rng.uniform(-5.0, 20.0))


def _talk(rng: np.random.Generator, voices: tuple[Samples, ...], n_samples: int) -> Samples:
    """Return somebody talking, with pauses, at some pitch and speed."""
    speech = other_speed(rng, pick(rng, voices))
    if rng.random() < 0.2:
        # Nobody talks without pause; what follows may be somebody else.
        pause = np.zeros(int(rng.uniform(0.2, 1.5) * SAMPLE_RATE), np.float32)
        other = other_speed(rng, pick(rng, voices))
        cut = rng.integers(len(speech) // 4, len(speech))
        speech = np.concatenate([speech[:cut], pause, other])
    return fill(rng, speech, n_samples)


def through_channel(rng: np.random.Generator, signal: Samples, *, often: float) -> Samples:
    """Return a signal as a converter or a codec may leave it."""
    kind = rng.random() / often
    if kind < 0.05:
        peak = float(np.abs(signal).max())
        limit = np.float32(peak * rng.uniform(0.3, 0.9))
        return np.clip(signal, -limit, limit)
    if kind < 0.10:
        return companded(signal)
    if kind < 0.14:
        return coded(rng, signal)
    sampled: Samples = np.round(signal * np.float32(32768.0)) / np.float32(32768.0)
    return sampled


def companded(signal: Samples) -> Samples:
    """Return a signal through the curve of 8-bit µ-law (ITU-T G.711), not its tables."""
    scale = max(1.0, float(np.abs(signal).max()))
    curve = np.sign(signal) * np.log1p(255.0 * np.abs(signal) / scale) / np.log(256.0)
    steps = np.round(curve * 127.0) / 127.0
    expanded: Samples = np.sign(steps) * np.expm1(np.abs(steps) * np.log(256.0)) / 255.0 * scale
    return expanded.astype(np.float32)


def _active_rms(signal: Samples) -> float:
    """Return the level while somebody talks."""
    frames = signal[: len(signal) // 320 * 320].reshape(-1, 320)
    power = np.mean(np.square(frames), axis=1)
    active = power[power > power.max() * 1e-4]
    return float(np.sqrt(active.mean() + 1e-12)) if len(active) else 1e-6
