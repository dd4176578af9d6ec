"""What a command costs: wall time, CPU time and peak memory, its children included."""

from __future__ import annotations

import datetime as dt
import os
import platform
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

# One thread per library: two on short arrays cost more than they save.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
AUDIOKIT = (sys.executable, "-m", "audiokit")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of a command took.

    Args:
        wall_s: From start to end.
        cpu_s: User and system time of the process and every descendant it waited for.
        peak_mb: Highest sum of resident memory over the process and its descendants,
            sampled; pages they share count once for each. 0 when it was not watched.
        stdout: What it printed.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float
    stdout: str


def run(command, *, n_cores=1, watch_every_s=None, env=None):
    """Run a command on so many cores, with more environment, and return its `Cost`.

    Raises:
        SystemExit: It failed; its last lines tell why.
    """
    allowed = os.sched_getaffinity(0)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin_s = time.perf_counter()
    # A child inherits the cores of who starts it.
    os.sched_setaffinity(0, sorted(allowed)[-n_cores:])
    process = subprocess.Popen(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **ONE_THREAD, **(env or {})},
    )
    os.sched_setaffinity(0, allowed)
    peak_mb = 0.0
    while True:
        try:
            stdout, stderr = process.communicate(timeout=watch_every_s)
            break
        except subprocess.TimeoutExpired:
            peak_mb = max(peak_mb, tree_mb(process.pid))
    wall_s = time.perf_counter() - begin_s
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        tail = "\n".join(stderr.splitlines()[-5:])
        raise SystemExit(
            f"{' '.join(map(str, command[:4]))} … exited {process.returncode}\n{tail}"
        )
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall_s, cpu_s, peak_mb, stdout)


def tree_mb(root):
    """Return the resident memory of a process and its descendants now, in MB."""
    parents = {int(folder.name): parent_of(folder) for folder in Path("/proc").glob("[0-9]*")}
    family = {root}
    while grown := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= grown
    return sum(resident_bytes(pid) for pid in family) / 1e6


def parent_of(folder):
    """Return the number of a process's parent, 0 when it has ended."""
    try:
        # The name in parentheses may hold spaces; state and parent follow it.
        return int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def resident_bytes(pid):
    """Return the resident memory of one process, 0 when it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
    except (OSError, IndexError):
        return 0


def recordings():
    """Return the folder of real recordings, or end with what to do."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    folder = Path(os.environ.get("AUDIOKIT_TEST_DATA", beside))
    if not (folder / "MANIFEST.csv").is_file():
        raise SystemExit(f"no recordings in {folder}. Set AUDIOKIT_TEST_DATA.")
    return folder


def print_table(title, header, rows):
    """Print a table of text, first column left, the others right, with machine and date."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    today = dt.datetime.now(dt.timezone.utc).date()
    print(f"{title} ({processor()}, Python {platform.python_version()}, {today})")
    for first, *others in cells:
        numbers = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        print("  ".join((first.ljust(widths[0]), *numbers)).rstrip())
    print()


def processor():
    """Return the model name of the processor."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
