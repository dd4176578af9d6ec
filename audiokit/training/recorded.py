"""How sounds come to be recorded: the same for speech and for noise.

A network finds whatever tells the two apart. If only speech went through a resampler, or had
been kept as MP3, or ended below 8 kHz, it would know speech by that, and take whatever bears no
such mark for noise, however it sounds.
"""

from __future__ import annotations

import io
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from audiokit.training.corpus import SAMPLE_RATE, Samples

__all__ = [
    "FASTEST",
    "as_recorded",
    "band_limited",
    "coded",
    "other_speed",
    "with_new_high_band",
]

FASTEST = 2.0**0.25
"""Up to so much faster, or slower, than it was."""

Powers: TypeAlias = NDArray[np.float64]

_WINDOW, _HOP = 512, 256
_CODECS = (("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"))


def as_recorded(
    rng: np.random.Generator, sound: Samples, *, colour_db: float, often: float
) -> Samples:
    """Return a sound as another microphone, room, band and codec would have left it.

    Args:
        rng: Decides everything.
        sound: ``(samples,)``.
        colour_db: How far the microphone's response strays, as a standard deviation.
        often: How often anything but the response is changed: 1 as often as is best to learn
            what marks mean, less to learn what is met more often.
    """
    if rng.random() < 0.2 * often:
        sound = with_new_high_band(rng, sound, from_hz=(1000.0, 5000.0))
    if rng.random() < 0.7:
        sound = _coloured(rng, sound, colour_db)
    if rng.random() < 0.3 * often:
        sound = _in_room(rng, sound)
    kind = rng.random() / often
    if kind < 0.1:
        sound = band_limited(sound, rng.uniform(3000.0, 7800.0))
    elif kind < 0.25:
        sound = coded(rng, sound)
    return sound


def other_speed(rng: np.random.Generator, sound: Samples) -> Samples:
    """Return a sound at up to `FASTEST` times more or less of its pitch and speed."""
    import soxr

    speed = FASTEST ** rng.uniform(-1.0, 1.0)
    changed: Samples = soxr.resample(sound, round(SAMPLE_RATE * speed), SAMPLE_RATE)
    return changed


def with_new_high_band(
    rng: np.random.Generator, sound: Samples, *, from_hz: tuple[float, float]
) -> Samples:
    """Return a sound whose band above one of these frequencies is noise with its envelope.

    So hisses stay what they are without the marks of coding, holes between what is strong;
    the harmonics go, which are weak above 1 kHz. Without those below, a voice is hoarse. The
    band falls by 3 dB, as frames that overlap no longer agree.
    """
    lead = np.zeros(_WINDOW - _HOP, np.float32)
    padded = np.concatenate([lead, sound, np.zeros(_WINDOW, np.float32)])
    window = np.sin(np.arange(_WINDOW) * (np.pi / _WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP] * window
    spectra = np.fft.rfft(frames, axis=1)
    power = np.square(spectra.real) + np.square(spectra.imag)
    around = _smoothed(_smoothed(power, 33).T, 3).T
    envelope = np.maximum(_smoothed(power, 9), 0.1 * around)
    first = int(rng.uniform(*from_hz) / SAMPLE_RATE * _WINDOW)
    noise = rng.standard_normal((2, *spectra[:, first:].shape)) * np.sqrt(0.5)
    spectra[:, first:] = np.sqrt(envelope[:, first:]) * (noise[0] + 1j * noise[1])
    made = np.fft.irfft(spectra, _WINDOW, axis=1) * window
    halves = (made[:-1, _HOP:] + made[1:, :_HOP]).reshape(-1)
    new: Samples = halves[: len(sound)].astype(np.float32)
    return new


def _smoothed(power: Powers, width: int) -> Powers:
    """Return running means along the second axis."""
    half = width // 2
    sums = np.cumsum(np.pad(power, ((0, 0), (half + 1, half)), mode="edge"), axis=1)
    means: Powers = np.maximum(sums[:, width:] - sums[:, :-width], 0.0) / width
    return means


def _coloured(rng: np.random.Generator, sound: Samples, colour_db: float) -> Samples:
    """Return a sound through a random smooth equalizer: another microphone."""
    spectrum = np.fft.rfft(sound)
    knots = np.linspace(0.0, len(spectrum) - 1.0, 6)
    gain_db = np.interp(np.arange(len(spectrum)), knots, rng.normal(0.0, colour_db, 6))
    coloured: Samples = np.fft.irfft(spectrum * 10.0 ** (gain_db / 20.0), len(sound))
    return coloured.astype(np.float32)


def _in_room(rng: np.random.Generator, sound: Samples) -> Samples:
    """Return a sound with decaying noise as the echo of a room behind it."""
    rt60_s = rng.uniform(0.1, 0.7)
    n_taps = int(rt60_s * SAMPLE_RATE)
    decay = 10.0 ** (-3.0 * np.arange(n_taps) / n_taps)
    taps = rng.standard_normal(n_taps) * decay
    taps[: int(rng.uniform(0.001, 0.01) * SAMPLE_RATE)] = 0.0
    direct_db = rng.uniform(0.0, 12.0)
    taps *= 10.0 ** (-direct_db / 20.0) / np.sqrt(np.sum(np.square(taps)) + 1e-9)
    taps[0] = 1.0
    size = 1 << (len(sound) + n_taps - 1).bit_length()
    wet = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(taps, size), size)
    return wet[: len(sound)].astype(np.float32)


def band_limited(sound: Samples, bandwidth_hz: float) -> Samples:
    """Return a sound without what lies above a frequency."""
    spectrum = np.fft.rfft(sound)
    spectrum[int(bandwidth_hz / SAMPLE_RATE * len(sound)) :] = 0.0
    limited: Samples = np.fft.irfft(spectrum, len(sound)).astype(np.float32)
    return limited


def coded(rng: np.random.Generator, sound: Samples) -> Samples:
    """Return a sound as a codec leaves it at some bit rate, perhaps a little late."""
    import soundfile

    container, codec = _CODECS[rng.integers(len(_CODECS))]
    stream = io.BytesIO()
    scale = max(1e-6, 1.1 * float(np.abs(sound).max()))
    soundfile.write(
        stream, sound / scale, SAMPLE_RATE, format=container, subtype=codec,
        compression_level=rng.uniform(0.3, 0.95),
    )  # fmt: skip
    stream.seek(0)
    decoded, _ = soundfile.read(stream, dtype="float32")
    out = np.zeros_like(sound)
    n_samples = min(len(out), len(decoded))
    out[:n_samples] = decoded[:n_samples] * scale
    return out
