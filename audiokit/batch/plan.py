"""What a run works on, within which limits, and the rows that come out.

Conventions: a *job* is a picklable callable that takes an `Item` and returns a mapping of
JSON values; it raises `ItemError` for what the user should read. A *row* is a flat
dictionary that begins with ``key, status, error, error_type``; its status is ``ok``,
``skipped`` or ``failed``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from audiokit.errors import ItemError, SettingError

__all__ = ["BatchSettings", "Item", "Job", "Row", "failed_row", "finished_row"]

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Item:
    """One unit of work.

    Args:
        key: Names the item in rows and in the journal; unique in a run.
        payload: What the job needs; picklable.
        fingerprint: Settings and version, as one string: another one means other results.
        stamp: Size in bytes and modification time in ns of the source, where it has them.
        outputs: Paths that must exist for the item to count as done.
    """

    key: str
    payload: Any = None
    fingerprint: str = ""
    stamp: tuple[int, int] | None = None
    outputs: tuple[str, ...] = ()


Job: TypeAlias = Callable[[Item], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """How a run is spread over the machine, and what one item may cost."""

    jobs: int = 0
    """Workers; 0 means one per core."""
    backend: Literal["loky", "threading"] = "loky"
    """Processes, or threads: these start faster, but nothing can stop or limit them."""
    timeout_s: float | None = 600.0
    """Seconds of wall time that one item may take, above 0; None means no limit."""
    memory_mb: int | None = None
    """Resident MB that a worker may hold, 64 or more; None means no limit."""
    retries: int = 1
    """How often a transient fault is tried again, 0 or more."""
    fail_fast: bool = False
    """Stop at the first failure; what was not finished has no row."""
    overwrite: bool = False
    """Do everything again, whatever the journal says."""
    chunk_s: float = 0.2
    """Seconds of work that travel to a worker at once, above 0, in items of measured cost."""

    def __post_init__(self) -> None:
        if self.jobs < 0:
            raise SettingError("jobs", self.jobs, "0 (all cores) or more")
        if self.backend not in ("loky", "threading"):
            raise SettingError("backend", self.backend, "loky or threading")
        if self.timeout_s is not None and not self.timeout_s > 0:
            raise SettingError("timeout_s", self.timeout_s, "more than 0 s")
        if self.memory_mb is not None and self.memory_mb < 64:
            raise SettingError("memory_mb", self.memory_mb, "64 MB or more")
        if self.retries < 0:
            raise SettingError("retries", self.retries, "0 or more")
        if not self.chunk_s > 0:
            raise SettingError("chunk_s", self.chunk_s, "more than 0 s")


def finished_row(item: Item, found: Mapping[str, Any]) -> Row:
    """Return the row of an item whose job returned."""
    head = {"key": item.key, "status": "ok", "error": None, "error_type": None}
    return {**head, **found, "key": item.key}


def failed_row(item: Item, error: ItemError, error_type: str | None = None) -> Row:
    """Return the row of an item that failed.

    Args:
        item: The item.
        error: What the user reads.
        error_type: Name of the class that was raised, where it is not that of `error`.
    """
    kind = error_type or type(error).__name__
    return {"key": item.key, "status": "failed", "error": str(error), "error_type": kind}
