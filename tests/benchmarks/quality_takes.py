"""Speech for the benchmark of scores: with noise at known ratios, and what was done to it.

Talkers, noises and rooms are those of the shared recordings; nothing of them is in the training
data. Ratios are those of `mixes`.
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass

import mixes
import numpy as np
from cost import recordings

from audiokit.denoise.denoiser import Denoiser, DenoiseSettings
from audiokit.denoise.noisereduce_engine import NoisereduceEngine
from audiokit.denoise.spectral_engine import SpectralEngine
from audiokit.stage import StreamFormat
from audiokit.testing import render

FMT = StreamFormat(mixes.RATE)
SNRS_DB = (-5.0, 0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0)
SPOILT_SNRS_DB = (5.0, 15.0, 25.0, None)
ROOMS = ("impulse_response_0.wav", "rir48000.flac", "rir_clap.flac", "brir_clap.flac")
PACKET = mixes.RATE // 50


@dataclass(frozen=True)
class Spoilt:
    """A take, what was done to it, and the sentence before.

    Args:
        name: Says what it is made of.
        kind: ``noisy`` where nothing was done but to add noise, or what was.
        snr_db: None where there is no noise.
        clean: ``(samples,)``, 16 kHz.
        heard: ``(samples,)``.
    """

    name: str
    kind: str
    snr_db: float | None
    clean: np.ndarray
    heard: np.ndarray


def plans(*, quick):
    """Return clips with kinds of noise, and the noises' files."""
    sets = (
        (mixes.pairings(mixes.MAIN_CLIPS, mixes.MAIN_NOISES, 40), mixes.MAIN_NOISES),
        (mixes.pairings(mixes.HARD_CLIPS, mixes.HARD_NOISES, 24), mixes.HARD_NOISES),
    )
    found = [(clip, kind, noises) for plan, noises in sets for clip, kind in plan]
    return found[::5] if quick else found


def noisy(*, quick=False):
    """Yield mixes at all ratios."""
    for (file, start_s), kind, noises in plans(quick=quick):
        speech = mixes.clip(file, start_s)
        name = f"{file.split('.')[0]}@{start_s}+{kind}"
        noise = mixes.stretch(kind, noises, len(speech), name)
        for snr_db in SNRS_DB:
            mix = mixes.mix(speech, noise, name, kind, snr_db)
            yield Spoilt(mix.name, "noisy", snr_db, mix.clean, mix.noisy)


def spoilt(*, quick=False):
    """Yield takes with and without noise, each treated in one of these ways."""
    for number, ((file, start_s), kind, noises) in enumerate(plans(quick=quick)):
        speech = mixes.clip(file, start_s)
        name = f"{file.split('.')[0]}@{start_s}+{kind}"
        noise = mixes.stretch(kind, noises, len(speech), name)
        for at, (treatment, treat) in enumerate(TREATMENTS.items()):
            if (at + number) % 2:
                continue
            snr_db = SPOILT_SNRS_DB[(number // 2 + at // 2) % len(SPOILT_SNRS_DB)]
            clean, before = speech, speech
            if snr_db is not None:
                mix = mixes.mix(speech, noise, name, kind, snr_db)
                clean, before = mix.clean, mix.noisy
            rng = np.random.default_rng(zlib.crc32(f"{name}{treatment}".encode()))
            heard = treat(rng, before)[: len(clean)].astype(np.float32)
            heard = np.pad(heard, (0, len(clean) - len(heard)))
            yield Spoilt(f"{name}@{snr_db}", treatment, snr_db, clean, heard)


def by_stage(build):
    """Return a treatment by a stage."""
    return lambda _rng, samples: render(
        build(FMT), [np.ascontiguousarray(samples[:, np.newaxis], np.float32)]
    )[:, 0]


def coded(container, codec, compression):
    """Return a treatment by a codec of libsndfile."""

    def treat(_rng, samples):
        import soundfile

        stream = io.BytesIO()
        soundfile.write(
            stream, samples, mixes.RATE, format=container, subtype=codec,
            compression_level=compression,
        )  # fmt: skip
        stream.seek(0)
        return soundfile.read(stream, dtype="float32")[0]

    return treat


def telephone(_rng, samples):
    """Return what G.711 leaves, at 8 kHz and back."""
    import soundfile
    import soxr

    stream = io.BytesIO()
    narrow = soxr.resample(samples, mixes.RATE, 8000)
    soundfile.write(stream, narrow, 8000, format="WAV", subtype="ULAW")
    stream.seek(0)
    return soxr.resample(soundfile.read(stream, dtype="float32")[0], 8000, mixes.RATE)


def clipped(rng, samples):
    """Return what is left of too high an input gain: 0.1 to 10 % of samples at the limit."""
    limit = np.quantile(np.abs(samples), 1.0 - 10.0 ** rng.uniform(-3.0, -1.0))
    return np.clip(samples, -limit, limit)


def reverberant(rng, samples):
    """Return the take in one of the rooms."""
    room = mixes.read(recordings() / "rir" / ROOMS[rng.integers(len(ROOMS))])
    room = room[int(np.argmax(np.abs(room))) :]
    size = 1 << (len(samples) + len(room)).bit_length()
    wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(room, size), size)
    return wet[: len(samples)] * (0.5 / np.abs(wet).max())


def lossy(rng, samples):
    """Return the take with 1 to 15 % of its packets of 20 ms empty, in bursts."""
    heard, share, lost = samples.copy(), 10.0 ** rng.uniform(-2.0, -0.8), False
    for first in range(PACKET, len(heard) - PACKET, PACKET):
        lost = rng.random() < (0.5 if lost else share / 2.0)
        if lost:
            heard[first : first + PACKET] = 0.0
    return heard


TREATMENTS = {
    "denoised by network": by_stage(Denoiser),
    "denoised by classic": by_stage(lambda fmt: Denoiser(fmt, DenoiseSettings(engine="classic"))),
    "denoised by spectral": by_stage(SpectralEngine),
    "denoised by noisereduce": by_stage(NoisereduceEngine),
    "mp3": coded("MP3", "MPEG_LAYER_III", 0.9),
    "opus": coded("OGG", "OPUS", 0.95),
    "telephone": telephone,
    "clipped": clipped,
    "reverberant": reverberant,
    "lossy": lossy,
}
"""What is done to takes, by its name."""
