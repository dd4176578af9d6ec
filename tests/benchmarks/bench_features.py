"""Features beside librosa's: how far apart the numbers are, and what they cost.

    python tests/benchmarks/bench_features.py [--seconds 60] [--repeat 7]

Speech at 16 kHz with AUDIOKIT_TEST_DATA at hand, noise in syllables without; one thread, one
process, warm, CPU time, the best of some runs that alternate. librosa shares one transform, and
one mel and one chroma table, between its families, as does audiokit. The bare transform is
`numpy.fft.rfft` of the windowed frames in single precision, in pieces that stay in cache. What
each family adds is its own run less that of the transform alone.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from cost import ONE_THREAD, print_table, recordings

from audiokit.features import FAMILY_NAMES, FeatureExtractor, FeatureSettings
from audiokit.stage import StreamFormat
from audiokit.testing import analyze, speechlike

sys.path.append(str(Path(__file__).resolve().parents[1] / "features"))

import published
from librosa_peer import ROWS, librosa_rows

RATE = 16000
FMT = StreamFormat(RATE)
CLASSICAL = ("mel", "mfcc", "chroma", "rms", "crossings", "spectral")
WITH_PEER = tuple(ROWS)
# bench_pitch.py has those that follow the pitch.
SPECTRAL = tuple(name for name in FAMILY_NAMES if name not in ("pitch", "voice"))
FRAMES_IN_CACHE = 64
FIRST_CALL = (
    "import time; begin_s = time.perf_counter()\n"
    "import numpy as np\n"
    "from audiokit.features import FeatureExtractor\n"
    "from audiokit.stage import StreamFormat\n"
    "extractor = FeatureExtractor(StreamFormat(16000))\n"
    "extractor.process(np.zeros((16000, 1), np.float32)); extractor.flush()\n"
    "print(time.process_time())\n"
)


def speech(seconds):
    """Return ``(samples, 1)``: recordings at 16 kHz end to end, or something like them."""
    import soundfile

    n_samples = round(seconds * RATE)
    try:
        paths = sorted((recordings() / "speech").glob("libri_*.flac"))
    except SystemExit as absent:
        print(absent, "Syllables of noise instead.")
        return speechlike(FMT, seconds)
    pieces = [soundfile.read(path, dtype="float32")[0] for path in paths]
    return np.resize(np.concatenate(pieces), n_samples)[:, None].astype(np.float32)


def extract(block, families):
    extractor = FeatureExtractor(FMT, FeatureSettings(families=families))
    return analyze(extractor, [block])


def bare_transform(block, grid):
    padded = np.pad(block[:, 0], grid.window_samples // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, grid.window_samples)
    frames = frames[:: grid.hop_samples]
    window = np.hanning(grid.window_samples + 1)[:-1].astype(np.float32)
    for start in range(0, len(frames), FRAMES_IN_CACHE):
        np.fft.rfft(frames[start : start + FRAMES_IN_CACHE] * window, grid.n_fft)


def best_cpu_s(calls, repeat):
    """Return the least CPU seconds of each of some named calls, in alternation."""
    best = dict.fromkeys(calls, np.inf)
    for turn in range(repeat + 1):
        for name, call in calls.items():
            begin_s = time.thread_time()
            call()
            # The first turn fills caches and compiles what librosa compiles.
            if turn:
                best[name] = min(best[name], time.thread_time() - begin_s)
    return best


def parity(block, grid):
    """Return a row per family: worst absolute and worst relative difference."""
    extractor = FeatureExtractor(FMT, FeatureSettings(families=WITH_PEER))
    table = analyze(extractor, [block])
    theirs = librosa_rows(block[:, 0], grid, WITH_PEER)
    rows = []
    for name in WITH_PEER:
        expected = theirs[name]
        ours = table[:, extractor.families[name]][:, : expected.shape[1]]
        difference = np.abs(ours - expected)
        scale = np.maximum(np.abs(expected), 1e-3 * np.abs(expected).max(axis=0))
        n_apart = int(np.count_nonzero((difference > 1e-3 * scale).any(axis=1)))
        relative = f"{(difference / scale).max():.1e}"
        rows.append((name, f"{difference.max():.1e}", relative, f"{n_apart} of {len(ours)}"))
    return rows


def kaldi_native(samples):
    """Return kaldi-native-fbank's 80 bands and 13 cepstral coefficients."""
    import kaldi_native_fbank

    tables = {}
    for kind in ("Fbank", "Mfcc"):
        options = getattr(kaldi_native_fbank, f"{kind}Options")()
        options.frame_opts.dither = 0.0
        options.mel_opts.num_bins = 80
        if kind == "Mfcc":
            options.use_energy = False
        computer = getattr(kaldi_native_fbank, f"Online{kind}")(options)
        computer.accept_waveform(RATE, (samples * np.float32(32768.0)).tolist())
        computer.input_finished()
        n_rows = computer.num_frames_ready
        tables[kind] = np.array([computer.get_frame(index) for index in range(n_rows)])
    return tables["Fbank"], tables["Mfcc"]


