"""Speech and the same speech in noise, in a room, through a channel: what is trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiokit.training.corpus import SAMPLE_RATE, Corpus, Samples, pick
from audiokit.training.high_band import as_mp3, with_new_high_band
from audiokit.training.noises import any_noise, fill, rms

__all__ = ["Mixture", "make_mixture"]


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
    rng: np.random.Generator, corpus: Corpus, n_samples: int, *, cover_up: float = 0.0
) -> Mixture:
    """Return an example: talker, pauses, room, noise, level, band and codec at random.

    Args:
        rng: Decides everything.
        corpus: Where speech and noise come from.
        n_samples: Length.
        cover_up: Share of examples without the corpus' own marks: its noise and its holes in
            the high band; half as much noise is made to look like coded speech.
    """
    voice = corpus.speech if rng.random() < 0.85 else corpus.keywords
    if cover_up and rng.random() < cover_up:
        voice = corpus.gated if rng.random() < 0.7 else corpus.keywords
    clean = _talk(rng, voice, n_samples)
    if cover_up and rng.random() < 0.5 * cover_up:
        clean = with_new_high_band(rng, clean)
    clean = _tilt(rng, clean, 6.0 if cover_up else 4.0)
    if rng.random() < 0.35:
        clean = _in_room(rng, clean)
    noise = any_noise(rng, corpus, n_samples)
    if cover_up and rng.random() < cover_up / 2.0:
        noise = as_mp3(rng, noise / np.float32(rms(noise) * 10.0))
    noise = _tilt(rng, noise, 6.0)
    if rng.random() < 0.2:
        noise = _in_room(rng, noise)
    snr_db = _snr_db(rng)
    noise = noise * np.float32(_active_rms(clean) / rms(noise) * 10.0 ** (-snr_db / 20.0))
    kind = rng.random()
    if kind < 0.03:
        clean = np.zeros_like(clean)
    elif kind < 0.05:
        noise = np.zeros_like(noise)
    noisy = clean + noise
    if rng.random() < 0.15:
        bandwidth_hz = float(rng.choice((4000.0, rng.uniform(3000.0, 7500.0))))
        noisy, clean = (_band_limited(signal, bandwidth_hz) for signal in (noisy, clean))
    level = 10.0 ** (rng.uniform(-45.0, -8.0) / 20.0) / max(rms(noisy), 1e-6)
    noisy, clean = noisy * np.float32(level), clean * np.float32(level)
    return Mixture(_through_channel(rng, noisy), clean)


def _snr_db(rng: np.random.Generator) -> float:
    """Return mostly what is hard, sometimes what is nearly clean and must stay."""
    if rng.random() < 0.15:
        return float(rng.uniform(20.0, 45.0))
    return float(rng.uniform(-5.0, 20.0))


def _talk(rng: np.random.Generator, voice: tuple[Samples, ...], n_samples: int) -> Samples:
    """Return somebody talking, with pauses, at some pitch and speed."""
    speech = _other_speed(rng, pick(rng, voice))
    if rng.random() < 0.2:
        # Nobody talks without pause; what follows may be somebody else.
        pause = np.zeros(int(rng.uniform(0.2, 1.5) * SAMPLE_RATE), np.float32)
        other = _other_speed(rng, pick(rng, voice))
        cut = rng.integers(len(speech) // 4, len(speech))
        speech = np.concatenate([speech[:cut], pause, other])
    return fill(rng, speech, n_samples)


def _other_speed(rng: np.random.Generator, recording: Samples) -> Samples:
    """Return a recording at up to an eighth more or less of its pitch and speed."""
    speed = 2.0 ** rng.uniform(-0.17, 0.17)
    at = np.arange(0.0, len(recording) - 1.0, speed)
    changed: Samples = np.interp(at, np.arange(len(recording)), recording).astype(np.float32)
    return changed


def _tilt(rng: np.random.Generator, signal: Samples, spread_db: float) -> Samples:
    """Return a signal through a random smooth equalizer: another microphone."""
    if rng.random() < 0.3:
        return signal
    spectrum = np.fft.rfft(signal)
    knots = np.linspace(0.0, len(spectrum) - 1.0, 6)
    gain_db = np.interp(np.arange(len(spectrum)), knots, rng.normal(0.0, spread_db, 6))
    tilted: Samples = np.fft.irfft(spectrum * 10.0 ** (gain_db / 20.0), len(signal))
    return tilted.astype(np.float32)


def _in_room(rng: np.random.Generator, signal: Samples) -> Samples:
    """Return a signal with decaying noise as the echo of a room behind it."""
    rt60_s = rng.uniform(0.1, 0.7)
    n_taps = int(rt60_s * SAMPLE_RATE)
    decay = 10.0 ** (-3.0 * np.arange(n_taps) / n_taps)
    taps = rng.standard_normal(n_taps) * decay
    taps[: int(rng.uniform(0.001, 0.01) * SAMPLE_RATE)] = 0.0
    direct_db = rng.uniform(0.0, 12.0)
    taps *= 10.0 ** (-direct_db / 20.0) / np.sqrt(np.sum(np.square(taps)) + 1e-9)
    taps[0] = 1.0
    size = 1 << (len(signal) + n_taps - 1).bit_length()
    wet = np.fft.irfft(np.fft.rfft(signal, size) * np.fft.rfft(taps, size), size)
    return wet[: len(signal)].astype(np.float32)


def _band_limited(signal: Samples, bandwidth_hz: float) -> Samples:
    spectrum = np.fft.rfft(signal)
    spectrum[int(bandwidth_hz / SAMPLE_RATE * len(signal)) :] = 0.0
    limited: Samples = np.fft.irfft(spectrum, len(signal)).astype(np.float32)
    return limited


def _through_channel(rng: np.random.Generator, signal: Samples) -> Samples:
    """Return a signal as a converter or a codec may leave it."""
    kind = rng.random()
    if kind < 0.05:
        peak = float(np.abs(signal).max())
        limit = np.float32(peak * rng.uniform(0.3, 0.9))
        return np.clip(signal, -limit, limit)
    if kind < 0.10:
        return _companded(signal)
    if kind < 0.14:
        return _coded(signal, "OPUS" if rng.random() < 0.5 else "VORBIS", rng.uniform(0.4, 1.0))
    sampled: Samples = np.round(signal * np.float32(32768.0)) / np.float32(32768.0)
    return sampled


def _companded(signal: Samples) -> Samples:
    """Return a signal through the curve of 8-bit µ-law (ITU-T G.711), not its tables."""
    scale = max(1.0, float(np.abs(signal).max()))
    curve = np.sign(signal) * np.log1p(255.0 * np.abs(signal) / scale) / np.log(256.0)
    steps = np.round(curve * 127.0) / 127.0
    expanded: Samples = np.sign(steps) * np.expm1(np.abs(steps) * np.log(256.0)) / 255.0 * scale
    return expanded.astype(np.float32)


def _coded(signal: Samples, codec: str, compression: float) -> Samples:
    import io

    import soundfile

    stream = io.BytesIO()
    scale = max(1.0, float(np.abs(signal).max()))
    soundfile.write(
        stream, signal / scale, SAMPLE_RATE, format="OGG", subtype=codec,
        compression_level=compression,
    )  # fmt: skip
    stream.seek(0)
    decoded, _ = soundfile.read(stream, dtype="float32")
    out = np.zeros_like(signal)
    n_samples = min(len(out), len(decoded))
    out[:n_samples] = decoded[:n_samples] * scale
    return out


def _active_rms(signal: Samples) -> float:
    """Return the level while somebody talks."""
    frames = signal[: len(signal) // 320 * 320].reshape(-1, 320)
    power = np.mean(np.square(frames), axis=1)
    active = power[power > power.max() * 1e-4]
    return float(np.sqrt(active.mean() + 1e-12)) if len(active) else 1e-6
