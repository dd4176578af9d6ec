"""Pitch: our tracker beside librosa's pyin and yin, on voices whose pitch is known.

    python tests/benchmarks/bench_pitch.py [--every 4] [--cache FOLDER]

Voices of four ranges: "formula" are glottal pulses through moving formants, with fricatives and
pauses; "again" are recordings whose excitation was replaced by pulses of a made-up melody. Both
clean, with noises of ten kinds, white noise, babble of six talkers, and over a telephone (300 to
3400 Hz, 8 kHz). "agreed" are recordings as they are: what all three trackers say within 3 % of
the clean one is the truth in noise; frames on which they disagree do not count.

GPE: of the frames that truth and tracker call voiced, how many are more than 20 % off. VDE: of
all frames, how many are called voiced wrongly, or not. Lost: of the voiced frames, how many have
no pitch within 20 %; it is all that can be asked of yin, which calls every frame voiced. Figures
are means over the voices of a set, in percent. Cost is CPU time in one process on one thread, of
30 s of speech, the least of three runs.

pyin takes most of the time: a folder given with --cache keeps what it said.
"""

from __future__ import annotations

import argparse
import time
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pitch_voices as pv
from cost import print_table, recordings
from mixes import MAIN_NOISES, stretch

from audiokit.features.pitch import PitchSettings, PitchTracker
from audiokit.stage import StreamFormat
from audiokit.testing import analyze, split_at

ENGINES = ("ours", "pyin", "yin")
SNRS_DB = (20, 10, 5, 0)
N_VOICES = 12
VOICE_S = 5.0
SOURCES = (
    "libri_1688-142285-0000.flac",
    "librosa_libri1.ogg",
    "libri_2033-164914-0000.flac",
    "leopard_test_de.flac",
    "cmu_arctic_us_aew_a0001.flac",
    "leopard_test_ja.flac",
    "p260_00000.mp3",
    "aishell-BAC009S0724W0121.flac",
    "jfk.flac",
    "leopard_test_es.flac",
    "spk2_snt1.flac",
    "libri_2609-156975-0000.flac",
)
TALKERS = (
    "1320_00000.mp3",
    "3575_00000.mp3",
    "6829_00000.mp3",
    "8230_00000.mp3",
    "leopard_test_fr.flac",
    "leopard_test_it.flac",
    "leopard_test_ko.flac",
    "leopard_test_pt.flac",
)
HEADER = ("", "GPE ours", "pyin", "yin", "VDE ours", "pyin", "lost ours", "pyin", "yin")


def known(every):
    """Return voices whose pitch is known."""
    n_samples = round(VOICE_S * pv.RATE)
    ranges = [*pv.RANGES_HZ]
    voices = []
    for number in range(0, N_VOICES, every):
        range_name = ranges[number % 4]
        voices.append(pv.spoken_by_formula(number, range_name, VOICE_S))
        samples = pv.load(recordings() / "speech" / SOURCES[number])[:n_samples]
        voices.append(pv.spoken_again(samples, SOURCES[number], range_name, number))
    return voices


