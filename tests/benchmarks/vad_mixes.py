"""Speech whose frames are labelled, with noise, made from recordings: seeded, always the same.

Labels come from word alignments: a frame of 10 ms is speech when its middle lies in a word.
So the pauses between words count as pauses, however short, unless asked otherwise. Ratios are
those of the mean power of the speech in its speech frames to the mean power of the noise over
the mix, both above 100 Hz: these recordings hold rumble of up to 17 dB more than the voice,
which would count as speech. Other recordings were labelled by hand, coarsely; they are taken as
they are.

Neither talkers nor noise files are in the training data.
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass

import mixes
import numpy as np
import vad_scores
from cost import recordings

RATE = mixes.RATE
FRAMES_PER_SECOND = 100
SNRS_DB = (20.0, 10.0, 5.0, 0.0)
SPEECH_RMS_DB = -26.0
LOWEST_HZ = 100.0
HIGHEST_PEAK = 0.98
# File, and the tier that holds the words.
ALIGNED = {
    "acoustic_corpus": "words",
    "cold_corpus": "words",
    "cold_corpus3": "words",
    "bobby": "word",
    "mary": "word",
}
NOISES = {
    "main": {
        "cafe": "blanket_coffee-shop.ogg",
        "street": "berklee_street_noise_1.mp3",
        "fan": "berklee_fan_noise.mp3",
        "vacuum": "berklee_vacuum_1.mp3",
        "rain": "berklee_ambient_rain.mp3",
        "wind": "blanket_wind.ogg",
        "subway": "berklee_boston_Subway_1.mp3",
    },
    "hard": {
        "crowd": "berklee_crowd1.mp3",
        "dishes": "doing_the_dishes.flac",
        "fireplace": "blanket_fireplace.ogg",
        "bike": "exercise_bike.flac",
        "city": "blanket_city.ogg",
        "taps": "",
    },
}
CLEAN = "none"

# Praat's reader takes texts in quotes, numbers that stand alone and <flags>, skips all other
# words, and so reads its long and its short form alike.
_TOKEN = re.compile(r'"((?:[^"]|"")*)"|(?<!\S)([-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)(?!\S)')


@dataclass(frozen=True, eq=False)
class Clip:
    """A recording at 16 kHz, and what its frames are.

    Args:
        name: The file's, without suffix.
        samples: ``(samples,)``, float32.
        is_speech: ``(frames,)``.
        is_known: ``(frames,)``: whether anybody said what the frame is.
        words: Of an aligned recording, start and end of each, in s.
    """

    name: str
    samples: np.ndarray
    is_speech: np.ndarray
    is_known: np.ndarray
    words: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, eq=False)
class Mix:
    """A clip with noise; `snr_db` is infinite without."""

    noise: str
    snr_db: float
    clip: Clip
    noisy: np.ndarray


def read_text_grid(text):
    """Return the interval tiers of a TextGrid, long or short: name to ``(start, end, text)``."""
    tokens = (
        float(number) if number else quoted.replace('""', '"')
        for quoted, number in _TOKEN.findall(text)
    )
    kind, shape, *_times = (next(tokens) for _ in range(4))
    if (kind, shape) != ("ooTextFile", "TextGrid"):
        raise ValueError(f"{kind} {shape} is no TextGrid")
    tiers = {}
    for _ in range(int(next(tokens))):
        class_name, name, _start_s, _end_s, n_items = (next(tokens) for _ in range(5))
        width = 3 if class_name == "IntervalTier" else 2
        items = [tuple(next(tokens) for _ in range(width)) for _ in range(int(n_items))]
        if class_name == "IntervalTier":
            tiers[name] = items
    return tiers


def aligned_clips(close_ms=0.0):
    """Return the recordings with word alignments; shorter pauses are labelled speech."""
    return [aligned_clip(name, tier, close_ms) for name, tier in ALIGNED.items()]


def aligned_clip(name, tier, close_ms=0.0):
    """Return one of them."""
    folder = recordings() / "vad"
    path = folder / f"{name}.TextGrid"
    if not path.is_file():
        path = folder / f"{name}_words.TextGrid"
    intervals = read_text_grid(path.read_text("utf-8"))[tier]
    words = tuple((start_s, end_s) for start_s, end_s, text in intervals if text.strip())
    samples = mixes.read(folder / f"{name}.flac")
    is_speech = frames_in(vad_scores.joined(words, close_ms / 1000.0), len(samples))
    return Clip(name, samples, is_speech, np.ones_like(is_speech), words)


def hand_labelled_clips():
    """Return the recordings that people labelled; what they left out is not known."""
    folder = recordings() / "vad"
    found = []
    for name in ("count", "count2"):
        lines = (folder / f"{name}.segments").read_text().splitlines()
        rows = [line.split() for line in lines if line.strip()]
        speech = [(float(a), float(b)) for a, b, label in rows if label == "speech"]
        known = [(float(a), float(b)) for a, b, _ in rows]
        found.append(_hand_labelled(name, speech, known))
    for name, labels in (("sb_vad_train", "sb_VAD_train"), ("sb_vad_valid", "sb_VAD_dev")):
        speech, known = [], []
        for example in json.loads((folder / f"{labels}.json").read_text()).values():
            begin_s, end_s = (example["wav"][key] / RATE for key in ("start", "stop"))
            known.append((begin_s, end_s))
            times = [begin_s + float(value) for value in example["speech"].split()]
            speech += zip(times[::2], times[1::2], strict=True)
        found.append(_hand_labelled(name, speech, known))
    return found


def _hand_labelled(name, speech, known):
    samples = mixes.read(recordings() / "vad" / f"{name}.flac")
    return Clip(name, samples, frames_in(speech, len(samples)), frames_in(known, len(samples)))


def frames_in(stretches, n_samples):
    """Return which frames have their middle in one of some stretches of time."""
    middle_s = (np.arange(-(-n_samples * FRAMES_PER_SECOND // RATE)) + 0.5) / FRAMES_PER_SECOND
    inside = [(middle_s >= start_s) & (middle_s < end_s) for start_s, end_s in stretches]
    return np.any([np.zeros(len(middle_s), bool), *inside], axis=0)


def make(clips, noises="main", snrs_db=SNRS_DB):
    """Return each clip with each noise of a set at each ratio."""
    found = []
    for kind, file in NOISES[noises].items():
        recorded = noise_of(file)
        for clip in clips:
            noise = stretch(recorded, len(clip.samples), f"{clip.name}+{kind}")
            found += [mix(clip, kind, noise, snr_db) for snr_db in snrs_db]
    return found


def noise_of(file):
    """Return a noise without its ends, for most recordings fade in and out."""
    folder = recordings() / "noise"
    if not file:
        sounds = [mixes.read(folder / name) for name in mixes.TAPS]
        return mixes.taps(np.random.default_rng(5), sounds, 40 * RATE)
    samples = mixes.read(folder / file)
    return samples[len(samples) // 20 : -len(samples) // 20]


def stretch(samples, n_samples, name):
    """Return a stretch of a noise, from the same place whenever the name is the same."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if len(samples) < n_samples:
        # There and back again: no jump where it begins anew.
        samples = np.pad(samples, (0, n_samples - len(samples)), "reflect")
    start = rng.integers(0, len(samples) - n_samples + 1)
    return samples[start : start + n_samples]


