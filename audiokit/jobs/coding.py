"""What encoding and decoding have in common: one file of many, and its row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import audiokit
from audiokit.files.hash import content_hash
from audiokit.files.raw import RawFormat
from audiokit.jobs.task import Limits, ProcessTask

__all__ = ["CodingJob", "coding_row"]

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CodingJob(ABC):
    """A job over many files: picklable, called with one item.

    Args:
        limits: What each recording must keep to.
        out: The folder below which outputs go.
        raw: The format of headerless sources.
    """

    limits: Limits
    out: Path
    raw: RawFormat | None = None

    def __call__(self, item: Any) -> Row:
        """Do one item, whose payload is a path and its outputs by kind."""
        source, outputs = item.payload
        targets = {kind: self.out / relative for kind, relative in outputs.items()}
        task = ProcessTask(source, targets, name=source, scratch=self.out, raw=self.raw)
        return {"hash": content_hash(source), **self.run(task), **outputs}

    @abstractmethod
    def run(self, task: ProcessTask) -> Row:
        """Do one task; return its row.

        Raises:
            ItemError: The recording or the machine is at fault; nothing half-written stays.
            SettingError: The settings do not fit this recording.
            MissingDeviceError: libopus is not there.
        """


def coding_row(facts: Row, *, warnings: list[str]) -> Row:
    """Return a row: facts, what was odd, and the version that made it."""
    return {**facts, "warnings": warnings, "audiokit_version": audiokit.__version__}
