"""Where speech is: our detector and all the others on the same mixes, in one table.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_vad.py [--engines ours,silero]
        [--noises main|hard] [--close-ms 200] [--json FILE]

Frames of 10 ms. AUC is the area under the ROC curve of all frames of all mixes together, so one
threshold must serve them all; F1 at probability 0.5 likewise. Boundaries: what the default
settings of `segment` make of each engine's probabilities on the clean aligned clips, without
padding, against stretches of words with pauses of 300 ms or more between them; each aligned
edge is compared with the nearest one found. A word is cut when more than 20 ms of it lie
outside all segments, padded as by default; trimmed when they lie before the first or after the
last, with what `--trim` keeps around them by default. RTF is CPU time of one thread over the
duration of the audio, 60 s of a mix, in blocks of 10 s, and live in blocks of 20 ms.

An engine is a name of the table below, or `module:Class` of any other scorer that is built
from a format. Needs recordings (AUDIOKIT_TEST_DATA), and `audiokit[bench]` for the others. Who
is absent is named.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import vad_mixes
import vad_scores
from cost import print_table

from audiokit.errors import AudiokitError
from audiokit.jobs.trim import TrimSettings
from audiokit.stage import StreamFormat
from audiokit.vad.detector import DetectorSettings
from audiokit.vad.hysteresis import Hysteresis, lower_threshold

FMT = StreamFormat(vad_mixes.RATE)
THRESHOLD = 0.5
TIMED_S = 60
ENGINES = {
    "ours": "vad_peers:DefaultScorer",
    "energy": "audiokit.vad.energy_engine:EnergyScorer",
    "webrtc": "audiokit.vad.webrtc_engine:WebrtcScorer",
    "silero": "audiokit.vad.silero_engine:SileroScorer",
    "pyaudioanalysis": "audiokit.vad.pyaudioanalysis_engine:PyAudioAnalysisScorer",
    "rnnoise": "vad_peers:RnnoiseScorer",
}
# The library in pyrnnoise takes longer than the audio; it runs when it is named.
SLOW = ("rnnoise",)


def build(name):
    """Return a new scorer for 16 kHz mono.

    Raises:
        AudiokitError: Its package is missing.
        ImportError: This version has no such engine.
    """
    module, _, kind = ENGINES.get(name, name).partition(":")
    return getattr(importlib.import_module(module), kind)(FMT)


def is_present(name):
    """Return whether an engine can be built; print why not."""
    try:
        build(name)
    except (AudiokitError, ImportError) as error:
        print(f"{name} is absent: {error}")
        return False
    return True


def score(name, samples, block_samples=None):
    """Return the probability of each frame, ``(frames,)``, and the CPU seconds it took."""
    scorer = build(name)
    size = block_samples or max(1, len(samples))
    column = np.ascontiguousarray(samples[:, np.newaxis])
    begin_s = time.process_time()
    parts = [scorer.process(column[at : at + size]) for at in range(0, len(column), size)]
    found = np.concatenate([*parts, scorer.flush()])
    cpu_s = time.process_time() - begin_s
    n_expected = -(-len(samples) * vad_mixes.FRAMES_PER_SECOND // vad_mixes.RATE)
    if len(found) != n_expected:
        raise SystemExit(f"{name} gave {len(found)} frames, expected {n_expected}")
    return found, cpu_s


def segments_of(probabilities, duration_s, *, pad_ms):
    """Return start and end of what the default settings make of probabilities, in s."""
    settings = DetectorSettings()
    per_ms = vad_mixes.FRAMES_PER_SECOND / 1000.0
    hysteresis = Hysteresis(
        upper=settings.threshold,
        lower=lower_threshold(settings.threshold, settings.release),
        min_run=round(settings.min_speech_ms * per_ms),
        min_pause=max(1, round(settings.min_pause_ms * per_ms)),
    )
    runs = hysteresis.process(probabilities) + hysteresis.flush()
    pad_s = pad_ms / 1000.0
    return [
        (max(0.0, run.start / 100 - pad_s), min(duration_s, run.end / 100 + pad_s)) for run in runs
    ]


def agreement(pairs):
    """Return AUC and F1 of all frames of ``(mix, probabilities)`` together."""
    known = [mix.clip.is_known for mix, _ in pairs]
    labels = np.concatenate([mix.clip.is_speech for mix, _ in pairs])
    found = np.concatenate([probabilities for _, probabilities in pairs])
    keep = np.concatenate(known)
    labels, found = labels[keep], found[keep]
    return {
        "auc": vad_scores.roc_auc(labels, found),
        "f1": vad_scores.f1(labels, found >= THRESHOLD),
    }


def on_mixes(pairs):
    """Return the agreement over all mixes, by ratio and by noise."""
    groups = defaultdict(list)
    for pair in pairs:
        groups["all"].append(pair)
        groups[f"{pair[0].snr_db:g} dB"].append(pair)
        groups[pair[0].noise].append(pair)
    # All, then ratios, then noises.
    ranked = sorted(groups, key=lambda name: (name != "all", not name.endswith(" dB")))
    return {group: agreement(groups[group]) for group in ranked}


def on_clean(pairs):
    """Return errors of boundaries, in ms, and how many words are cut."""
    errors, cut, trimmed, n_words = [], 0, 0, 0
    pad_ms = DetectorSettings().pad_ms
    for mix, probabilities in pairs:
        duration_s = len(mix.noisy) / vad_mixes.RATE
        words = mix.clip.words
        bare = segments_of(probabilities, duration_s, pad_ms=0.0)
        padded = segments_of(probabilities, duration_s, pad_ms=pad_ms)
        kept = segments_of(probabilities, duration_s, pad_ms=pad_ms + TrimSettings().edge_ms)
        errors.append(vad_scores.boundary_errors_s(words, bare))
        cut += vad_scores.n_cut(words, padded)
        trimmed += vad_scores.n_trimmed(words, kept)
        n_words += len(words)
    all_ms = 1000.0 * np.concatenate(errors)
    return {
        "n_edges": len(all_ms),
        "median_ms": float(np.median(all_ms)),
        # The higher of two: an infinite one must not make a nan.
        "p90_ms": float(np.quantile(all_ms, 0.9, method="higher")),
        "share_within_80_ms": float(np.mean(all_ms <= 80.0)),
        "n_words": n_words,
        "n_cut": cut,
        "n_trimmed": trimmed,
    }


def rtf(name, samples, block_s):
    """Return CPU time over the duration, the better of two runs."""
    size = round(block_s * vad_mixes.RATE)
    return min(score(name, samples, size)[1] for _ in range(2)) * vad_mixes.RATE / len(samples)


def timed_samples(made):
    """Return 60 s of mixes at 5 dB, after one another."""
    at_5_db = [mix.noisy for mix in made if mix.snr_db == 5.0]
    return np.concatenate(at_5_db)[: TIMED_S * vad_mixes.RATE]


def measure(name, made, human, clean):
    """Return all figures of one engine."""

    def scored(members):
        return [(mix, score(name, mix.noisy)[0]) for mix in members]

    samples = timed_samples(made)
    on_the_clean = scored(clean)
    return {
        "mixes": on_mixes(scored(made)),
        "clean": {**agreement(on_the_clean), **on_clean(on_the_clean)},
        "human": agreement(scored(human)),
        "noise": on_noise(name),
        "rtf": rtf(name, samples, 10.0),
        "rtf_live": rtf(name, samples, 0.02),
    }


def on_noise(name):
    """Return the share of 30 s of each noise recording that is called speech, by recording."""
    shares = {}
    for path in sorted((vad_mixes.recordings() / "noise").iterdir()):
        samples = vad_mixes.mixes.read(path)[: 30 * vad_mixes.RATE]
        duration_s = len(samples) / vad_mixes.RATE
        found = segments_of(score(name, samples)[0], duration_s, pad_ms=0.0)
        shares[path.stem] = sum(end - start for start, end in found) / duration_s
    return shares


def alone(figures):
    """Print how much of noise alone is called speech, where any engine says so of 5 %."""
    shares = {name: found["noise"] for name, found in figures.items()}
    recorded = list(next(iter(shares.values())))
    rows = [("mean of all", *(f"{np.mean(list(of.values())):.3f}" for of in shares.values()))]
    for recording in recorded:
        values = [of[recording] for of in shares.values()]
        if max(values) >= 0.05:
            rows.append((recording, *(f"{value:.2f}" for value in values)))
    print_table(f"share called speech, {len(recorded)} noises alone", ("", *figures), rows)


def overview(figures, n_mixes):
    """Print the table of all engines."""
    rows = []
    for name, found in figures.items():
        whole, at_0_db = found["mixes"]["all"], found["mixes"]["0 dB"]
        rows.append(
            (
                name,
                f"{whole['auc']:.3f}",
                f"{at_0_db['auc']:.3f}",
                f"{whole['f1']:.3f}",
                f"{found['clean']['auc']:.3f}",
                f"{found['clean']['f1']:.3f}",
                f"{found['human']['auc']:.3f}",
                f"{found['human']['f1']:.3f}",
                f"{found['rtf']:.5f}",
                f"{found['rtf_live']:.5f}",
            )
        )
    header = ("", "AUC", "0 dB", "F1", "clean AUC", "F1", "human AUC", "F1", "RTF", "live")
    print_table(f"{n_mixes} mixes, the clean clips, those labelled by hand", header, rows)


def edges(figures):
    """Print the table of boundaries."""
    rows = [
        (
            name,
            f"{found['clean']['median_ms']:.0f}",
            f"{found['clean']['p90_ms']:.0f}",
            f"{100 * found['clean']['share_within_80_ms']:.0f}",
            found["clean"]["n_cut"],
            found["clean"]["n_trimmed"],
        )
        for name, found in figures.items()
    ]
    about = next(iter(figures.values()))["clean"]
    header = ("", "median ms", "90 % ms", "% within 80 ms", "words cut", "trimmed")
    title = f"{about['n_edges']} edges and {about['n_words']} words of the clean aligned clips"
    print_table(title, header, rows)


def breakdown(figures, key):
    """Print AUC or F1 by ratio and by noise, an engine each column."""
    groups = next(iter(figures.values()))["mixes"]
    rows = [
        (group, *(f"{found['mixes'][group][key]:.3f}" for found in figures.values()))
        for group in groups
    ]
    print_table(f"{key} by ratio and noise", ("", *figures), rows)


def options_of():
    """Return the flags."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    usual = ",".join(name for name in ENGINES if name not in SLOW)
    parser.add_argument("--engines", default=usual, help="names, commas between")
    parser.add_argument("--noises", choices=vad_mixes.NOISES, default="main")
    parser.add_argument("--close-ms", type=float, default=0.0, help="label shorter pauses speech")
    parser.add_argument("--json", type=Path, help="write all figures here")
    return parser.parse_args()


def main():
    """Measure all engines and print the tables."""
    options = options_of()
    names = [name for name in options.engines.split(",") if is_present(name)]
    if not names:
        raise SystemExit("no engine is left")
    clips = vad_mixes.aligned_clips(options.close_ms)
    made = vad_mixes.make(clips, options.noises)
    clean = vad_mixes.clean(clips)
    human = vad_mixes.clean(vad_mixes.hand_labelled_clips())
    figures = {name: measure(name, made, human, clean) for name in names}
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))
    overview(figures, len(made))
    edges(figures)
    alone(figures)
    for key in ("auc", "f1"):
        breakdown(figures, key)


if __name__ == "__main__":
    main()
