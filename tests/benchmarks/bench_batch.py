"""What the batch engine costs beside a plain loop and joblib alone, and what its ledger does.

Run it as ``python tests/benchmarks/bench_batch.py`` on a machine with nothing else to do.
"""

from __future__ import annotations

import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import joblib

from audiokit.batch.journal import Journal
from audiokit.batch.plan import finished_row
from audiokit.batch.run import BatchSettings, Item, run_batch

N_TRIVIAL = 10_000
N_SPINNING = 300
N_MANY = 100_000
SPIN_S = 0.02
ROW = {"hash": "0" * 64, "duration_s": 12.5, "loudness_lufs": -23.1, "paths": ["a.wav"] * 3}


def trivial(item):
    return {"n": item.payload}


def spinning(item):
    until_s = time.process_time() + SPIN_S
    while time.process_time() < until_s:
        pass
    return {"n": item.payload}


def items(n_items):
    return (Item(f"folder/of/recordings/take {i:06d}.wav", i) for i in range(n_items))


def waiting(item):
    time.sleep(SPIN_S)
    return {"n": item.payload}


def wall_s(work):
    began_s = time.perf_counter()
    n_done = sum(1 for _ in work())
    return time.perf_counter() - began_s, n_done


def engine(job, n_items, **settings):
    return lambda: run_batch(job, items(n_items), BatchSettings(**settings))


def alone(job, n_items, jobs):
    parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")
    return lambda: parallel(joblib.delayed(job)(item) for item in items(n_items))


def print_overhead():
    ways = {
        "plain loop": lambda: map(trivial, items(N_TRIVIAL)),
        "joblib alone, 2 processes": alone(trivial, N_TRIVIAL, 2),
        "run_batch, 2 processes": engine(trivial, N_TRIVIAL, jobs=2),
        "run_batch, 1 process": engine(trivial, N_TRIVIAL, jobs=1),
        "run_batch, 2 threads": engine(trivial, N_TRIVIAL, jobs=2, backend="threading",
                                       timeout_s=None),
    }  # fmt: skip
    print(f"{N_TRIVIAL} trivial items; ms per item, overhead included")
    for name, way in ways.items():
        cold_s, n_done = wall_s(way)
        warm_s, _ = wall_s(way)
        assert n_done == N_TRIVIAL
        print(f"  {name:28} first {cold_s / N_TRIVIAL * 1e3:7.3f}   again "
              f"{warm_s / N_TRIVIAL * 1e3:7.3f}")  # fmt: skip


def print_scaling():
    # Waiting needs no core, so it shows the engine's share on a machine that is busy, too.
    for job, what in ((spinning, "of CPU each"), (waiting, "of waiting each")):
        print(f"{N_SPINNING} items of {SPIN_S * 1e3:.0f} ms {what}, processes warm")
        took_s = {}
        for jobs in (1, 2):
            for _ in engine(job, 40, jobs=jobs)():
                pass
            took_s[jobs], _ = wall_s(engine(job, N_SPINNING, jobs=jobs))
            print(f"  {jobs} process(es) {took_s[jobs]:6.2f} s")
        print(f"  two are {took_s[1] / took_s[2]:.2f} x one (target 1.8)")


def print_memory():
    command = [sys.executable, __file__, "parent"]
    resident_mb, seconds = subprocess.run(
        command, check=True, capture_output=True, text=True
    ).stdout.split()
    print(f"{N_MANY} items with a journal, then again all resumed and rows read in order")
    print(f"  parent at most {resident_mb} MB (target 150), {seconds} s in all")


def be_parent():
    began_s = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(2):
            with Journal(Path(folder)) as journal:
                for _ in run_batch(trivial, items(N_MANY), BatchSettings(jobs=2), journal=journal):
                    pass
                n_rows = sum(1 for _ in journal.rows_in_order(item.key for item in items(N_MANY)))
    assert n_rows == N_MANY
    resident_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(resident_kb // 1024, f"{time.perf_counter() - began_s:.1f}")


def print_ledgers():
    print(f"ledger of {N_TRIVIAL} rows, one commit each; us per row to write, to look up")
    with tempfile.TemporaryDirectory() as folder:
        for name, measure in {"journal": measure_journal, "SQLite": measure_sqlite}.items():
            write_s, look_s, size = measure(Path(folder))
            print(f"  {name:8} {write_s / N_TRIVIAL * 1e6:7.1f} {look_s / N_TRIVIAL * 1e6:7.1f}"
                  f"   {size / N_TRIVIAL:.0f} bytes per row")  # fmt: skip


def measure_journal(folder):
    began_s = time.perf_counter()
    with Journal(folder) as journal:
        for item in items(N_TRIVIAL):
            journal.append(item, finished_row(item, ROW))
        path = journal.path
    written_s = time.perf_counter()
    with Journal(folder) as journal:
        assert all(journal.is_done(item) for item in items(N_TRIVIAL))
    return written_s - began_s, time.perf_counter() - written_s, path.stat().st_size


def measure_sqlite(folder):
    path = folder / "ledger.sqlite"
    began_s = time.perf_counter()
    ledger = sqlite3.connect(path, isolation_level=None)
    # Its fastest settings that survive a killed process.
    ledger.execute("PRAGMA journal_mode=WAL")
    ledger.execute("PRAGMA synchronous=OFF")
    ledger.execute("CREATE TABLE done (key TEXT PRIMARY KEY, record TEXT)")
    for item in items(N_TRIVIAL):
        record = json.dumps({"stamp": None, "row": finished_row(item, ROW)})
        ledger.execute("INSERT OR REPLACE INTO done VALUES (?, ?)", (item.key, record))
    written_s = time.perf_counter()
    for item in items(N_TRIVIAL):
        found = ledger.execute("SELECT record FROM done WHERE key = ?", (item.key,)).fetchone()
        assert json.loads(found[0])["row"]["key"] == item.key
    took_s = time.perf_counter() - written_s
    ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ledger.close()
    return written_s - began_s, took_s, path.stat().st_size


if __name__ == "__main__":
    if sys.argv[1:] == ["parent"]:
        be_parent()
    else:
        print_overhead()
        print_scaling()
        print_memory()
        print_ledgers()
