"""What this process and its children take of the machine."""

from __future__ import annotations

import os
import time
from pathlib import Path

__all__ = ["Usage"]

_PROC = Path("/proc")


class Usage:
    """CPU and memory, children included; on Linux."""

    def __init__(self) -> None:
        self._cpu_s, self._at_s = _cpu_s(os.getpid()), time.monotonic()

    def cpu_percent(self) -> float:
        """Return the load since the last call, in percent of one core."""
        cpu_s, at_s = sum(map(_cpu_s, _family())), time.monotonic()
        share = (cpu_s - self._cpu_s) / max(1e-3, at_s - self._at_s)
        self._cpu_s, self._at_s = cpu_s, at_s
        return round(100.0 * max(0.0, share), 1)

    @staticmethod
    def memory_mb() -> float:
        """Return the resident memory in MB, pages that both share counted twice."""
        return round(sum(map(_resident_bytes, _family())) / 1e6, 1)


def _family() -> list[int]:
    """Return the numbers of this process and of its children."""
    me = os.getpid()
    found = []
    for thread in (_PROC / "self" / "task").glob("*"):
        found += _read(thread / "children").split()
    return [me, *map(int, found)]


def _cpu_s(pid: int) -> float:
    # proc(5): user and system time are fields 14 and 15; the name before may hold spaces.
    fields = _read(_PROC / str(pid) / "stat").rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12]) if len(fields) > 12 else 0
    return ticks / os.sysconf("SC_CLK_TCK")


def _resident_bytes(pid: int) -> int:
    fields = _read(_PROC / str(pid) / "statm").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if len(fields) > 1 else 0


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        # It has just ended, or this is no Linux.
        return ""
