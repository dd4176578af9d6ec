"""Measuring and setting loudness: whole programs, their CPU time and peak memory.

    python tests/benchmarks/bench_loudness.py [--minutes 10] [--long-minutes 120] [--repeat 3]
        [--ffmpeg-normalize PATH]

Everything works on one WAV file, 44.1 kHz stereo 16-bit, already in the page cache, on one
core: real music with AUDIOKIT_TEST_DATA at hand, made-up music without. Runs of the programs
alternate; the median counts. Peers: `ebur128_meter.c` (libebur128, compiled here), the ffmpeg
program, pyloudnorm (integrated loudness alone), and ffmpeg-normalize with its defaults, which
write 192 kHz. Who is not installed is named as absent. The loudness of what was written is
measured by FFmpeg's filter inside PyAV.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
from cost import AUDIOKIT, print_table, recordings, run

sys.path.append(str(Path(__file__).resolve().parents[1] / "loudness"))

import libavfilter

RATE = 44100
WATCH_EVERY_S = 0.02
METER_SOURCE = Path(__file__).with_name("ebur128_meter.c")
PYLOUDNORM = (
    "import sys, soundfile, pyloudnorm\n"
    "samples, rate = soundfile.read(sys.argv[1])\n"
    "print(pyloudnorm.Meter(rate).integrated_loudness(samples))\n"
)
COST_HEADER = ("", "CPU s", "wall s", "peak MB", "CPU, times audiokit's")
RESULT_HEADER = ("", "LUFS", "range LU", "true peak dBTP")


def pieces_of_music():
    """Return stereo pieces at 44.1 kHz: the recordings, or something like music."""
    import soundfile

    try:
        paths = sorted((recordings() / "music").iterdir())
    except SystemExit as absent:
        print(absent, "Made-up music instead.")
        return [made_up_music()]
    infos = {path: soundfile.info(path) for path in paths}
    return [
        soundfile.read(path, dtype="float32")[0]
        for path, info in infos.items()
        if (info.samplerate, info.channels) == (RATE, 2)
    ]


def made_up_music():
    """Return a minute of plucked tones, a new one every 200 ms, each somewhere in the room."""
    rng = np.random.default_rng(0)
    music = np.zeros((61 * RATE, 2), np.float32)
    time = np.arange(RATE) / RATE
    for start in range(0, 60 * RATE, RATE // 5):
        tone_hz = 55.0 * 2.0 ** rng.uniform(0, 6)
        tone = rng.uniform(0.02, 0.5) * np.exp(-6.0 * time) * np.sin(2 * np.pi * tone_hz * time)
        left = rng.uniform(0, 1)
        music[start : start + RATE] += tone[:, np.newaxis] * [left, 1 - left]
    return music


def write_music(path, pieces, minutes):
    """Write so many minutes of pieces, over and over."""
    import soundfile

    n_left = minutes * 60 * RATE
    with soundfile.SoundFile(path, "w", RATE, 2, "PCM_16") as file:
        while n_left:
            for piece in pieces:
                file.write(np.clip(piece[:n_left], -1.0, 1.0))
                n_left -= min(n_left, len(piece))


def meters(source, folder):
    """Return the commands that measure a file, by name, and who is absent."""
    found = {"audiokit info --loudness": (*AUDIOKIT, "info", source, "--loudness", "--json")}
    absent = []
    compiler, meter = shutil.which("cc"), Path(folder, "ebur128_meter")
    try:
        run((compiler or "cc", "-O2", METER_SOURCE, "-lebur128", "-lm", "-o", meter))
        found["libebur128 (compiled)"] = (meter, source)
    except (SystemExit, OSError):
        absent.append("libebur128: no C compiler, or no header of the library")
    if ffmpeg := shutil.which("ffmpeg"):
        level = ("-af", "ebur128=peak=true:framelog=verbose", "-f", "null", "-")
        found["ffmpeg ebur128=peak=true"] = (ffmpeg, "-nostdin", "-nostats", "-i", source, *level)
    else:
        absent.append("ffmpeg")
    try:
        import pyloudnorm  # noqa: F401  is it there?

        found["pyloudnorm, integrated alone"] = (sys.executable, "-c", PYLOUDNORM, source)
    except ImportError:
        absent.append("pyloudnorm")
    return found, absent


def normalizers(source, folder, target_lufs, ffmpeg_normalize):
    """Return the commands that write a file at a loudness and their outputs, by name."""
    target = ("--target-lufs", target_lufs)
    ours, theirs = (Path(folder, f"{name}{target_lufs}.wav") for name in ("ours", "theirs"))
    command = (*AUDIOKIT, "normalize", source, "-o", ours, *target, "--overwrite", "--quiet")
    found = {"audiokit normalize": (command, ours)}
    if ffmpeg_normalize:
        command = (ffmpeg_normalize, source, "-t", target_lufs, "-o", theirs, "-f", "-q")
        found["ffmpeg-normalize"] = (command, theirs)
    return found


def measure(commands, repeat):
    """Return the rows of a table of costs: the median of runs that alternate."""
    runs = {name: [] for name in commands}
    for _ in range(repeat):
        for name, command in commands.items():
            runs[name].append(run(command, watch_every_s=WATCH_EVERY_S))
    cpu_s = {name: statistics.median(c.cpu_s for c in costs) for name, costs in runs.items()}
    ours_s = next(iter(cpu_s.values()))
    return [
        (
            name,
            f"{cpu_s[name]:.2f}",
            f"{statistics.median(cost.wall_s for cost in costs):.2f}",
            f"{max(cost.peak_mb for cost in costs):.0f}",
            f"{cpu_s[name] / ours_s:.1f}",
        )
        for name, costs in runs.items()
    ]


def heard(path):
    """Return loudness, range and true peak of a file by FFmpeg's meter, as text."""
    import soundfile

    with soundfile.SoundFile(path) as file:
        blocks = file.blocks(4 * file.samplerate, dtype="float32", always_2d=True)
        readings = libavfilter.read(blocks, file.samplerate)
    values = (readings.integrated_lufs, readings.range_lu, readings.true_peak_dbtp)
    return tuple("-" if value is None else f"{value:.2f}" for value in values)


