"""Features of many clips with torch, beside the engine ``fast`` on one core.

    python tests/benchmarks/bench_features_torch.py [--clips 100] [--seconds 10] [--repeat 5]

Clips of noise in syllables at 16 kHz. Wall time, warm, the best of some runs that alternate, of
the classical families as arrays in memory to tables in memory: on a CUDA device both transfers
are in it. The processor is one core throughout; a device is tried where torch finds one, with as
many clips as asked for (1000 of them are the figure to reach there).
"""

from __future__ import annotations

import argparse
import os
import sys
import time

import numpy as np
from cost import ONE_THREAD, print_table

from audiokit.features import FeatureExtractor, FeatureSettings
from audiokit.stage import StreamFormat
from audiokit.testing import analyze, speechlike

RATE = 16000
FMT = StreamFormat(RATE)
CLASSICAL = ("mel", "mfcc", "energy", "crossings", "spectral")


def clips_of(n_clips, seconds):
    """Return clips ``(samples,)`` that differ from each other."""
    whole = speechlike(FMT, seconds + 10.0)[:, 0]
    starts = np.linspace(0, 10 * RATE, n_clips, endpoint=False).astype(int)
    n_samples = round(seconds * RATE)
    return [np.ascontiguousarray(whole[start : start + n_samples]) for start in starts]


def fast(clips):
    extractor = FeatureExtractor(FMT, FeatureSettings(families=CLASSICAL))
    tables = []
    for clip in clips:
        extractor.reset()
        tables.append(analyze(extractor, [clip[:, None]]))
    return tables


def best_wall_s(calls, repeat):
    """Return the least seconds of each of some named calls, in alternation."""
    best = dict.fromkeys(calls, np.inf)
    for turn in range(repeat + 1):
        for name, call in calls.items():
            begin_s = time.perf_counter()
            call()
            # The first turn makes plans and fills caches.
            if turn:
                best[name] = min(best[name], time.perf_counter() - begin_s)
    return best


def worst(expected, found, place):
    return max(
        float(np.abs(one[:, place] - other[:, place]).max())
        for one, other in zip(expected, found, strict=True)
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    if os.environ.keys().isdisjoint(ONE_THREAD):
        # NumPy has counted its threads by now: again, with one.
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ONE_THREAD})  # noqa: S606  this very program
    try:
        import torch
    except ImportError:
        print("torch is not installed: nothing was measured. Run: pip install 'audiokit[gpu]'")
        return
    from audiokit.features.torch_batch import TorchFeatures

    torch.set_num_threads(1)
    clips = clips_of(options.clips, options.seconds)
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    batches = {}
    for device in devices:
        settings = FeatureSettings(families=CLASSICAL, engine="torch", device=device)
        batches[f"torch, {device}"] = TorchFeatures(RATE, settings)
    calls = {"fast": lambda: fast(clips)}
    calls |= {name: lambda batch=batch: batch(clips) for name, batch in batches.items()}
    best = best_wall_s(calls, options.repeat)
    total_s = options.clips * options.seconds
    print_table(
        f"{options.clips} clips of {options.seconds:g} s, torch {torch.__version__}",
        ("", "wall s", "ms a clip-minute", "times the speed of fast"),
        [
            (name, f"{s:.3f}", f"{1000.0 * s / total_s * 60.0:.2f}", f"{best['fast'] / s:.2f}")
            for name, s in best.items()
        ],
    )
    expected = fast(clips)
    for name, batch in batches.items():
        found = batch(clips)
        rows = [
            (family, f"{worst(expected, found, p):.1e}") for family, p in batch.families.items()
        ]
        print_table(f"worst difference of {name} from fast", ("family", "absolute"), rows)
    if len(devices) == 1:
        print("torch finds no CUDA device: nothing was measured on one.")


if __name__ == "__main__":
    main()
