"""Speech in a room, and the same without: what the dereverberating network is trained on."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from audiokit.training.corpus import SAMPLE_RATE, Corpus, Samples
from audiokit.training.mixtures import Mixture, active_rms, at_level, talk, tilt
from audiokit.training.noises import any_noise

__all__ = ["make_reverberant", "room_response"]

# Sound of high pitch dies away sooner; by how much differs from room to room.
_BANDS_HZ = (0.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8001.0)


def make_reverberant(rng: np.random.Generator, corpus: Corpus, n_samples: int) -> Mixture:
    """Return an example: speech in a room, sometimes in none, with a little noise.

    The clean side is the direct sound with the same noise: taking noise away is the work of
    another stage.

    Args:
        rng: Decides everything.
        corpus: Where speech and noise come from.
        n_samples: Length.
    """
    dry = tilt(rng, talk(rng, corpus, n_samples), 4.0)
    wet = dry
    if rng.random() < 0.85:
        response = room_response(rng)
        size = 1 << (n_samples + len(response) - 1).bit_length()
        both = np.fft.rfft(dry, size) * np.fft.rfft(response, size)
        wet = np.fft.irfft(both, size)[:n_samples].astype(np.float32)
    if rng.random() < 0.6:
        noise = any_noise(rng, corpus, n_samples)
        snr_db = rng.uniform(15.0, 45.0)
        scale = active_rms(wet) / float(np.sqrt(np.mean(np.square(noise)) + 1e-12))
        noise = noise * np.float32(scale * 10.0 ** (-snr_db / 20.0))
        wet, dry = wet + noise, dry + noise
    return at_level(rng, Mixture(wet, dry, SAMPLE_RATE / 2.0))


def room_response(rng: np.random.Generator) -> Samples:
    """Return the impulse response of a room, the direct sound first and of height 1.

    A few early reflections, then noise that dies away by 60 dB in 0.15 to 1.8 s, sooner at
    high frequencies; the direct sound lies 6 dB below to 12 dB above all of it.
    """
    rt60_s = float(np.exp(rng.uniform(np.log(0.15), np.log(1.8))))
    n_taps = int(min(1.2 * rt60_s, 1.5) * SAMPLE_RATE)
    time_s = np.arange(n_taps) / SAMPLE_RATE
    slope = rng.uniform(0.4, 1.0)
    spectrum = np.fft.rfft(rng.standard_normal(n_taps), 2 * n_taps)
    frequency_hz = np.fft.rfftfreq(2 * n_taps, 1.0 / SAMPLE_RATE)
    tail = np.zeros(n_taps)
    for index, (low_hz, high_hz) in enumerate(pairwise(_BANDS_HZ)):
        share = 1.0 - (1.0 - slope) * index / (len(_BANDS_HZ) - 2)
        band = spectrum * ((frequency_hz >= low_hz) & (frequency_hz < high_hz))
        band *= 10.0 ** (rng.normal(0.0, 3.0) / 20.0)
        tail += np.fft.irfft(band, 2 * n_taps)[:n_taps] * 10.0 ** (-3.0 * time_s / rt60_s / share)
    begin = int(rng.uniform(0.002, 0.02) * SAMPLE_RATE)
    response = np.concatenate([np.zeros(begin), tail])
    energy = np.sqrt(np.sum(np.square(tail)))
    n_reflections = rng.integers(3, 20)
    places = rng.integers(SAMPLE_RATE // 1000, SAMPLE_RATE // 20, n_reflections)
    places = places[places < len(response)]
    response[places] += rng.normal(0.0, 0.25, len(places)) * energy
    direct_db = rng.uniform(-6.0, 12.0)
    response *= 10.0 ** (-direct_db / 20.0) / np.sqrt(np.sum(np.square(response)))
    response[0] = 1.0
    room: Samples = response
    return room