def preset_parity(block):
    """Return a row per preset: what it is compared with, and the worst difference."""
    import librosa

    samples = block[: 20 * RATE, 0]

    def rows_of(preset, family, **settings):
        wanted = FeatureSettings(preset=preset, families=(family,), **settings)
        return analyze(FeatureExtractor(FMT, wanted), [block[: 20 * RATE]])

    bank = {
        n_mels: librosa.filters.mel(sr=RATE, n_fft=400, n_mels=n_mels, dtype=np.float64)
        for n_mels in (80, 128)
    }
    kaldi_mel, kaldi_mfcc = rows_of("kaldi", "mel"), rows_of("kaldi", "mfcc")
    definition = published.kaldi_fbank(samples, RATE), published.kaldi_mfcc(samples, RATE)
    compared = [
        ("kaldi mel", "its definition", definition[0], kaldi_mel),
        ("kaldi mfcc", "its definition", definition[1], kaldi_mfcc),
        ("htk mel", "the HTK Book", published.htk_fbank(samples, RATE), rows_of("htk", "mel")),
        ("htk mfcc", "the HTK Book", published.htk_mfcc(samples, RATE), rows_of("htk", "mfcc")),
    ]
    for n_mels, weights in bank.items():
        theirs = published.whisper_log10_mel(samples, weights)
        ours = rows_of("whisper", "mel", n_mels=n_mels)
        compared.append((f"whisper {n_mels} mel", "its definition", theirs, ours))
    try:
        fbank, mfcc = kaldi_native(samples)
    except ImportError:
        print("kaldi-native-fbank is not installed: Kaldi's numbers are left out.")
    else:
        # The package computes in single precision: in bands that hold next to nothing its own
        # rounding shows, and the last rows tell how much of the difference that is.
        compared += [
            ("kaldi mel", "kaldi-native-fbank", fbank, kaldi_mel),
            ("kaldi mfcc", "kaldi-native-fbank", mfcc, kaldi_mfcc),
            ("kaldi-native-fbank's mel", "the definition", definition[0], fbank),
            ("kaldi-native-fbank's mfcc", "the definition", definition[1], mfcc),
        ]
    return [
        (
            name,
            peer,
            f"{np.abs(ours - theirs).max():.1e}",
            f"{np.count_nonzero(np.abs(ours - theirs) > 1e-3)} of {ours.size}",
        )
        for name, peer, theirs, ours in compared
    ]


def speed(block, grid, repeat):
    mono = block[:, 0]
    energy = ("energy",)
    calls = {
        "bare transform": lambda: bare_transform(block, grid),
        "audiokit, classical": lambda: extract(block, CLASSICAL),
        "librosa, classical": lambda: librosa_rows(mono, grid, CLASSICAL),
        "audiokit, all with a peer": lambda: extract(block, WITH_PEER),
        "librosa, the same": lambda: librosa_rows(mono, grid, WITH_PEER),
        "audiokit, all but pitch and voice": lambda: extract(block, SPECTRAL),
        "energy": lambda: extract(block, energy),
        **{
            name: lambda name=name: extract(block, (name,))
            for name in FAMILY_NAMES
            if name != "energy"
        },
    }
    best = best_cpu_s(calls, repeat)
    bare_s = best["bare transform"]
    peers = {
        "audiokit, classical": best["librosa, classical"],
        "audiokit, all with a peer": best["librosa, the same"],
    }
    return [
        (
            name,
            f"{cpu_s:.4f}",
            f"{cpu_s / bare_s:.1f}",
            f"{peers[name] / cpu_s:.1f}" if name in peers else "",
        )
        for name, cpu_s in best.items()
    ]


def first_call_s():
    """Return the CPU seconds of a process that extracts once, and no more."""
    runs = [
        subprocess.run(
            [sys.executable, "-c", FIRST_CALL], capture_output=True, text=True, check=True
        )
        for _ in range(3)
    ]
    return min(float(done.stdout) for done in runs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    if os.environ.keys().isdisjoint(ONE_THREAD):
        # NumPy has counted its threads by now: again, with one.
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ONE_THREAD})  # noqa: S606  this very program
    block = speech(options.seconds)
    grid = FeatureExtractor(FMT).grid
    print_table(
        f"librosa's numbers, {options.seconds:g} s of speech: worst difference",
        ("family", "absolute", "relative", "frames off by 1e-3"),
        parity(block, grid),
    )
    print_table(
        "Other presets, 20 s of the same: worst difference in the preset's own unit",
        ("features", "beside", "absolute", "values off by 1e-3"),
        preset_parity(block),
    )
    print_table(
        f"CPU time, {options.seconds:g} s at 16 kHz every 10 ms, one thread",
        ("", "CPU s", "times bare transform", "librosa takes, times"),
        speed(block, grid, options.repeat),
    )
    print(f"first call of a cold process: {first_call_s():.2f} s of CPU time")


if __name__ == "__main__":
    main()
