"""Voices whose pitch is known, and what to hide them under."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import numpy as np

from audiokit.dsp.prediction import levinson
from audiokit.stage import StreamFormat
from audiokit.testing import analyze
from audiokit.vad.prosody import ProsodyTrack

RATE = 16000
HOP = 160
# Pulses are laid on a finer grid, so that a period is no whole number of samples.
FINER = 4
RANGES_HZ = {"low": (70, 130), "male": (90, 180), "female": (160, 300), "high": (260, 470)}
# First three formants in Hz of vowels (Peterson & Barney 1952, table II, men).
VOWELS_HZ = (
    (270, 2290, 3010),
    (390, 1990, 2550),
    (530, 1840, 2480),
    (660, 1720, 2410),
    (730, 1090, 2440),
    (570, 840, 2410),
    (440, 1020, 2240),
    (300, 870, 2240),
    (640, 1190, 2390),
    (490, 1350, 1690),
)
BANDWIDTHS_HZ = (70, 100, 140, 250, 300)
PREDICTION_ORDER = 18
LPC_HOP, LPC_WINDOW = 80, 400


@dataclass(frozen=True)
class Voice:
    """A sound and the truth about it.

    Args:
        name: Says what it is made of.
        samples: ``(samples,)``.
        rate: In Hz; a frame is a hundredth of a second.
        f0_hz: Truth per frame, 0 where unvoiced, NaN where nobody knows.
    """

    name: str
    samples: np.ndarray
    rate: int
    f0_hz: np.ndarray


def spoken_by_formula(seed, range_name, seconds=6.0):
    """Return glottal pulses through moving formants, noise through others, and pauses."""
    rng = np.random.default_rng(seed)
    n_samples = round(seconds * RATE)
    kinds, levels, formants_hz = _script(rng, n_samples // LPC_HOP + 1)
    if RANGES_HZ[range_name][0] > 150:
        formants_hz = formants_hz * 1.17
    is_voiced = np.repeat(kinds == 1, LPC_HOP)[:n_samples]
    f0_hz = _melody(rng, n_samples, RANGES_HZ[range_name])
    source = _glottal_flow(rng, f0_hz) + 0.01 * rng.standard_normal(n_samples)
    source = np.where(is_voiced, source, rng.standard_normal(n_samples))
    level = np.interp(np.arange(n_samples), np.arange(len(levels)) * LPC_HOP, levels)
    speech = _resonances(source, formants_hz, kinds) * level
    speech += 1e-4 * rng.standard_normal(n_samples)
    speech *= 0.5 / np.abs(speech).max()
    truth = np.where(is_voiced, f0_hz, 0.0)[::HOP]
    return Voice(f"formula-{range_name}-{seed}", speech.astype(np.float32), RATE, truth)


def hummed(seed, range_name, seconds=6.0):
    """Return one to four harmonics, as of a closed mouth or a whistle, in turns with hiss."""
    rng = np.random.default_rng(seed)
    n_samples = round(seconds * RATE)
    f0_hz = _melody(rng, n_samples, RANGES_HZ[range_name])
    turns = 2.0 * np.pi * np.cumsum(f0_hz) / RATE
    waves = [np.sin(number * turns) / number**2 for number in range(1, 2 + seed % 4)]
    is_voiced = np.arange(n_samples) / RATE % 0.8 < 0.5
    sound = 0.2 * np.where(is_voiced, np.sum(waves, axis=0), 0.0)
    sound += 10.0 ** rng.uniform(-4.5, -2.0) * rng.standard_normal(n_samples)
    truth = np.where(is_voiced, f0_hz, 0.0)[::HOP]
    return Voice(f"hummed-{range_name}-{seed}", sound.astype(np.float32), RATE, truth)


def spoken_again(samples, name, range_name, seed):
    """Return a recording with its excitation replaced by pulses and noise of our own.

    What predicts each sample from those before is kept, and how strong the rest is; the
    rest becomes pulses of a made-up melody where the recording is voiced.
    """
    rng = np.random.default_rng(seed)
    n_samples = len(samples) // HOP * HOP
    samples = samples[:n_samples]
    is_voiced = np.repeat(_clearly_voiced(samples), HOP)[:n_samples]
    f0_hz = _melody(rng, n_samples, RANGES_HZ[range_name])
    noise = rng.standard_normal(n_samples)
    source = np.where(is_voiced, _pulses(rng, f0_hz) + 0.15 * noise, noise)
    speech = _through_prediction(samples, source)
    truth = np.where(is_voiced, f0_hz, 0.0)[::HOP]
    return Voice(f"again-{range_name}-{name}", speech.astype(np.float32), RATE, truth)


def with_noise(voice, noise, snr_db):
    """Return a voice with noise so far below the level it has where it speaks."""
    frames = np.square(voice.samples[: len(voice.samples) // HOP * HOP]).reshape(-1, HOP)
    powers = frames.mean(axis=1)
    power = powers[powers > 1e-3 * powers.max()].mean()
    gain = np.sqrt(power / np.mean(np.square(noise)) * 10.0 ** (-snr_db / 10.0))
    noisy = voice.samples + gain * noise
    noisy = noisy * min(1.0, 0.9 / np.abs(noisy).max())
    return replace(voice, samples=noisy.astype(np.float32))


def over_telephone(voice):
    """Return a voice between 300 and 3400 Hz, at 8 kHz."""
    from scipy.signal import butter, resample_poly, sosfilt

    band = butter(4, (300, 3400), "bandpass", fs=RATE, output="sos")
    narrow = resample_poly(sosfilt(band, voice.samples), 1, RATE // 8000)
    return replace(voice, samples=narrow.astype(np.float32), rate=8000)


def babble(recordings, n_samples, seed, n_talkers=6):
    """Return several talkers at once, at the same level."""
    rng = np.random.default_rng(seed)
    total = np.zeros(n_samples)
    for index in rng.choice(len(recordings), min(n_talkers, len(recordings)), replace=False):
        talker = np.resize(recordings[index], n_samples)
        total += np.roll(talker, rng.integers(n_samples)) / np.sqrt(np.mean(np.square(talker)))
    return total


def piece(noise, n_samples, name):
    """Return a stretch of a noise, from the same place whenever the name is the same."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    noise = np.resize(noise, max(len(noise), 2 * n_samples))
    start = rng.integers(0, len(noise) - n_samples + 1)
    return noise[start : start + n_samples]


