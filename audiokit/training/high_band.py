"""The marks that lossy coding leaves in the high band of a corpus, covered up.

Much open speech was kept as MP3, which leaves holes between the strong parts of the high band.
A network finds that out: it takes a high band with holes for speech and any other for noise,
which is wrong wherever else it listens.
"""

from __future__ import annotations

import io

import numpy as np

from audiokit.training.corpus import SAMPLE_RATE, Samples

__all__ = ["as_mp3", "with_new_high_band"]

_WINDOW, _HOP = 512, 256
_SMOOTH_BINS = 9


def with_new_high_band(rng: np.random.Generator, speech: Samples) -> Samples:
    """Return speech whose band above 1.5 to 5 kHz is noise with the envelope it had.

    So sibilants stay what they are and there are no holes, as in a recording that was never
    coded; the harmonics of a voice go, which are weak there.
    """
    lead = np.zeros(_WINDOW - _HOP, np.float32)
    padded = np.concatenate([lead, speech, np.zeros(_WINDOW, np.float32)])
    window = np.sin(np.arange(_WINDOW) * (np.pi / _WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP] * window
    spectra = np.fft.rfft(frames, axis=1)
    first = int(rng.uniform(1500.0, 5000.0) / SAMPLE_RATE * _WINDOW)
    high = spectra[:, first - _SMOOTH_BINS // 2 :]
    power = np.square(high.real) + np.square(high.imag)
    sums = np.cumsum(np.pad(power, ((0, 0), (1, _SMOOTH_BINS - 1)), mode="edge"), axis=1)
    envelope = (sums[:, _SMOOTH_BINS:] - sums[:, :-_SMOOTH_BINS]) / _SMOOTH_BINS
    n_high = spectra.shape[1] - first
    noise = rng.standard_normal((2, len(spectra), n_high)) * np.sqrt(0.5)
    spectra[:, first:] = np.sqrt(np.maximum(envelope[:, :n_high], 0.0)) * (
        noise[0] + 1j * noise[1]
    )
    made = np.fft.irfft(spectra, _WINDOW, axis=1) * window
    halves = np.concatenate([made[:-1, _HOP:] + made[1:, :_HOP]]).reshape(-1)
    new: Samples = halves[: len(speech)].astype(np.float32)
    return new


def as_mp3(rng: np.random.Generator, noise: Samples) -> Samples:
    """Return noise as MP3 leaves it, at some bit rate, a little late."""
    import soundfile

    stream = io.BytesIO()
    scale = max(1.0, float(np.abs(noise).max()))
    soundfile.write(
        stream, noise / scale, SAMPLE_RATE, format="MP3", subtype="MPEG_LAYER_III",
        compression_level=rng.uniform(0.3, 0.95),
    )  # fmt: skip
    stream.seek(0)
    decoded, _ = soundfile.read(stream, dtype="float32")
    out = np.zeros_like(noise)
    n_samples = min(len(out), len(decoded))
    out[:n_samples] = decoded[:n_samples] * scale
    return out
