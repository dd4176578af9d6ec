"""The worker's side: take a chunk of items, do each, put its row on record."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import logging
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from audiokit.batch.journal import append_line, encode_record
from audiokit.batch.plan import Item, Job, Row, failed_row, finished_row
from audiokit.batch.watch import Slot
from audiokit.errors import AudiokitError, ItemError, OutOfMemoryError, SourceError

__all__ = [
    "ChunkResult",
    "Desk",
    "Outcome",
    "memory_error",
    "prepare_worker",
    "run_chunk",
    "run_here",
]

logger = logging.getLogger(__name__)

_TRANSIENT = {errno.EAGAIN, errno.EIO, errno.EINTR, errno.ESTALE, errno.ETIMEDOUT, errno.EBUSY}
_PR_SET_PDEATHSIG = 1
_MB = 1 << 20


@dataclass(frozen=True, slots=True)
class Desk:
    """What every chunk of a run needs to know.

    Args:
        journal: File that rows are appended to.
        slots: Folder in which workers say what they are at.
        parent_pid: The process that collects; 0 where the workers are its threads.
        memory_mb: Resident MB a worker may hold, or None.
        retries: How often a transient fault is tried again.
    """

    journal: str
    slots: str
    parent_pid: int
    memory_mb: int | None
    retries: int


class Outcome(NamedTuple):
    """How an item ended.

    Args:
        number: The item's, in this run.
        line: Its record, or None where it should be done again, alone.
        offset: Where in the journal the record is, or None where the disk was full.
        trace: Traceback of an error that no one raised on purpose, or None.
    """

    number: int
    line: bytes | None
    offset: int | None
    trace: str | None


class ChunkResult(NamedTuple):
    """How the items of a chunk ended, and the wall seconds they took together."""

    outcomes: list[Outcome]
    busy_s: float


def prepare_worker(parent_pid: int) -> None:
    """Tie a new worker process to its parent: Ctrl-C is the parent's, and so is death."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _leave_if_orphaned(parent_pid)


def run_chunk(job: Job, chunk: Sequence[tuple[int, Item]], desk: Desk) -> ChunkResult:
    """Do some items, one after the other, each on record before the next begins.

    Args:
        job: What to do.
        chunk: Numbers and items.
        desk: What the run has set.
    """
    started_s = time.perf_counter()
    file = os.open(desk.journal, os.O_WRONLY | os.O_APPEND)
    try:
        if desk.parent_pid:
            outcomes = _run_isolated(job, chunk, desk, file=file)
        else:
            outcomes = [_run_item(job, numbered, desk, file=file) for numbered in chunk]
    finally:
        os.close(file)
    return ChunkResult(outcomes, time.perf_counter() - started_s)


def run_here(job: Job, item: Item, *, retries: int) -> Row:
    """Do one item in this process, with no limit of time or memory; return its row.

    Args:
        job: What to do.
        item: The item.
        retries: How often a transient fault is tried again.
    """
    line, trace = _attempt(job, item, Desk("", "", 0, None, retries))
    if trace:
        logger.debug("batch.unforeseen key=%s\n%s", item.key, trace)
    row: Row = json.loads(line or b"")["row"]
    return row


def memory_error(item: Item, memory_mb: int | None) -> OutOfMemoryError:
    """Return the error of an item that asked for too much."""
    if memory_mb is None:
        return OutOfMemoryError(item.key, "the machine ran out of memory", "Run fewer --jobs")
    problem = f"needed more memory than {memory_mb} MB"
    return OutOfMemoryError(item.key, problem, "Allow more with --memory-mb")


def _run_isolated(
    job: Job, chunk: Sequence[tuple[int, Item]], desk: Desk, *, file: int
) -> list[Outcome]:
    # Held while at work, so that a run that takes over a killed one can wait for us.
    with contextlib.suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_SH)
    slot = Slot(desk.slots)
    outcomes = []
    try:
        with _data_limit(desk.memory_mb):
            for numbered in chunk:
                _leave_if_orphaned(desk.parent_pid)
                slot.begin(numbered[0])
                outcomes.append(_run_item(job, numbered, desk, file=file))
    finally:
        slot.close()
    return outcomes


def _run_item(job: Job, numbered: tuple[int, Item], desk: Desk, *, file: int) -> Outcome:
    number, item = numbered
    line, trace = _attempt(job, item, desk)
    if line is None:
        return Outcome(number, None, None, None)
    try:
        offset = append_line(file, line)
    except OSError:
        # A full disk: the row still travels, and the item is done again by the next run.
        return Outcome(number, line, None, trace)
    return Outcome(number, line, offset, trace)


def _attempt(job: Job, item: Item, desk: Desk) -> tuple[bytes | None, str | None]:
    """Do an item, again where that may help; return its record and an odd error's traceback."""
    for left in range(desk.retries, -1, -1):
        try:
            return encode_record(item, finished_row(item, job(item))), None
        except MemoryError:  # noqa: PERF203  the loop is the retry
            # A limit of one's own is no less tight when alone; the machine's may be.
            if left and desk.memory_mb is None and desk.parent_pid:
                return None, None
            error: ItemError = memory_error(item, desk.memory_mb)
            return encode_record(item, failed_row(item, error)), None
        except ItemError as error:
            if not (left and _is_transient(error)):
                return encode_record(item, failed_row(item, error)), None
        except AudiokitError as error:
            # A setting that does not fit this recording, say.
            shown = ItemError(item.key, str(error).rstrip("."))
            return encode_record(item, failed_row(item, shown, type(error).__name__)), None
        # The row boundary: whatever a job does, it costs its own row only.
        except (Exception, SystemExit) as error:  # noqa: BLE001
            if not (left and _is_transient(error)):
                return _unforeseen(item, error), traceback.format_exc()
    raise AssertionError("the last attempt returns")


def _unforeseen(item: Item, error: BaseException) -> bytes:
    kind = type(error).__name__
    message = " ".join(str(error).split()).rstrip(".")
    problem = f"{kind}: {message}" if message else kind
    shown = ItemError(item.key, problem, "Run with -vv for the traceback")
    return encode_record(item, failed_row(item, shown, kind))


def _is_transient(error: BaseException | None) -> bool:
    """Tell whether the machine, for a moment, was at fault."""
    if isinstance(error, SourceError):
        return False
    while error is not None:
        if isinstance(error, TimeoutError | ConnectionError):
            return True
        if isinstance(error, OSError) and error.errno in _TRANSIENT:
            return True
        error = error.__cause__
    return False


def _leave_if_orphaned(parent_pid: int) -> None:
    if os.getppid() != parent_pid:
        os._exit(1)


@contextlib.contextmanager
def _data_limit(memory_mb: int | None) -> Iterator[None]:
    """Make allocations beyond the limit raise MemoryError, where the kernel can (Linux)."""
    statm = Path("/proc/self/statm")
    if memory_mb is None or not statm.exists():
        yield
        return
    pages = [int(pages) for pages in statm.read_bytes().split()]
    # The kernel counts address space, most of which no one ever touches (stacks of
    # threads, arenas): what is reserved but not resident yet comes on top.
    reserved_bytes = max(0, pages[5] - pages[1]) * os.sysconf("SC_PAGE_SIZE")
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = memory_mb * _MB + reserved_bytes
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