def load(path):
    """Return the first channel of a file at 16 kHz."""
    import soundfile
    import soxr

    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return soxr.resample(samples[:, 0], rate, RATE)


def _script(rng, n_frames):
    """Return what is said in each 5 ms: kind (0 pause, 1 voice, 2 noise), level, formants."""
    kinds = np.zeros(n_frames, int)
    levels = np.zeros(n_frames)
    formants_hz = np.zeros((n_frames, 5))
    formants_hz[:, 3:] = 3500, 4500
    vowel = np.array(VOWELS_HZ[0], float)
    at = 20
    while at < n_frames - 20:
        kind = rng.choice([0, 1, 1, 1, 2])
        length = int(rng.integers(12, 60 if kind == 1 else 30))
        end = min(at + length, n_frames)
        kinds[at:end] = kind
        target = np.array(VOWELS_HZ[rng.integers(len(VOWELS_HZ))]) * rng.uniform(0.93, 1.07)
        share = np.linspace(0.0, 1.0, end - at)[:, np.newaxis]
        formants_hz[at:end, :3] = vowel + share * (target - vowel)
        if kind == 2:
            formants_hz[at:end, :3] = rng.uniform([1500, 3000, 5000], [2500, 4500, 7000])
        else:
            vowel = target
        # Stretches begin and end within 15 ms, as the voice does.
        edge = np.minimum(np.arange(end - at), np.arange(end - at)[::-1]) / 3.0
        peak = {0: 0.0, 1: rng.uniform(0.25, 1.0), 2: rng.uniform(0.03, 0.2)}[int(kind)]
        levels[at:end] = peak * np.clip(edge, 0.1, 1.0)
        at = end
    formants_hz[:20, :3] = formants_hz[20, :3]
    formants_hz[at:, :3] = vowel
    formants_hz[formants_hz == 0.0] = 500.0
    return kinds, levels, formants_hz


