"""The main job against the script people write today, on one core.

    python tests/benchmarks/bench_process.py [--files 40] [--pyin] [--repeat 1]

Both prepare the first FLAC files of the recordings' speech folder, in processes of their
own, bound to one core. *Warm* is the cost of every file after the first: the CPU time of
the whole run less that of a run over the first file alone. The *first run* of the peer is
the one after its installation, in a new container or a CI job, when numba compiles what
librosa needs; later runs find that in numba's cache.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from pathlib import Path

from cost import AUDIOKIT, print_table, recordings, run

PEER = (sys.executable, Path(__file__).with_name("peer_script.py"))
HEADER = ("", "wall s", "CPU s", "CPU s/audio min, warm", "ratio in all", "ratio warm")


def audiokit_command(sources, out):
    """Return the command that runs the default recipe in one worker."""
    return (*AUDIOKIT, "process", *sources, "-o", out, "--jobs", "1", "--quiet")


def peer_command(sources, out, *options):
    """Return the command that runs the peer."""
    return (*PEER, *sources, "-o", out, *options)


def audio_s(paths):
    """Return how long so many files last together."""
    import soundfile

    return sum(soundfile.info(path).duration for path in paths)


def measure(build, sources, repeat):
    """Return the least wall and CPU seconds of a whole run, and of each warm audio minute."""
    wholes, firsts = [], []
    for _ in range(repeat):
        with tempfile.TemporaryDirectory() as folder:
            wholes.append(run(build(sources, Path(folder, "all"))))
            firsts.append(run(build(sources[:1], Path(folder, "first"))))
    whole_s = min(cost.cpu_s for cost in wholes)
    warm_s = whole_s - min(cost.cpu_s for cost in firsts)
    warm_per_minute = 60 * warm_s / audio_s(sources[1:])
    return min(cost.wall_s for cost in wholes), whole_s, warm_per_minute


def measure_first_run(sources):
    """Return wall and CPU seconds of the peer without a cache of numba's; none is warm."""
    with tempfile.TemporaryDirectory() as folder:
        command = peer_command(sources, Path(folder, "all"))
        cost = run(command, env={"NUMBA_CACHE_DIR": str(Path(folder, "numba"))})
    return cost.wall_s, cost.cpu_s, math.nan


def main():
    """Measure both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--repeat", type=int, default=1, help="runs of each; the least counts")
    parser.add_argument("--pyin", action="store_true", help="also the peer with F0 (minutes)")
    options = parser.parse_args()
    sources = sorted((recordings() / "speech").glob("*.flac"))[: options.files]
    commands = {"audiokit process": audiokit_command, "script without pyin": peer_command}
    if options.pyin:
        commands["script with pyin"] = lambda paths, out: peer_command(paths, out, "--pyin")
    costs = {name: measure(build, sources, options.repeat) for name, build in commands.items()}
    costs["script, its first run"] = measure_first_run(sources)
    _, ours_s, ours_warm = costs["audiokit process"]
    rows = [
        (name, f"{wall:.2f}", f"{cpu:.2f}", f"{warm:.3f}",
         f"{cpu / ours_s:.2f}", f"{warm / ours_warm:.2f}")
        for name, (wall, cpu, warm) in costs.items()
    ]  # fmt: skip
    minutes = audio_s(sources) / 60
    print_table(f"process: {len(sources)} files, {minutes:.1f} minutes, one core", HEADER, rows)


if __name__ == "__main__":
    main()