def real(every):
    """Return recordings as they are; who knows their pitch."""
    n_samples = round(VOICE_S * pv.RATE)
    voices = []
    for source in SOURCES[::every]:
        samples = pv.load(recordings() / "speech" / source)[:n_samples]
        nobody = np.full(len(samples) // pv.HOP, np.nan)
        voices.append(pv.Voice(f"agreed-{source}", samples, pv.RATE, nobody))
    return voices


def noise_for(voice, number):
    """Return a kind of noise of the same length, by number."""
    kinds = [*MAIN_NOISES]
    return stretch(kinds[number % len(kinds)], MAIN_NOISES, len(voice.samples), voice.name)


def talkers():
    """Return the recordings that babble is made of."""
    return [pv.load(recordings() / "speech" / name) for name in TALKERS]


def conditions(voices):
    """Yield the name of each condition and the voices in it."""
    noisy = [
        [pv.with_noise(voice, noise_for(voice, number), snr_db) for snr_db in SNRS_DB]
        for number, voice in enumerate(voices)
    ]
    crowd = talkers()
    babbles = [pv.babble(crowd, len(voice.samples), at) for at, voice in enumerate(voices)]
    rng = np.random.default_rng(0)
    yield "clean", voices
    for place, snr_db in enumerate(SNRS_DB):
        yield f"noise {snr_db} dB", [levels[place] for levels in noisy]
    white = [pv.with_noise(one, rng.standard_normal(len(one.samples)), 5.0) for one in voices]
    yield "white 5 dB", white
    for snr_db in (10, 5):
        pairs = zip(voices, babbles, strict=True)
        yield f"babble {snr_db} dB", [pv.with_noise(one, many, snr_db) for one, many in pairs]
    yield "telephone", [pv.over_telephone(voice) for voice in voices]
    yield "telephone, noise 10 dB", [pv.over_telephone(levels[1]) for levels in noisy]


def tracked(voice, engine, cache):
    """Return the pitch per frame that an engine says, from the cache if it is there."""
    key = zlib.crc32(np.ascontiguousarray(voice.samples).tobytes())
    kept = cache / f"{engine}-{voice.rate}-{key:08x}.npy" if cache else None
    if kept and engine != "ours" and kept.is_file():
        return np.load(kept)
    tracker = PitchTracker(StreamFormat(voice.rate), PitchSettings(engine=engine))
    f0_hz = analyze(tracker, [voice.samples[:, np.newaxis]])[: len(voice.f0_hz), 0]
    if kept and engine != "ours":
        np.save(kept, f0_hz)
    return f0_hz


def agreed(voice, cache):
    """Return what all trackers say of a clean recording; NaN where they do not agree."""
    said = np.stack([tracked(voice, engine, cache) for engine in ENGINES])
    middle = np.median(said, axis=0)
    near = (np.abs(said / np.maximum(middle, 1.0) - 1.0) < 0.03).all(axis=0)
    # yin says of no frame that it is unvoiced.
    unvoiced = (said[:2] == 0.0).all(axis=0)
    return np.where(unvoiced, 0.0, np.where(near, middle, np.nan))


def errors(said_hz, truth_hz):
    """Return gross pitch errors, voicing errors and lost frames, in percent."""
    counts = ~np.isnan(truth_hz)
    said_hz, truth_hz = said_hz[counts], truth_hz[counts]
    is_voiced, says_voiced = truth_hz > 0.0, said_hz > 0.0
    both = is_voiced & says_voiced
    is_gross = np.abs(said_hz[both] / truth_hz[both] - 1.0) > 0.2
    gross = is_gross.mean() if len(is_gross) else 0.0
    lost = 1.0 - np.count_nonzero(~is_gross) / max(1, np.count_nonzero(is_voiced))
    return 100.0 * np.array([gross, np.mean(is_voiced != says_voiced), lost])


def row(name, voices, cache):
    """Return a line of the table, and its figures, ``(engines, 3)``."""
    said = {engine: [tracked(voice, engine, cache) for voice in voices] for engine in ENGINES}
    figures = np.array(
        [
            np.mean(
                [
                    errors(f0_hz, voice.f0_hz)
                    for f0_hz, voice in zip(said[engine], voices, strict=True)
                ],
                axis=0,
            )
            for engine in ENGINES
        ]
    )
    return line(name, figures), figures


def line(name, figures):
    """Return figures ``(engines, 3)`` as a line of the table."""
    gross, voicing, lost = figures.T
    return (name, *(f"{figure:.2f}" for figure in (*gross, *voicing[:2], *lost)))


def accuracy(every, cache):
    """Print errors by set and condition."""
    voices = known(every)
    rows, all_figures = [], []
    for condition, hidden in conditions(voices):
        for kind in ("formula", "again"):
            of_kind = [voice for voice in hidden if voice.name.startswith(kind)]
            cells, figures = row(f"{kind}, {condition}", of_kind, cache)
            rows.append(cells)
            all_figures.append(figures)
    for range_name in pv.RANGES_HZ:
        of_range = [voice for voice in voices if f"-{range_name}-" in voice.name]
        if of_range:
            rows.append(row(f"clean, {range_name} voices", of_range, cache)[0])
    recorded = real(every)
    truths = [agreed(voice, cache) for voice in recorded]
    for snr_db in SNRS_DB:
        hidden = [
            pv.with_noise(replace(voice, f0_hz=truth), noise_for(voice, number), snr_db)
            for number, (voice, truth) in enumerate(zip(recorded, truths, strict=True))
        ]
        cells, figures = row(f"agreed, noise {snr_db} dB", hidden, cache)
        rows.append(cells)
        all_figures.append(figures)
    rows.append(line("mean of all but the ranges", np.mean(all_figures, axis=0)))
    print_table(f"Pitch, {len(voices)} voices and {len(recorded)} recordings", HEADER, rows)


def cost():
    """Print CPU time per minute of sound."""
    samples = np.concatenate([voice.samples for voice in real(1)])
    block = np.resize(samples, 30 * pv.RATE)[:, np.newaxis]
    cases = {
        "ours": ("ours", [block]),
        "ours, blocks of 10 ms": ("ours", split_at(block, range(0, len(block), 160))),
        "librosa yin": ("yin", [block]),
        "librosa pyin": ("pyin", [block]),
    }
    taken_s = {}
    for name, (engine, blocks) in cases.items():
        # The first second compiles and plans.
        analyze(PitchTracker(StreamFormat(pv.RATE), PitchSettings(engine=engine)), [block[:16000]])
        runs_s = []
        for _ in range(1 if engine == "pyin" else 3):
            tracker = PitchTracker(StreamFormat(pv.RATE), PitchSettings(engine=engine))
            begin_s = time.process_time()
            analyze(tracker, blocks)
            runs_s.append(2.0 * (time.process_time() - begin_s))
        taken_s[name] = min(runs_s)
    fastest_s = taken_s["ours"]
    rows = [
        (name, f"{seconds:.3f}", f"{seconds / fastest_s:.1f}") for name, seconds in taken_s.items()
    ]
    print_table("Cost, 16 kHz, hop 10 ms", ("", "CPU s per minute", "of ours"), rows)


def main():
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--every", type=int, default=1, help="One voice in so many.")
    parser.add_argument("--cache", type=Path, help="Where to keep what the peers say.")
    options = parser.parse_args()
    if options.cache:
        options.cache.mkdir(parents=True, exist_ok=True)
    cost()
    accuracy(options.every, options.cache)


if __name__ == "__main__":
    main()