def _melody(rng, n_samples, range_hz):
    """Return a pitch per sample that wanders through a range, by up to an octave a second."""
    low, high = np.log2(range_hz)
    time_s = np.arange(n_samples) / RATE
    knots_s = np.arange(0.0, time_s[-1] + 0.5, 0.25)
    steps = np.cumsum(rng.normal(0.0, 0.12, len(knots_s))) + rng.uniform(0.0, high - low)
    # A walk between two walls: what would leave the range comes back.
    inside = np.abs((steps + (high - low)) % (2.0 * (high - low)) - (high - low))
    smooth = np.interp(time_s, knots_s, inside)
    window = np.hanning(RATE // 8)
    padded = np.pad(smooth, len(window) // 2, "edge")
    from scipy.signal import oaconvolve

    smooth = oaconvolve(padded, window / window.sum(), "same")
    begin = len(window) // 2
    return 2.0 ** (low + smooth[begin : begin + n_samples])


def _turns(rng, f0_hz, jitter=0.008):
    """Return the phase in periods on the finer grid, each period a little off."""
    fine_hz = np.repeat(f0_hz, FINER)
    number = np.floor(np.cumsum(fine_hz) / (RATE * FINER)).astype(int)
    unsteady = 1.0 + jitter * rng.standard_normal(number[-1] + 1)
    return np.cumsum(fine_hz * unsteady[number]) / (RATE * FINER)


def _glottal_flow(rng, f0_hz):
    """Return the slope of the flow through the glottis (Rosenberg 1971, pulse C)."""
    turns = _turns(rng, f0_hz)
    phase = turns % 1.0
    opening, closing = 0.4, 0.16
    rise = 0.5 * np.pi / opening * np.sin(np.pi * phase / opening)
    fall = -0.5 * np.pi / closing * np.sin(0.5 * np.pi * (phase - opening) / closing)
    slope = np.where(phase < opening, rise, np.where(phase < opening + closing, fall, 0.0))
    loudness = 1.0 + 0.05 * rng.standard_normal(int(turns[-1]) + 1)
    return _coarser(slope * loudness[turns.astype(int)]) / 4.0


def _pulses(rng, f0_hz):
    """Return pulses of one sample, on average of power 1."""
    turns = _turns(rng, f0_hz)
    starts = np.diff(np.floor(turns), prepend=0.0)
    return _coarser(starts * FINER) * np.sqrt(RATE / f0_hz)


def _coarser(fine):
    from scipy.signal import resample_poly

    return resample_poly(fine, 1, FINER)


def _resonances(source, formants_hz, kinds):
    """Return a source through five resonances in a row that move every 5 ms."""
    from scipy.signal import lfilter

    speech = source
    for number, bandwidth_hz in enumerate(BANDWIDTHS_HZ):
        out, state = np.empty_like(speech), np.zeros(2)
        for frame, start in enumerate(range(0, len(speech), LPC_HOP)):
            wide_hz = bandwidth_hz * (4.0 if kinds[frame] == 2 else 1.0)
            radius = np.exp(-np.pi * wide_hz / RATE)
            turn = 2.0 * np.pi * formants_hz[frame, number] / RATE
            poles = np.array([1.0, -2.0 * radius * np.cos(turn), radius**2])
            # Gain 1 at 0 Hz, as of a tube; noise has gain 1 at its peak instead.
            gain = poles.sum() if kinds[frame] == 1 else (1.0 - radius) * 2.0 * np.sin(turn)
            part = slice(start, start + LPC_HOP)
            out[part], state = lfilter([gain], poles, speech[part], zi=state)
        speech = out
    return speech


def _clearly_voiced(samples):
    """Say of each frame whether it lies in a stretch of voice of 50 ms or more."""
    track = analyze(ProsodyTrack(StreamFormat(RATE)), [samples[:, np.newaxis]])
    # What is weaker may be hum or a hall, and would be inaudible as a voice.
    is_loud = track[:, 1] > track[:, 1].max() - 25.0
    guess = ((track[:, 0] > 0.0) & is_loud).astype(float)
    kept = np.convolve(guess, np.ones(5) / 5.0, "same") > 0.5
    edges = np.flatnonzero(np.diff(kept.astype(int), prepend=0, append=0))
    for begin, end in edges.reshape(-1, 2):
        kept[begin:end] = end - begin >= 5
    return kept


def _through_prediction(samples, source):
    """Return a source as loud and as coloured as a recording, 5 ms by 5 ms."""
    from scipy.signal import lfilter

    padded = np.pad(samples.astype(float), LPC_WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, LPC_WINDOW)[::LPC_HOP]
    frames = frames[: len(samples) // LPC_HOP] * np.hanning(LPC_WINDOW)
    power = np.abs(np.fft.rfft(frames, 2 * LPC_WINDOW)) ** 2
    correlation = np.fft.irfft(power)[:, : PREDICTION_ORDER + 1]
    # White noise 40 dB below keeps the filters tame.
    correlation[:, 0] = correlation[:, 0] * 1.0001 + 1e-9
    filters = levinson(correlation, PREDICTION_ORDER)
    left = np.sum(filters * correlation, axis=1) / np.sum(np.hanning(LPC_WINDOW) ** 2)
    out, state = np.empty(len(samples)), np.zeros(PREDICTION_ORDER)
    for frame, start in enumerate(range(0, len(samples), LPC_HOP)):
        part = slice(start, start + LPC_HOP)
        gain = np.sqrt(max(left[frame], 0.0))
        out[part], state = lfilter([1.0], filters[frame], gain * source[part], zi=state)
    return np.clip(out, -1.0, 1.0)
