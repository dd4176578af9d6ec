"""The engine, with real processes that really crash, hang and eat memory.

Jobs are made by functions, so that they travel to the workers by value.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from audiokit.batch.journal import Journal
from audiokit.batch.run import BatchSettings, Item, Tally, run_batch
from audiokit.errors import CorruptError, OutOfMemoryError, ResourceError, SettingError


def items_of(payloads, outputs=()):
    return [Item(f"item {i}", payload, outputs=outputs) for i, payload in enumerate(payloads)]


def run(job, payloads, journal=None, **settings):
    """Return the rows of a run by key."""
    rows = list(run_batch(job, items_of(payloads), BatchSettings(**settings), journal=journal))
    assert len({row["key"] for row in rows}) == len(rows)
    return {row["key"]: row for row in rows}


def doubling():
    def job(item):
        return {"doubled": item.payload * 2}

    return job


def told():
    """A job that does what its payload says."""

    def grow():
        held = []
        while True:
            held.append(b"x" * (16 << 20))

    def grow_shared():
        import mmap

        held = []
        while True:
            # Shared pages are no data segment: only their residence shows.
            held.append(mmap.mmap(-1, 16 << 20))
            for page in range(0, 16 << 20, 4096):
                held[-1][page] = 1

    def hold_the_interpreter():
        import re

        re.match(r"(a+)+$", "a" * 64 + "b")

    actions = {
        "exit": lambda: os._exit(3),
        "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "fault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
        "sleep": lambda: time.sleep(1e6),
        "stuck": hold_the_interpreter,
        "grow": grow,
        "grow shared": grow_shared,
        "leave": lambda: sys.exit(3),
    }

    def job(item):
        if item.payload in actions:
            actions[item.payload]()
        return {"done": item.payload}

    return job


def assert_only_these_failed(rows, payloads, error_type, bad):
    for i, payload in enumerate(payloads):
        row = rows[f"item {i}"]
        if payload in bad:
            assert row["status"] == "failed", payload
            assert row["error_type"] == error_type, payload
            assert row["error"].startswith(f"item {i}: "), payload
        else:
            assert row["done"] == payload
    assert len(rows) == len(payloads)


@pytest.mark.parametrize(("backend", "jobs"), [("loky", 1), ("loky", 2), ("threading", 2)])
def test_every_item_gives_one_row_whatever_the_workers(backend, jobs):
    rows = run(doubling(), range(300), backend=backend, jobs=jobs)
    assert len(rows) == 300
    assert rows["item 7"] == {
        "key": "item 7", "status": "ok", "error": None, "error_type": None, "doubled": 14,
    }  # fmt: skip
    assert all(rows[f"item {i}"]["doubled"] == 2 * i for i in range(300))


def test_no_items_give_no_rows():
    assert run(doubling(), [], jobs=2) == {}


@pytest.mark.parametrize(("jobs", "bad"), [(1, ["exit"]), (2, ["kill", "fault"])])
def test_a_crash_costs_its_own_row_only(jobs, bad):
    payloads = [*range(20), *bad, *range(20, 60)]
    rows = run(told(), payloads, jobs=jobs)
    assert_only_these_failed(rows, payloads, "WorkerCrashError", bad)


def test_without_retries_a_lone_suspect_is_guilty_at_once(tmp_path):
    log = tmp_path / "log"

    def job(_item):
        with log.open("a") as lines:
            lines.write("begun\n")
        os._exit(1)

    rows = run(job, [0], jobs=1, retries=0)
    assert rows["item 0"]["error_type"] == "WorkerCrashError"
    assert log.read_text() == "begun\n"


@pytest.mark.parametrize("how", ["sleep", "stuck"])
def test_a_hung_item_costs_its_own_row_only(how):
    payloads = [*range(10), how, *range(10, 30)]
    began_s = time.monotonic()
    rows = run(told(), payloads, jobs=2, timeout_s=0.7)
    assert_only_these_failed(rows, payloads, "TimeLimitError", {how})
    assert "longer than 0.7 s" in rows["item 10"]["error"]
    assert time.monotonic() - began_s < 8


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_a_memory_hog_costs_its_own_row_only():
    payloads = [0, 1, "grow", 2, 3, "grow shared", 4]
    rows = run(told(), payloads, jobs=2, memory_mb=300)
    assert_only_these_failed(rows, payloads, "OutOfMemoryError", {"grow", "grow shared"})
    # Whether the worker noticed or was killed, the row is the same.
    assert rows["item 2"]["error"][7:] == rows["item 5"]["error"][7:]


def test_an_item_that_cannot_be_unpickled_costs_its_own_row_only():
    class Poison:
        def __reduce__(self):
            return (eval, ("1/0",))

    rows = run(doubling(), [1, Poison(), 3, 4, 5], jobs=2)
    assert rows.pop("item 1")["error_type"] == "WorkerCrashError"
    assert [row["doubled"] for _, row in sorted(rows.items())] == [2, 6, 8, 10]


def test_a_job_that_leaves_the_interpreter_is_a_row():
    rows = run(told(), [1, "leave", 2], jobs=1)
    assert_only_these_failed(rows, [1, "leave", 2], "SystemExit", {"leave"})


def test_an_unforeseen_error_is_a_row_with_its_type_and_its_traceback_in_the_log(caplog):
    def job(item):
        return {"x": 1 / item.payload}

    with caplog.at_level(logging.DEBUG, "audiokit.batch"):
        rows = run(job, [1, 0], jobs=1)
    assert rows["item 1"]["error_type"] == "ZeroDivisionError"
    assert rows["item 1"]["error"].startswith("item 1: ZeroDivisionError: division by zero. ")
    assert "1 / item.payload" in caplog.text


def test_a_row_never_holds_nan():
    rows = run(lambda _item: {"level_db": float("nan")}, [0], jobs=1, backend="threading")
    assert rows["item 0"]["status"] == "failed"


@pytest.mark.parametrize(
    ("error", "times"),
    [
        (OSError(errno.EIO, "input/output error"), 3),
        (TimeoutError("slow disk"), 3),
        (ResourceError("a", "broke"), 1),
        (CorruptError("a", "is damaged"), 1),
        (OSError(errno.ENOENT, "no such file"), 1),
    ],
    ids=["EIO", "timeout", "resource", "source", "ENOENT"],
)
def test_only_transient_faults_are_tried_again(error, times):
    calls = []

    def job(_item):
        calls.append(1)
        raise error

    rows = run(job, [0], jobs=1, backend="threading", retries=2)
    assert len(calls) == times
    assert rows["item 0"]["status"] == "failed"


def test_a_fault_wrapped_in_one_of_ours_counts_by_its_cause():
    calls = []

    def job(_item):
        calls.append(1)
        if len(calls) == 1:
            raise ResourceError("a", "stale") from OSError(errno.ESTALE, "stale handle")
        return {}

    assert run(job, [0], jobs=1, backend="threading")["item 0"]["status"] == "ok"


def test_running_out_of_memory_beside_others_is_tried_again_alone(tmp_path):
    marker = tmp_path / "tried"

    def job(_item):
        if not marker.exists():
            marker.touch()
            raise MemoryError
        return {}

    assert run(job, range(5), jobs=2).popitem()[1]["status"] == "ok"
    marker.unlink()
    always = run(lambda _item: (_ for _ in ()).throw(MemoryError), [0], jobs=1)
    assert always["item 0"]["error_type"] == OutOfMemoryError.__name__


def test_one_worker_is_a_process_of_its_own_with_one_thread():
    def job(_item):
        return {"pid": os.getpid(), "threads": os.environ["OPENBLAS_NUM_THREADS"]}

    row = run(job, [0], jobs=1)["item 0"]
    assert row["pid"] != os.getpid()
    assert row["threads"] == "1"


def test_fail_fast_ends_with_the_first_failure():
    def job(item):
        if item.payload == 3:
            raise CorruptError(item.key, "is damaged")
        return {}

    rows = list(run_batch(job, items_of(range(10_000)), BatchSettings(jobs=2, fail_fast=True)))
    assert rows[-1]["key"] == "item 3"
    assert len(rows) < 5_000


def test_a_caller_that_stops_listening_stops_the_work(tmp_path):
    def job(item):
        (tmp_path / str(item.payload)).touch()
        time.sleep(0.02)
        return {}

    rows = run_batch(job, items_of(range(500)), BatchSettings(jobs=2))
    next(rows)
    rows.close()
    begun = len(list(tmp_path.iterdir()))
    time.sleep(0.2)
    assert len(list(tmp_path.iterdir())) == begun < 100


def test_what_the_source_of_items_raises_reaches_the_caller():
    def source():
        yield from items_of(range(50))
        raise OSError(errno.EIO, "the list broke")

    rows = []
    with pytest.raises(OSError, match="the list broke"):
        rows.extend(run_batch(doubling(), source(), BatchSettings(jobs=2)))


def test_threads_say_that_nothing_limits_them(caplog):
    run(doubling(), [1], backend="threading", jobs=1)
    assert caplog.text.count("not limited") == 1


def test_half_written_outputs_of_a_killed_worker_are_removed(tmp_path):
    target = tmp_path / "a[1].wav"

    def job(item):
        if item.payload == "hang":
            (tmp_path / ".a[1].wav.x7.part").write_bytes(b"half")
            (tmp_path / ".b.wav.x7.part").write_bytes(b"someone else's")
            time.sleep(1e6)

    item = Item("a", "hang", outputs=(str(target),))
    rows = list(run_batch(job, [item], BatchSettings(jobs=1, timeout_s=0.3)))
    assert rows[0]["error_type"] == "TimeLimitError"
    assert [path.name for path in tmp_path.iterdir()] == [".b.wav.x7.part"]


def test_rows_of_a_resumed_run_are_those_of_the_first_and_are_counted_apart(tmp_path):
    def job(item):
        if item.payload == 4:
            raise CorruptError(item.key, "is damaged")
        return {"duration_s": 60.0, "tuple": (1, 2), "level_db": -23.1}

    with Journal(tmp_path) as journal:
        first = run(job, range(9), journal, jobs=2)
    tally = Tally()
    with Journal(tmp_path) as journal:
        items = items_of(range(9))
        second = list(run_batch(job, items, BatchSettings(jobs=2), journal=journal, tally=tally))
        in_order = list(journal.rows_in_order(item.key for item in items))
    assert {row["key"]: row for row in second} == first
    assert in_order == [first[f"item {i}"] for i in range(9)]
    assert (tally.ok, tally.failed, tally.resumed, tally.done) == (8, 1, 8, 9)
    assert tally.audio_s == tally.resumed_audio_s == 480.0
    assert tally.failures == [first["item 4"]["error"]]
    assert tally.sentence() == "8 ok, 1 failed, 8 as before; 8.0 minutes of audio."


def test_overwrite_does_everything_again(tmp_path):
    for value in (1, 2):
        with Journal(tmp_path) as journal:
            rows = run(lambda _item, v=value: {"v": v}, [0], journal, jobs=1, overwrite=True)
        assert rows["item 0"]["v"] == value


def test_a_run_leaves_nothing_but_the_journal(tmp_path):
    with Journal(tmp_path / ".audiokit") as journal:
        run(doubling(), range(3), journal, jobs=2)
    left = sorted(path.name for path in (tmp_path / ".audiokit").iterdir())
    assert left == ["journal.jsonl", "lock"]


@pytest.mark.parametrize(
    "wrong",
    [{"jobs": -1}, {"timeout_s": 0}, {"memory_mb": 1}, {"retries": -1}, {"backend": "dask"},
     {"chunk_s": 0}],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(SettingError, match=next(iter(wrong))):
        BatchSettings(**wrong)
