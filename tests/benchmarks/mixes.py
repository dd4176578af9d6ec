"""Speech with noise, made from recordings: seeded, so that every run hears the same.

Four sets, all 16 kHz mono float32:

* ``main``: 30 clips of some 25 talkers in 12 languages, each with noises of ten kinds in
  turn, at 0, 5 and 10 dB: 210 mixes.
* ``hard``: other clips with noises that move, for the last word: 108 mixes.
* ``pairs``: recordings that came as noisy and clean.
* ``clean``: clips with the least noise of their own, as they are and with steady noise at
  30 and 40 dB.

None of these talkers and noise files is in the training data. The ratio is that of the active
speech level (P.56) to the noise's mean power over the mix. Speech is at -26 dBov, or lower where
the mix would reach full scale. Clips are left out whose own noise lies less than some 30 dB below
them, that are narrow-band, or too short for PESQ.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from cost import recordings

from audiokit.loudness.active_level import ActiveLevelMeter
from audiokit.stage import StreamFormat

SETS = ("main", "hard", "pairs", "clean")
RATE = 16000
CLIP_S = 5.0
ACTIVE_LEVEL_DBOV = -26.0
HIGHEST_PEAK = 0.98
SNRS_DB = (0.0, 5.0, 10.0)

# File and where the clip begins, in s; at most 5 s are taken, 6 s where that is all there is.
MAIN_CLIPS = (
    ("1320_00000.mp3", 0),
    ("leopard_test_de.flac", 0),
    ("libri_1688-142285-0000.flac", 0),
    ("aishell-BAC009S0724W0121.flac", 0),
    ("leopard_test_en.flac", 0),
    ("librosa_libri1.ogg", 0),
    ("6829_00000.mp3", 0),
    ("leopard_test_es.flac", 0),
    ("libri_2033-164914-0000.flac", 0),
    ("p260_00000.mp3", 0),
    ("leopard_test_fr.flac", 1),
    ("cmu_arctic_us_aew_a0001.flac", 0),
    ("8230_00000.mp3", 0),
    ("leopard_test_it.flac", 0),
    ("silero_test.flac", 5),
    ("auditok_de_lead_trail_silence.flac", 4),
    ("leopard_test_ja.flac", 0),
    ("librosa_libri2.ogg", 0),
    ("p286_011.flac", 0),
    ("leopard_test_ko.flac", 0),
    ("libri_1688-142285-0001.flac", 0),
    ("3575_00000.mp3", 0),
    ("leopard_test_pt.flac", 0),
    ("libri_2033-164914-0001.flac", 0),
    ("ru.flac", 0),
    ("sample1_48kHz.flac", 0),
    ("librosa_libri1.ogg", 7),
    ("new-home-in-the-stars-16k.flac", 0),
    ("cmu_arctic_us_aew_a0002.flac", 0),
    ("silero_test.flac", 20),
)
HARD_CLIPS = (
    ("cmu_arctic_us_axb_a0004.flac", 0),
    ("libri_2414-128291-0001.flac", 0),
    ("silero_test.flac", 35),
    ("spk1_snt1.flac", 0),
    ("libri_1688-142285-0002.flac", 0),
    ("librosa_libri2.ogg", 7),
    ("cmu_arctic_us_axb_a0006.flac", 0),
    ("libri_2414-128291-0002.flac", 4),
    ("silero_test.flac", 50),
    ("sample2_16kHz.flac", 0),
    ("libri_2033-164914-0002.flac", 0),
    ("spk1_snt2.flac", 0),
)
CLEANEST_CLIPS = tuple(
    (name, start_s)
    for name, start_s in MAIN_CLIPS
    if name.startswith(("leopard", "libri_2033", "8230", "6829", "cmu_arctic_us_aew_a0001"))
)
MAIN_NOISES = {
    "fan": "berklee_fan_noise.mp3",
    "vacuum": "berklee_vacuum_1.mp3",
    "street": "berklee_street_noise_1.mp3",
    "rain": "berklee_ambient_rain.mp3",
    "subway": "berklee_boston_Subway_1.mp3",
    "coffee shop": "blanket_coffee-shop.ogg",
    "wind": "blanket_wind.ogg",
    "city": "blanket_city.ogg",
    "train": "blanket_train.ogg",
    "dryer": "berklee_clothesdryer.mp3",
}
HARD_NOISES = {
    "crowd": "berklee_crowd1.mp3",
    "dishes": "doing_the_dishes.flac",
    "bike": "exercise_bike.flac",
    "fireplace": "blanket_fireplace.ogg",
    "storm": "blanket_storm.ogg",
    "cafe": "cafe_short.flac",
    "crickets": "blanket_summer-night.ogg",
    "taps": "",  # made of the short files
}
TAPS = (
    "130921_iPhone_rub_channel0_chunk83_aug2.flac",
    "130921_laptopmic-dell_tap_channel0_chunk200_aug0.flac",
    "130921_laptopmic-dell_tap_channel0_chunk204_aug3.wav",
    "friction0.wav",
    "friction1.wav",
)
STEADY_NOISES = {name: MAIN_NOISES[name] for name in ("fan", "rain", "vacuum")}


@dataclass(frozen=True)
class Mix:
    """One noisy recording and what it should become.

    Args:
        name: Says what it is made of.
        noise: Kind of noise.
        snr_db: As asked for; None where it is not known or there is no noise.
        clean: Samples of the speech alone, ``(samples,)``, 16 kHz.
        noisy: The same with noise.
    """

    name: str
    noise: str
    snr_db: float | None
    clean: np.ndarray
    noisy: np.ndarray


def make(kind, *, quick=False):
    """Return the mixes of a set; a fifth of the first two when it shall be quick."""
    if kind == "main":
        found = mixes_of(pairings(MAIN_CLIPS, MAIN_NOISES, 70), MAIN_NOISES)
    elif kind == "hard":
        found = mixes_of(pairings(HARD_CLIPS, HARD_NOISES, 36), HARD_NOISES)
    else:
        return near_clean() if kind == "clean" else pairs()
    # Five and three have no common factor: all ratios stay.
    return found[::5] if quick else found


def pairings(clips, noises, number):
    """Yield clips and kinds of noise: all clips in turn, each with another noise next time."""
    kinds = [*noises]
    for index in range(number):
        # A step of three visits all kinds, and no clip meets the same one again.
        kind = kinds[(3 * index + index // len(clips)) % len(kinds)]
        yield clips[index % len(clips)], kind


def mixes_of(plan, noises):
    """Return each pairing at all ratios, with the same stretch of noise."""
    found = []
    for (file, start_s), kind in plan:
        speech = clip(file, start_s)
        name = f"{file.split('.')[0]}@{start_s}+{kind}"
        noise = stretch(kind, noises, len(speech), name)
        found += [mix(speech, noise, name, kind, snr_db) for snr_db in SNRS_DB]
    return found


def near_clean():
    """Return clips as they are and with steady noise far below them."""
    found = []
    kinds = [*STEADY_NOISES]
    for index, (file, start_s) in enumerate(CLEANEST_CLIPS):
        speech = clip(file, start_s)
        name = f"{file.split('.')[0]}@{start_s}"
        found.append(Mix(name, "none", None, speech, speech))
        kind = kinds[index % len(kinds)]
        noise = stretch(kind, STEADY_NOISES, len(speech), name)
        found += [mix(speech, noise, f"{name}+{kind}", kind, snr_db) for snr_db in (30.0, 40.0)]
    return found


def pairs():
    """Return what came as noisy and clean; all are aligned and of one polarity."""
    found = []
    for path in sorted((recordings() / "noisy_pair").glob("*_clean.*")):
        name = path.stem.removesuffix("_clean")
        clean = read(path)
        noisy = read(path.with_name(path.name.replace("_clean", "_noisy")))
        found.append(Mix(name, name.split("_")[0], None, clean, noisy))
    return found


def mix(speech, noise, name, kind, snr_db):
    """Return speech at its level with noise below it."""
    wanted_rms = 10.0 ** ((ACTIVE_LEVEL_DBOV - snr_db) / 20.0)
    noisy = speech + noise * (wanted_rms / np.sqrt(np.mean(np.square(noise))))
    # Full scale is never reached: these are no mixes to test clipping with.
    scale = min(1.0, HIGHEST_PEAK / np.abs(noisy).max())
    clean, noisy = (np.float32(scale) * samples for samples in (speech, noisy))
    return Mix(f"{name}@{snr_db:g}", kind, snr_db, clean, noisy.astype(np.float32))


def clip(file, start_s):
    """Return a stretch of a talker at -26 dBov active level, ``(samples,)``."""
    samples = read(recordings() / "speech" / file)[round(start_s * RATE) :]
    samples = samples[: round(CLIP_S * RATE)] if len(samples) > 6 * RATE else samples
    meter = ActiveLevelMeter(StreamFormat(RATE))
    meter.update(np.ascontiguousarray(samples[:, np.newaxis]))
    gain_db = ACTIVE_LEVEL_DBOV - meter.result().active_level_dbov
    return samples * np.float32(10.0 ** (gain_db / 20.0))


def stretch(kind, noises, n_samples, name):
    """Return a stretch of a noise, from the same place whenever the name is the same."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    folder = recordings() / "noise"
    if kind == "taps":
        return taps(rng, [read(folder / file) for file in TAPS], n_samples)
    samples = read(folder / noises[kind])
    # Most recordings fade in and out.
    samples = samples[len(samples) // 20 : -len(samples) // 20]
    if len(samples) < n_samples:
        # There and back again: no jump where it begins anew.
        samples = np.pad(samples, (0, n_samples - len(samples)), "reflect")
    start = rng.integers(0, len(samples) - n_samples + 1)
    return samples[start : start + n_samples]


def taps(rng, sounds, n_samples):
    """Return short sounds of about the same power, after one another with pauses."""
    out = np.zeros(n_samples, np.float32)
    start = 0
    while start < n_samples:
        sound = sounds[rng.integers(len(sounds))]
        sound = sound * (0.1 / np.sqrt(np.mean(np.square(sound))))
        end = min(n_samples, start + len(sound))
        out[start:end] += sound[: end - start]
        start = end + round(rng.uniform(0.0, 0.4) * RATE)
    return out


def read(path):
    """Return the first channel of a file at 16 kHz."""
    import soundfile
    import soxr

    samples, sample_rate = soundfile.read(path, dtype="float32", always_2d=True)
    return soxr.resample(samples[:, 0], sample_rate, RATE)
