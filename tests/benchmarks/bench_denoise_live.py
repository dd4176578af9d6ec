"""Taking noise away live: the time of a 16 ms hop, and the memory of a process that does it.

    nice python tests/benchmarks/bench_denoise_live.py [--engines network,classic] [--seconds 60]

Every engine runs in a process of its own that loads NumPy, the engine and nothing else, and gets
16 ms blocks of speech-like noise at 16 kHz. A hop's CPU time is that of its thread, so that other
work on the machine does not count; its wall time tells what a listener would have waited.
`resident` is what the process holds at the end, `peak` the most it ever held.
"""

from __future__ import annotations

import argparse
import json
import sys

from bench_denoise import ENGINES, FFT
from cost import print_table, run

HEADER = ("", "p50 ms", "p99 ms", "p99 wall ms", "times FFT", "resident MB", "peak MB")
# The whole of the measured process, so that nothing else is loaded into it.
LIVE = """
import gc, importlib, json, sys, time
import numpy as np
from audiokit.stage import StreamFormat

word, values, seconds = json.loads(sys.argv[1])
fmt = StreamFormat(16000)
if word:
    from audiokit.registry import STAGES
    kind = STAGES[word]
    engine = kind.factory()(fmt, kind.settings_type()(**values))
    step = engine.process
else:
    from audiokit.dsp.stft import StftStream
    stft = StftStream(fmt, window_samples=512, hop_samples=256)
    step = lambda block: stft.process(block, lambda spectra: spectra)
rng = np.random.default_rng(0)
hop = 256
cpu_s, wall_s = [], []
for index in range(round(seconds * 16000 / hop)):
    level = 0.1 if index // 16 % 2 else 0.005
    block = (rng.standard_normal((hop, 1)) * level).astype(np.float32)
    begin_wall, begin_cpu = time.perf_counter(), time.thread_time()
    step(block)
    cpu_s.append(time.thread_time() - begin_cpu)
    wall_s.append(time.perf_counter() - begin_wall)
# The first second loads and learns.
cpu_ms, wall_ms = (1000.0 * np.array(times[63:]) for times in (cpu_s, wall_s))
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
print(json.dumps({
    "p50": np.percentile(cpu_ms, 50), "p99": np.percentile(cpu_ms, 99),
    "wall": np.percentile(wall_ms, 99), "mean": cpu_ms.mean(),
    "resident": int(status["VmRSS"].split()[0]) * 1024 / 1e6,
    "peak": int(status["VmHWM"].split()[0]) * 1024 / 1e6,
}))
"""


def live(name, seconds):
    """Return what one engine takes live, by name of the measure; None where it cannot run."""
    word, values = ("", {}) if name == FFT else ENGINES[name]
    try:
        cost = run((sys.executable, "-c", LIVE, json.dumps([word, values, seconds])))
    except SystemExit as failed:
        print(f"{name} is absent: {str(failed).splitlines()[-1]}")
        return None
    return json.loads(cost.stdout)


def main():
    """Run the engines one after another and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    able = [name for name in ENGINES if not name.startswith("noisereduce")]
    parser.add_argument("--engines", default=",".join(able), help="names, commas between")
    parser.add_argument("--seconds", type=float, default=60.0, help="of audio for each")
    options = parser.parse_args()
    found = {name: live(name, options.seconds) for name in (FFT, *options.engines.split(","))}
    rows = [
        (
            name,
            *(f"{taken[key]:.3f}" for key in ("p50", "p99", "wall")),
            f"{taken['mean'] / found[FFT]['mean']:.1f}",
            *(f"{taken[key]:.1f}" for key in ("resident", "peak")),
        )
        for name, taken in found.items()
        if taken
    ]
    print_table(f"a hop of 16 ms, {options.seconds:g} s of them", HEADER, rows)


if __name__ == "__main__":
    main()