def clean(clips):
    """Return clips as they are, as mixes."""
    return [Mix(CLEAN, np.inf, clip, clip.samples) for clip in clips]


def mix(clip, kind, noise, snr_db):
    """Return a clip at -26 dB in its speech frames, with noise so many dB below."""
    is_active = np.repeat(clip.is_speech, RATE // FRAMES_PER_SECOND)[: len(clip.samples)]
    speech_rms = np.sqrt(np.mean(np.square(voiced(clip.samples)[is_active])))
    noise_rms = np.sqrt(np.mean(np.square(voiced(noise))))
    level = 10.0 ** (SPEECH_RMS_DB / 20.0)
    noisy = clip.samples * (level / speech_rms)
    noisy = noisy + noise * (level * 10.0 ** (-snr_db / 20.0) / noise_rms)
    noisy *= min(1.0, HIGHEST_PEAK / np.abs(noisy).max())
    return Mix(kind, snr_db, clip, noisy.astype(np.float32))


def voiced(samples):
    """Return what lies above 100 Hz, where voices are."""
    spectrum = np.fft.rfft(samples)
    spectrum[np.fft.rfftfreq(len(samples), 1.0 / RATE) < LOWEST_HZ] = 0.0
    return np.fft.irfft(spectrum, len(samples))
