"""How long a user waits for ``--version`` and ``--help``, and what they import.

    python tests/benchmarks/bench_startup.py [--repeat 20]

The least of many runs: start-up has no other way to be fast than to do less, and what
exceeds the least is the machine's.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from cost import AUDIOKIT, print_table, run

HEADER = ("", "least wall ms", "median ms", "ratio to import typer")
COMMANDS = {
    'python -c "import typer"': (sys.executable, "-c", "import typer"),
    "python -c pass": (sys.executable, "-c", "pass"),
    "audiokit --version": (*AUDIOKIT, "--version"),
    "audiokit --help": (*AUDIOKIT, "--help"),
    "audiokit process --help": (*AUDIOKIT, "process", "--help"),
}
HEAVY = ("scipy", "librosa", "numba", "soxr", "av", "pandas", "pyarrow", "joblib", "numpy")


def imported(*arguments):
    """Return which heavy packages one call of audiokit loads."""
    code = (
        "import sys, runpy\n"
        f"sys.argv = ['audiokit', *{arguments!r}]\n"
        "try:\n    runpy.run_module('audiokit', run_name='__main__')\n"
        "except SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stderr.splitlines()[-1]


def main():
    """Measure each command and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=20)
    options = parser.parse_args()
    times_ms = {name: [] for name in COMMANDS}
    # In turn, so that a slow spell of the machine touches all of them.
    for _ in range(options.repeat):
        for name, command in COMMANDS.items():
            times_ms[name].append(1000 * run(command).wall_s)
    typer_ms = min(times_ms['python -c "import typer"'])
    rows = [
        (name, f"{min(spent):.1f}", f"{sorted(spent)[len(spent) // 2]:.1f}",
         f"{min(spent) / typer_ms:.2f}")
        for name, spent in times_ms.items()
    ]  # fmt: skip
    print_table(f"start-up: least of {options.repeat}", HEADER, rows)
    for arguments in (("--version",), ("--help",)):
        print(f"heavy modules after audiokit {' '.join(arguments)}: {imported(*arguments)}")


if __name__ == "__main__":
    main()
