"""Whether `compare` tells the same recording from another, by length and by damage.

    python tests/benchmarks/bench_compare.py

Real speech of many talkers, each pair cut from where most is said. Beside each figure stands how
often the plain peak of the normalised correlation, taken as the same above 0.1, is right.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np

from audiokit.files.read import open_audio
from audiokit.files.resample import Resampler, ResampleSettings
from audiokit.files.write import WriteSettings, open_writer
from audiokit.quality.reference.lag import find_alignment
from audiokit.stage import StreamFormat, run_blocks

DATA = Path(os.environ.get("AUDIOKIT_TEST_DATA", "../shared/data"))
RATE = 16000
LENGTHS_S = (0.6, 1.0, 3.0, 15.0)
PAIRS = 150
AUDIO = {".wav", ".flac", ".mp3", ".ogg", ".opus"}
MONO = StreamFormat(RATE)


def read(path):
    with open_audio(str(path)) as reader:
        fmt = StreamFormat(reader.fmt.sample_rate)
        blocks = (b.mean(axis=1, keepdims=True, dtype=np.float32) for b in reader.blocks(65536))
        stage = Resampler(fmt, ResampleSettings(RATE))
        samples = np.concatenate(list(run_blocks(stage, blocks)))[:, 0][: 30 * RATE]
    return samples - samples.mean()


def folder(name):
    return [read(path) for path in sorted((DATA / name).iterdir()) if path.suffix in AUDIO]


def loudest(samples, n_samples):
    energy = np.cumsum(np.square(samples, dtype=np.float64))
    start = int(np.argmax(energy[n_samples:] - energy[:-n_samples]))
    return samples[start : start + n_samples]


def louder_noise(rng, noises):
    def add(clip):
        noise = np.resize(noises[rng.integers(len(noises))], len(clip))
        return clip + noise * np.sqrt(np.mean(clip**2) / (np.mean(noise**2) + 1e-20)) * 10**0.25

    return add


def opus(clip):
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "clip.opus"
        with open_writer(path, MONO, WriteSettings("opus", bitrate_bps=6000)) as writer:
            writer.write(np.ascontiguousarray(clip[:, np.newaxis], np.float32))
        return read(path)


def by_peak(one, other):
    n_fft = 1 << (len(one) + len(other)).bit_length()
    cross = np.fft.irfft(np.fft.rfft(other, n_fft) * np.fft.rfft(one, n_fft).conj(), n_fft)
    return np.abs(cross).max() >= 0.1 * np.sqrt(np.sum(one**2) * np.sum(other**2))


def line(name, pairs):
    found = [
        find_alignment(one, other.astype(np.float32), RATE) is not None for one, other in pairs
    ]
    plain = [by_peak(one, other) for one, other in pairs]
    print(f"  {name:<22} {len(pairs):4d} pairs  taken for the same {sum(found):4d}  "
          f"(plain peak {sum(plain):4d})")  # fmt: skip


def main():
    rng = np.random.default_rng(0)
    voices, rooms, noises = folder("speech"), folder("rir"), folder("noise")
    damages = {
        "noise 5 dB louder": louder_noise(rng, noises),
        "in a room": lambda clip: np.convolve(clip, rooms[rng.integers(len(rooms))])[: len(clip)],
        "clipped at 5 %": lambda clip: np.clip(clip, *(np.array([-0.05, 0.05]) * abs(clip).max())),
        "Opus, 6 kbit/s": opus,
        "upside down, half": lambda clip: -0.5 * clip,
    }
    for length_s in LENGTHS_S:
        n_samples = round(length_s * RATE)
        clips = [loudest(voice, n_samples) for voice in voices if len(voice) > n_samples]
        print(f"{length_s} s")
        chosen = [rng.choice(len(clips), 2, replace=False) for _ in range(PAIRS)]
        line("another recording", [(clips[i], clips[j]) for i, j in chosen])
        for name, damage in damages.items():
            line(name, [(clip, damage(clip)) for clip in clips[:20]])


if __name__ == "__main__":
    main()
