"""Short-term features beside pyAudioAnalysis' own: how far apart, and what they cost.

    python tests/benchmarks/bench_short_term.py [--seconds 60] [--repeat 5]

Speech at 16 kHz with AUDIOKIT_TEST_DATA at hand, noise in syllables without; one thread, one
process, warm, CPU time, the best of some runs that alternate. Ours hears the recording twice, as
the package does: for its mean and its peak, then for the features.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings

import numpy as np
from bench_features import best_cpu_s, speech
from cost import ONE_THREAD, print_table

from audiokit.dsp.unit_peak import UnitPeak
from audiokit.features import FeatureExtractor, FeatureSettings
from audiokit.features.mid_term import mid_term_statistics
from audiokit.features.short_term import SHORT_TERM_NAMES
from audiokit.stage import StreamFormat
from audiokit.testing import analyze, measure, render

FMT = StreamFormat(16000)
FRAMES_MS = ((25.0, 10.0), (50.0, 25.0), (50.0, 50.0))
GROUPS = {
    "zero crossings": slice(0, 1),
    "energy": slice(1, 2),
    "energy entropy": slice(2, 3),
    "centroid and spread": slice(3, 5),
    "spectral entropy": slice(5, 6),
    "flux": slice(6, 7),
    "roll-off": slice(7, 8),
    "13 MFCC": slice(8, 21),
    "12 chroma and their deviation": slice(21, 34),
    "34 differences": slice(34, 68),
}


def settings_of(frames_ms, deltas):
    window_ms, hop_ms = frames_ms
    return FeatureSettings(
        preset="pyaudioanalysis", window_ms=window_ms, hop_ms=hop_ms, deltas=deltas
    )


def ours(block, frames_ms, deltas=0):
    stage = UnitPeak(FMT)
    processor = stage.build(measure(stage.new_meter(FMT), [block]))
    extractor = FeatureExtractor(FMT, settings_of(frames_ms, deltas))
    return analyze(extractor, [render(processor, [block])])


def theirs(block, frames_ms, deltas=0):
    from pyAudioAnalysis import ShortTermFeatures

    window, hop = (round(16.0 * length_ms) for length_ms in frames_ms)
    samples = block[:, 0].astype(np.float64) * 32768.0
    return ShortTermFeatures.feature_extraction(samples, 16000, window, hop, bool(deltas))[0].T


def parity(block):
    rows = []
    found = {frames_ms: ours(block, frames_ms, 1) for frames_ms in FRAMES_MS[:2]}
    expected = {frames_ms: theirs(block, frames_ms, 1) for frames_ms in FRAMES_MS[:2]}
    for name, place in GROUPS.items():
        cells = []
        for frames_ms, table in found.items():
            other = expected[frames_ms][:, place]
            difference = np.abs(table[:, place] - other).max(axis=0)
            relative = (difference / np.abs(other).max(axis=0)).max()
            cells += [f"{difference.max():.1e}", f"{relative:.1e}"]
        rows.append((name, *cells))
    return rows


def speed(block, repeat):
    rows = []
    for frames_ms in FRAMES_MS:
        calls = {
            "ours": lambda frames_ms=frames_ms: ours(block, frames_ms),
            "package": lambda frames_ms=frames_ms: theirs(block, frames_ms),
        }
        best = best_cpu_s(calls, repeat)
        ratio = best["package"] / best["ours"]
        cells = (f"{best['ours']:.4f}", f"{best['package']:.3f}", f"{ratio:.0f}")
        rows.append((f"{frames_ms[0]:g} ms every {frames_ms[1]:g} ms", *cells))
    table = ours(block, FRAMES_MS[1], 1)
    grid = FeatureExtractor(FMT, settings_of(FRAMES_MS[1], 1)).grid
    statistics = {"statistics": lambda: mid_term_statistics(table, grid)}
    cpu_s = best_cpu_s(statistics, repeat)["statistics"]
    rows.append(("mid-term statistics of 68 columns", f"{cpu_s:.4f}", "", ""))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    if os.environ.keys().isdisjoint(ONE_THREAD):
        # NumPy has counted its threads by now: again, with one.
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ONE_THREAD})  # noqa: S606  this very program
    warnings.simplefilter("ignore")
    block = speech(options.seconds)
    print_table(
        f"pyAudioAnalysis' numbers, {options.seconds:g} s of speech: worst difference",
        ("", "25/10 ms", "of the largest", "50/25 ms", "of the largest"),
        parity(block),
    )
    print_table(
        f"CPU time of {len(SHORT_TERM_NAMES)} features, {options.seconds:g} s at 16 kHz",
        ("frames", "audiokit s", "package s", "times"),
        speed(block, options.repeat),
    )


if __name__ == "__main__":
    main()
