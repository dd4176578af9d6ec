"""Takes: a sentence as somebody might have recorded, sent or cleaned it, and what it was before.

Each fault is drawn by itself and its extent kept, so that a network can be told what it hears.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from audiokit.denoise.denoiser import Denoiser, DenoiseSettings
from audiokit.denoise.noisereduce_engine import NoisereduceEngine, NoisereduceSettings
from audiokit.denoise.rnnoise_engine import RnnoiseEngine, RnnoiseSettings
from audiokit.denoise.spectral_engine import SpectralEngine, SpectralSettings
from audiokit.denoise.webrtc_engine import WebrtcEngine
from audiokit.loudness.active_level import ActiveLevelMeter
from audiokit.stage import Processor, StreamFormat, run_blocks
from audiokit.training.corpus import SAMPLE_RATE, Corpus, Samples, pick
from audiokit.training.mixtures import companded
from audiokit.training.noises import (
    any_noise,
    babble,
    coming_and_going,
    fill,
    rms,
    voiceless_noise,
)
from audiokit.training.recorded import as_recorded, band_limited, coded, other_speed
from audiokit.training.scenes import FRAME_SAMPLES, speech_frames
from audiokit.training.voiceless import made_voiceless

__all__ = [
    "Take",
    "make_noise_alone",
    "make_sentence_alone",
    "make_take",
    "own_floor_power",
]

_FMT = StreamFormat(SAMPLE_RATE)
_IN_STUDIO, _IN_STUDIO_IN_LITTLE_NOISE = 0.6, 0.9
_LITTLE_NOISE_DB = 18.0
# Of a sentence's own floor below the noise that is added: above, nobody knows the ratio.
_FLOOR_BELOW_NOISE_DB = 9.0
# What held so little noise before sounds much the same after a denoiser.
_LEAST_TREATED_DB = 20.0
# A denoiser that changed less than this did nothing that could be told.
_UNTOUCHED_DB = 22.0
_PACKET_SAMPLES = SAMPLE_RATE // 50
_FLOOR_QUANTILE = 0.1
_FRAME_SAMPLES = SAMPLE_RATE // 50


@dataclass
class Take:
    """A take while it is made.

    Args:
        heard: What is recorded, ``(samples,)``.
        clean: The sentence before anything happened to it; zeros where nobody speaks.
        snr_db: Active speech over noise; NaN where nobody knows it: beside the floor that the
            sentence itself was recorded with, or denoised.
        faults: The extent of each of `FAULTS` that it has, 0 to 1; NaN where nobody can tell.
    """

    heard: Samples
    clean: Samples
    snr_db: float = math.nan
    faults: dict[str, float] = field(default_factory=dict)


def make_take(rng: np.random.Generator, corpus: Corpus, n_samples: int) -> Take:
    """Return a take: talker, noise, faults and level at random.

    Args:
        rng: Decides everything.
        corpus: Where speech and noise come from.
        n_samples: Length.
    """
    kind = rng.random()
    if kind < 0.15:
        take = _without_speech(rng, corpus, n_samples)
    else:
        take = _with_speech(rng, corpus, n_samples, kind=kind)
    gain = 10.0 ** (rng.uniform(-42.0, -14.0) / 20.0) / max(rms(take.heard), 1e-6)
    heard = take.heard * np.float32(min(gain, 0.98 / max(float(np.abs(take.heard).max()), 1e-6)))
    take.heard = _in_sixteen_bits(rng, heard) if rng.random() < 0.75 else heard
    return take


def _in_sixteen_bits(rng: np.random.Generator, heard: Samples) -> Samples:
    """Return it rounded, dithered or not."""
    dither = rng.random(len(heard)) - rng.random(len(heard)) if rng.random() < 0.4 else 0.0
    rounded: Samples = (np.round(heard * 32768.0 + dither) / 32768.0).astype(np.float32)
    return rounded


def own_floor_power(clean: Samples) -> float:
    """Return the power of the noise that a clean sentence was itself recorded with."""
    frames = clean[: len(clean) // _FRAME_SAMPLES * _FRAME_SAMPLES].reshape(-1, _FRAME_SAMPLES)
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    # A pause of zeros between two sentences is nobody's floor.
    power = power[power > 1e-14]
    return float(np.quantile(power, _FLOOR_QUANTILE)) if len(power) else 0.0


def make_sentence_alone(
    rng: np.random.Generator, corpus: Corpus, n_samples: int
) -> tuple[Samples, float, float]:
    """Return a sentence, sometimes in a room, its active level, and that of its own floor.

    Args:
        rng: Decides everything.
        corpus: Where it comes from.
        n_samples: Length.
    """
    clean = _sentence(rng, corpus, n_samples)
    take = Take(clean, clean)
    if rng.random() < 0.2:
        _add_room(rng, take)
    floor = own_floor_power(clean)
    return take.heard, 20.0 * math.log10(_active_rms(take.heard)), 10.0 * math.log10(floor + 1e-12)


def make_noise_alone(
    rng: np.random.Generator, corpus: Corpus, n_samples: int
) -> tuple[Samples, float]:
    """Return a noise and its mean level.

    Args:
        rng: Decides everything.
        corpus: Where it comes from.
        n_samples: Length.
    """
    noise = as_recorded(rng, any_noise(rng, corpus, n_samples), colour_db=4.0, often=0.2)
    if rng.random() < 0.2:
        noise = noise * coming_and_going(rng, n_samples)
    noise = (0.1 * noise / rms(noise)).astype(np.float32)
    return noise, 20.0 * math.log10(rms(noise))


def _without_speech(rng: np.random.Generator, corpus: Corpus, n_samples: int) -> Take:
    if rng.random() < 0.5:
        noise = made_voiceless(rng, n_samples)
    else:
        noise = voiceless_noise(rng, corpus, n_samples)
    if rng.random() < 0.3:
        noise = noise * coming_and_going(rng, n_samples)
    heard = as_recorded(rng, noise, colour_db=5.0, often=0.3).astype(np.float32)
    if rng.random() < 0.1:
        heard = _treated(rng, heard / np.float32(20.0 * rms(heard)))
    return Take(heard, np.zeros(n_samples, np.float32))


def _with_speech(rng: np.random.Generator, corpus: Corpus, n_samples: int, *, kind: float) -> Take:
    is_untouched, is_treated = kind < 0.53, kind > 0.80
    is_noisy = rng.random() < (0.88 if is_untouched or is_treated else 0.7)
    wanted_db = rng.uniform(-9.0, 28.0 if is_treated else 40.0) if is_noisy else math.inf
    is_quiet = wanted_db > _LITTLE_NOISE_DB
    studio = _IN_STUDIO_IN_LITTLE_NOISE if is_quiet else _IN_STUDIO
    clean = _sentence(rng, corpus, n_samples, studio=studio)
    take = Take(clean.copy(), clean)
    if not is_untouched and rng.random() < 0.35:
        _add_room(rng, take)
    if is_noisy:
        _add_noise(rng, corpus, take, wanted_db=wanted_db)
    if is_treated:
        _treat(rng, take, wanted_db=wanted_db)
    if not is_untouched:
        often = 0.12 if is_treated else 0.3
        for spoil in (_clip, _limit_band, _code, _lose):
            if rng.random() < often:
                spoil(rng, take)
    return take


def _sentence(
    rng: np.random.Generator, corpus: Corpus, n_samples: int, *, studio: float = _IN_STUDIO
) -> Samples:
    # Other talkers, on other microphones than those of readers.
    recordings = corpus.gated_keywords if rng.random() < 0.12 else corpus.speech
    speech = other_speed(rng, pick(rng, recordings))
    if rng.random() < 0.25:
        pause = np.zeros(int(rng.uniform(0.2, 1.5) * SAMPLE_RATE), np.float32)
        cut = int(rng.integers(len(speech) // 4, len(speech)))
        speech = np.concatenate([speech[:cut], pause, speech[cut:]])
    clean = as_recorded(rng, fill(rng, speech, n_samples), colour_db=5.0, often=0.02)
    clean = (0.1 * clean / rms(clean)).astype(np.float32)
    sentence: Samples = _in_studio(rng, clean) if rng.random() < studio else clean
    return sentence


def _in_studio(rng: np.random.Generator, clean: Samples) -> Samples:
    """Return a sentence as a quiet room would have given it: little between its words.

    Else whatever has empty pauses is what a denoiser left.
    """
    is_speech = np.repeat(speech_frames(clean), FRAME_SAMPLES)
    is_speech = np.pad(is_speech, (0, len(clean) - len(is_speech)))
    ramp = np.hanning(int(10.0 ** rng.uniform(-1.9, -0.9) * SAMPLE_RATE) + 2)
    gains = np.convolve(is_speech, ramp / ramp.sum(), mode="same")
    # A word's soft edges stay; the gain falls behind them.
    gains = np.clip(2.0 * gains, 0.0, 1.0)
    least = 0.0 if rng.random() < 0.4 else 10.0 ** (rng.uniform(-60.0, -15.0) / 20.0)
    quiet = clean * (gains + (1.0 - gains) * least)
    if rng.random() < 0.6:
        floor = 0.1 * 10.0 ** (rng.uniform(-75.0, -40.0) / 20.0)
        quiet = quiet + floor * rng.standard_normal(len(clean))
    sentence: Samples = quiet.astype(np.float32)
    return sentence


def _add_noise(rng: np.random.Generator, corpus: Corpus, take: Take, *, wanted_db: float) -> None:
    if wanted_db < 10.0 and rng.random() < 0.12:
        noise = babble(rng, corpus, len(take.heard))
    elif rng.random() < 0.08:
        noise = made_voiceless(rng, len(take.heard))
    else:
        noise = any_noise(rng, corpus, len(take.heard))
    noise = as_recorded(rng, noise, colour_db=6.0, often=0.2)
    if rng.random() < 0.2:
        noise = noise * coming_and_going(rng, len(noise))
    loudness = _active_rms(take.heard) * 10.0 ** (-wanted_db / 20.0)
    noise = (noise * np.float32(loudness / rms(noise))).astype(np.float32)
    floor = own_floor_power(take.clean)
    extent_db = _snr_db(take.heard, loudness**2 + floor)
    if floor < loudness**2 * 10.0 ** (-0.1 * _FLOOR_BELOW_NOISE_DB):
        take.snr_db = wanted_db
    take.heard = take.heard + noise
    take.faults["noise"] = float(np.clip((35.0 - extent_db) / 40.0, 0.0, 1.0))


def _treat(rng: np.random.Generator, take: Take, *, wanted_db: float) -> None:
    """Denoise it; where there was little to take away, nobody can tell afterwards."""
    before, take.heard = take.heard, _treated(rng, take.heard)
    if _likeness_db(before, take.heard) < _UNTOUCHED_DB:
        take.snr_db = math.nan
        take.faults["processing"] = 1.0 if wanted_db <= _LEAST_TREATED_DB else math.nan


def _snr_db(speech: Samples, noise_power: float) -> float:
    return 10.0 * math.log10((_active_rms(speech) ** 2 + 1e-12) / (noise_power + 1e-12))


def _active_rms(speech: Samples) -> float:
    meter = ActiveLevelMeter(_FMT)
    meter.update(np.ascontiguousarray(speech[:, np.newaxis], np.float32))
    level_dbov = meter.result().active_level_dbov
    return 1e-6 if level_dbov is None else 10.0 ** (level_dbov / 20.0)


def _likeness_db(before: Samples, after: Samples) -> float:
    """Return how far what was changed lies below what was not."""
    change = rms(after[: len(before)] - before) / rms(before)
    return -20.0 * math.log10(max(change, 1e-6))


def _add_room(rng: np.random.Generator, take: Take) -> None:
    """Put the talker in a room: a direct sound, some reflections, a tail of decaying noise."""
    rt60_s, direct_db = rng.uniform(0.15, 1.3), rng.uniform(-6.0, 12.0)
    n_taps = int(rt60_s * SAMPLE_RATE)
    taps = rng.standard_normal(n_taps) * 10.0 ** (-3.0 * np.arange(n_taps) / n_taps)
    # Walls take the highs away.
    taps = np.convolve(taps, (1.0, rng.uniform(0.0, 0.9)))[:n_taps]
    first = int(rng.uniform(0.001, 0.01) * SAMPLE_RATE)
    taps[:first] = 0.0
    early = rng.integers(first, min(n_taps, int(0.05 * SAMPLE_RATE)), 6)
    taps[early] *= 4.0
    taps *= 10.0 ** (-direct_db / 20.0) / np.sqrt(np.sum(np.square(taps)) + 1e-9)
    taps[0] = 1.0
    size = 1 << (len(take.heard) + n_taps - 1).bit_length()
    wet = np.fft.irfft(np.fft.rfft(take.heard, size) * np.fft.rfft(taps, size), size)
    take.heard = wet[: len(take.heard)].astype(np.float32)
    take.faults["reverberation"] = float(np.clip((12.0 - direct_db) / 18.0, 0.05, 1.0))


def _clip(rng: np.random.Generator, take: Take) -> None:
    share = 10.0 ** rng.uniform(-4.0, -0.8)
    limit = np.float32(np.quantile(np.abs(take.heard), 1.0 - share))
    take.heard = np.clip(take.heard, -limit, limit)
    take.faults["clipping"] = float(np.log10(share) / 4.0 + 1.0)


def _limit_band(rng: np.random.Generator, take: Take) -> None:
    bandwidth_hz = float(rng.choice((3400.0, 4000.0, rng.uniform(2500.0, 7000.0))))
    take.heard = band_limited(take.heard, bandwidth_hz)
    if rng.random() < 0.3:
        spectrum = np.fft.rfft(take.heard)
        spectrum[: int(rng.uniform(150.0, 400.0) / SAMPLE_RATE * len(take.heard))] = 0.0
        take.heard = np.fft.irfft(spectrum, len(take.heard)).astype(np.float32)
    take.faults["band"] = 1.0 - bandwidth_hz / 8000.0


def _code(rng: np.random.Generator, take: Take) -> None:
    if rng.random() < 0.35:
        take.heard = companded(take.heard)
    else:
        take.heard = coded(rng, take.heard)
    take.faults["coding"] = 1.0


def _lose(rng: np.random.Generator, take: Take) -> None:
    """Lose packets of 20 ms, in bursts, each left empty or filled with the one before."""
    share, burst = 10.0 ** rng.uniform(-2.3, -0.6), rng.uniform(1.0, 4.0)
    n_packets = len(take.heard) // _PACKET_SAMPLES
    is_lost, lost = np.zeros(n_packets, np.bool_), False
    for at in range(1, n_packets):
        lost = rng.random() < (1.0 - 1.0 / burst if lost else share / burst)
        is_lost[at] = lost
    heard, fade = take.heard.copy(), 0.0 if rng.random() < 0.6 else rng.uniform(0.5, 1.0)
    for at in (np.flatnonzero(is_lost) * _PACKET_SAMPLES).tolist():
        before = heard[at - _PACKET_SAMPLES : at]
        heard[at : at + _PACKET_SAMPLES] = np.float32(fade) * before
    take.heard = heard
    if is_lost.any():
        take.faults["loss"] = float(np.clip(is_lost.mean() / 0.2, 0.02, 1.0))


def _treated(rng: np.random.Generator, heard: Samples) -> Samples:
    """Return what a denoiser makes of it."""
    strength = float(rng.uniform(0.6, 1.0))
    kind = rng.random()
    stage: Processor
    if kind < 0.25:
        stage = Denoiser(_FMT, DenoiseSettings(strength=strength))
    elif kind < 0.4:
        stage = Denoiser(_FMT, DenoiseSettings(strength=strength, engine="classic"))
    elif kind < 0.58:
        over, floor_db = rng.uniform(0.8, 2.5), rng.uniform(-40.0, -15.0)
        stage = SpectralEngine(
            _FMT, SpectralSettings(over_subtraction=over, floor_db=floor_db, strength=strength)
        )
    elif kind < 0.76:
        is_stationary = bool(rng.random() < 0.5)
        stage = NoisereduceEngine(
            _FMT, NoisereduceSettings(strength=strength, stationary=is_stationary)
        )
    elif kind < 0.9:
        stage = RnnoiseEngine(_FMT, RnnoiseSettings(strength=strength))
    else:
        stage = WebrtcEngine(_FMT)
    block = np.ascontiguousarray(heard[:, np.newaxis], np.float32)
    treated: Samples = np.concatenate(list(run_blocks(stage, [block])))[:, 0]
    return treated
