"""Decode, mix and resample: 44.1 kHz stereo WAV to 16 kHz mono WAV, file to file.

    python tests/benchmarks/bench_decode.py [--minutes 10] [--repeat 3]

audiokit's reader, mixer and resampler against soundfile and soxr's stream by hand, each
in a process of its own on one core. Memory is that of the whole process.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from cost import print_table, run

RATE_IN, RATE_OUT = 44100, 16000
BLOCK_SAMPLES = 4 * RATE_IN
HEADER = ("", "x real time", "CPU s", "peak MB", "of which imports")


def convert_by_audiokit(source, target):
    """Read, mix and resample through the stages that `process` uses."""
    from audiokit.dsp.channels import ChannelMixer, ChannelSettings
    from audiokit.files.read import open_audio
    from audiokit.files.resample import Resampler, ResampleSettings
    from audiokit.files.write import WriteSettings, open_writer
    from audiokit.stage import Chain, run_blocks

    with open_audio(source) as reader:
        mixer = ChannelMixer(reader.fmt, ChannelSettings(mode="mono"))
        resampler = Resampler(mixer.out_fmt, ResampleSettings(sample_rate=RATE_OUT))
        chain = Chain(reader.fmt, [mixer, resampler])
        with open_writer(Path(target), chain.out_fmt, WriteSettings(container="wav")) as writer:
            for block in run_blocks(chain, reader.blocks(BLOCK_SAMPLES)):
                writer.write(block)


def convert_by_hand(source, target):
    """Read, mix and resample with soundfile and soxr alone."""
    import soundfile
    import soxr

    stream = soxr.ResampleStream(RATE_IN, RATE_OUT, 1, dtype="float32", quality="HQ")
    with soundfile.SoundFile(target, "w", RATE_OUT, 1, "PCM_16") as out:
        for block in soundfile.blocks(source, BLOCK_SAMPLES, dtype="float32", always_2d=True):
            # Half of the sum: eight times faster than a mean over two columns.
            out.write(stream.resample_chunk(0.5 * (block[:, 0] + block[:, 1])))
        out.write(stream.resample_chunk(np.zeros(0, np.float32), last=True))


CONVERTERS = {"audiokit": convert_by_audiokit, "soundfile + soxr by hand": convert_by_hand}


def write_stereo(path, seconds):
    """Write so many seconds of two unlike channels."""
    import soundfile

    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", RATE_IN, 2, "PCM_16") as file:
        for _ in range(seconds):
            file.write(0.1 * rng.standard_normal((RATE_IN, 2)))


def resident_mb():
    """Return the highest resident memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def child(name, source, target, warm_up):
    """Convert once and print what it took; `warm_up` is a short file that loads all modules."""
    convert = CONVERTERS[name]
    convert(warm_up, target)
    imports_mb = resident_mb()
    begin_s, begin_cpu_s = time.perf_counter(), time.process_time()
    convert(source, target)
    wall_s, cpu_s = time.perf_counter() - begin_s, time.process_time() - begin_cpu_s
    report = {"wall_s": wall_s, "cpu_s": cpu_s, "mb": resident_mb(), "imports_mb": imports_mb}
    print(json.dumps(report))


def main():
    """Measure both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(*options.child)
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        source, warm_up, target = (Path(folder, f"{name}.wav") for name in ("in", "short", "out"))
        write_stereo(source, 60 * options.minutes)
        write_stereo(warm_up, 1)
        for name in CONVERTERS:
            command = (sys.executable, __file__, "--child", name, source, target, warm_up)
            runs = [json.loads(run(command).stdout) for _ in range(options.repeat)]
            best = min(runs, key=lambda report: report["cpu_s"])
            rows.append(
                (name, f"{options.minutes * 60 / best['cpu_s']:,.0f}", f"{best['cpu_s']:.3f}",
                 f"{best['mb']:.0f}", f"{best['imports_mb']:.0f}")
            )  # fmt: skip
    title = f"decode and resample: {options.minutes} min of 44.1 kHz stereo to 16 kHz mono"
    print_table(title, HEADER, rows)


if __name__ == "__main__":
    main()