def compare_normalizers(source, folder, options):
    """Print cost and result of bringing a file to -23 and -14 LUFS."""
    for target_lufs in ("-23", "-14"):
        found = normalizers(source, folder, target_lufs, options.ffmpeg_normalize)
        rows = measure({name: command for name, (command, _) in found.items()}, options.repeat)
        print_table(f"normalize to {target_lufs} LUFS, {options.minutes} min", COST_HEADER, rows)
        results = [("the source", *heard(source))]
        results += [(name, *heard(written)) for name, (_, written) in found.items()]
        print_table(f"normalized to {target_lufs} LUFS, by FFmpeg", RESULT_HEADER, results)
        for _, written in found.values():
            written.unlink()
    if not options.ffmpeg_normalize:
        print("ffmpeg-normalize is not installed here.")


def compare_lengths(pieces, folder, options):
    """Print what a long file costs audiokit beside a short one."""
    rows = []
    for minutes in (options.minutes, options.long_minutes):
        source = Path(folder, f"{minutes}.wav")
        write_music(source, pieces, minutes)
        found = normalizers(source, folder, "-14", None)
        commands = {
            "info --loudness": (*AUDIOKIT, "info", source, "--loudness", "--json"),
            "normalize to -14": found["audiokit normalize"][0],
        }
        rows += [(f"{row[0]}, {minutes} min", *row[1:4]) for row in measure(commands, 1)]
        source.unlink()
        found["audiokit normalize"][1].unlink()
    print_table("audiokit: a long file", COST_HEADER[:4], rows)


def main():
    """Measure all programs and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--long-minutes", type=int, default=120, help="0: no long file")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--ffmpeg-normalize", default=shutil.which("ffmpeg-normalize"))
    options = parser.parse_args()
    pieces = pieces_of_music()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "music.wav")
        write_music(source, pieces, options.minutes)
        commands, absent = meters(source, folder)
        rows = measure(commands, options.repeat)
        print_table(f"measure loudness, {options.minutes} min", COST_HEADER, rows)
        for name in absent:
            print(f"{name} is not installed here.")
        compare_normalizers(source, folder, options)
        if options.long_minutes:
            compare_lengths(pieces, folder, options)


if __name__ == "__main__":
    main()
