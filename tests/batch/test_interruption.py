"""Runs that are stopped from outside, and go on later."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = """
import json, os, sys, time
from pathlib import Path
from audiokit.batch.journal import Journal
from audiokit.batch.run import BatchSettings, Item, run_batch
from audiokit.errors import InterruptedRunError

out = Path(sys.argv[1])

def job(item):
    with (out / "log").open("a") as log:
        log.write(f"{os.getpid()} {item.key}\\n")
    part = out / f".{item.key}.wav.r4nd.part"
    part.write_text(item.key)
    if item.payload == "crash":
        os._exit(1)
    time.sleep(0.02)
    part.rename(out / f"{item.key}.wav")
    return {"n": item.payload, "third": item.payload / 3}

def items():
    for i in range(80):
        yield Item(f"k{i}", i, outputs=(str(out / f"k{i}.wav"),))

if __name__ == "__main__":
    todo = list(items())
    if len(sys.argv) > 2:
        todo = [Item("k0", 0), Item("bad", "crash"), Item("k1", 1)]
    try:
        with Journal(out / ".audiokit") as journal:
            for row in run_batch(job, todo, BatchSettings(jobs=2), journal=journal):
                pass
            for row in journal.rows_in_order(item.key for item in todo):
                print(json.dumps(row))
    except InterruptedRunError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
"""


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a run on a folder, in a group of its own."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)

    def start_on(name, *options, **environment):
        out = tmp_path / name
        out.mkdir(exist_ok=True)
        temporary = tmp_path / "temporary"
        temporary.mkdir(exist_ok=True)
        return out, subprocess.Popen(
            [sys.executable, script, out, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=os.environ | {"TMPDIR": str(temporary)} | environment,
        )

    return start_on


def log_of(out):
    path = out / "log"
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def wait_for_items(out, n_items):
    deadline_s = time.monotonic() + 20
    while len(log_of(out)) < n_items:
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def assert_gone(pids):
    deadline_s = time.monotonic() + 5
    for pid in pids:
        while True:
            try:
                os.kill(int(pid), 0)
            except ProcessLookupError:
                break
            # Its adoptive parent may not have asked after it yet.
            if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
                break
            assert time.monotonic() < deadline_s, f"{pid} is still there"
            time.sleep(0.01)


def assert_resumes_as_if_never_stopped(start, out):
    begun = [key for _, key in log_of(out)]
    recorded = (out / ".audiokit" / "journal.jsonl").read_text().splitlines()
    done = {json.loads(line)["row"]["key"] for line in recorded if line.endswith("}")}
    _, again = start(out.name)
    rows, complaints = again.communicate(timeout=60)
    assert again.returncode == 0, complaints
    expected = [{"key": f"k{i}", "status": "ok", "error": None, "error_type": None, "n": i,
                 "third": i / 3} for i in range(80)]  # fmt: skip
    assert rows == "".join(json.dumps(row) + "\n" for row in expected)
    assert not [path for path in out.rglob("*") if path.suffix == ".part"]
    later = [key for _, key in log_of(out)][len(begun) :]
    assert not done & set(later), "done twice"
    assert len(done) + len(later) == 80


def test_a_killed_run_goes_on_where_it_was(start):
    out, run = start("out")
    wait_for_items(out, 25)
    run.kill()
    run.communicate()
    assert_resumes_as_if_never_stopped(start, out)
    assert_gone({pid for pid, _ in log_of(out)})


def test_ctrl_c_ends_at_once_and_leaves_nothing_half_done(start):
    out, run = start("out")
    wait_for_items(out, 25)
    # As a terminal does it: to the whole group.
    os.killpg(run.pid, signal.SIGINT)
    stdout, stderr = run.communicate(timeout=5)
    assert run.returncode == 130
    assert (stdout, stderr) == (
        "",
        "interrupted; what was finished is kept. Run again to go on.\n",
    )
    assert_gone({pid for pid, _ in log_of(out)})
    assert not [path for path in out.rglob("*") if path.suffix == ".part"]
    assert_resumes_as_if_never_stopped(start, out)


def test_a_crash_is_quiet_even_where_there_is_no_pgrep(start):
    out, run = start("out", "with a crash", PATH="/nowhere")
    stdout, stderr = run.communicate(timeout=60)
    statuses = [json.loads(line)["status"] for line in stdout.splitlines()]
    assert (statuses, stderr) == (["ok", "failed", "ok"], "")
    assert not list((out.parent / "temporary").iterdir())
