"""Who works on what, seen from outside, and the end of those who overstep.

A worker may hang in C code that holds the interpreter's lock, so it cannot watch itself.
Each worker keeps a small file, named by its process id, in which stands the number of
the item it is at and when it began. The parent reads these files ten times a second.
"""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import threading
import time
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

__all__ = ["Cause", "Running", "Slot", "Watchdog", "clear_slots", "running"]

Cause: TypeAlias = Literal["time", "memory"]

_POLL_S = 0.1
_IDLE = -1
_ENTRY = struct.Struct("=qd")
# The worker's own limit raises MemoryError at 1.0; killing is for what gets round it.
_MEMORY_GRACE = 1.25
_MB = 1 << 20


class Running(NamedTuple):
    """A worker at work: its process, its item's number, and since when (monotonic)."""

    pid: int
    number: int
    since_s: float


class Slot:
    """The file in which a worker says what it is at. Made and removed by no one else.

    Args:
        folder: Where the parent looks.
    """

    def __init__(self, folder: str) -> None:
        path = os.path.join(folder, str(os.getpid()))  # noqa: PTH118  on every chunk: no Path
        # Where there is no room for it, work goes on unwatched.
        self._file: int | None = None
        with contextlib.suppress(OSError):
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)

    def begin(self, number: int) -> None:
        """Say which item is begun now."""
        # CLOCK_MONOTONIC is one clock for all processes of a machine.
        self._write(number, time.monotonic())

    def close(self) -> None:
        """Say that nothing is under way."""
        self._write(_IDLE, 0.0)
        if self._file is not None:
            os.close(self._file)

    def _write(self, number: int, since_s: float) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.pwrite(self._file, _ENTRY.pack(number, since_s), 0)


def running(folder: Path) -> list[Running]:
    """Return who is at work, or was when it died."""
    found = []
    for name in os.listdir(folder):  # noqa: PTH208  ten times a second: no Path
        entry = (folder / name).read_bytes()
        if len(entry) == _ENTRY.size:
            number, since_s = _ENTRY.unpack(entry)
            if number != _IDLE:
                found.append(Running(int(name), number, since_s))
    return found


def clear_slots(folder: Path) -> None:
    """Forget the workers of before."""
    for path in folder.iterdir():
        path.unlink()


class Watchdog:
    """A thread that kills workers whose item takes too long or too much.

    Memory is watched where there is a ``/proc``.

    Args:
        folder: Where the workers say what they are at.
        timeout_s: Wall time of one item; None for no limit.
        memory_mb: Resident size of a worker; None for no limit.

    Attributes:
        kills: Number of each item whose worker was killed, and why.
    """

    def __init__(self, folder: Path, *, timeout_s: float | None, memory_mb: int | None) -> None:
        self.kills: dict[int, Cause] = {}
        self._folder = folder
        self._timeout_s = timeout_s
        self._memory_bytes = None if memory_mb is None else memory_mb * _MB * _MEMORY_GRACE
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="audiokit-watchdog", daemon=True)

    def __enter__(self) -> Watchdog:  # noqa: PYI034  Self is not in 3.10
        if self._timeout_s is not None or self._memory_bytes is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(_POLL_S):
            for worker in running(self._folder):
                cause = self._cause(worker)
                # Looked at twice: the item may have ended in between.
                if cause and worker in running(self._folder):
                    self._kill(worker, cause)

    def _cause(self, worker: Running) -> Cause | None:
        if self._timeout_s is not None and time.monotonic() - worker.since_s > self._timeout_s:
            return "time"
        if self._memory_bytes is not None and _resident_bytes(worker.pid) > self._memory_bytes:
            return "memory"
        return None

    def _kill(self, worker: Running, cause: Cause) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGKILL)
            self.kills[worker.number] = cause


def _resident_bytes(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/statm").read_bytes().split()
    except OSError:
        return 0
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if fields else 0
