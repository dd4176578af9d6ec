"""What a job is given: a recording, where its results go, and what it must keep to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, final

from audiokit.errors import EmptyError, TooLongError, TooShortError
from audiokit.files.raw import RawFormat
from audiokit.stage import StreamFormat

__all__ = ["LengthGuard", "Limits", "ProcessTask"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a recording must keep to.

    Args:
        min_duration_s: Shorter is a failure.
        max_duration_s: Longer, or claiming to be, is a failure.
    """

    min_duration_s: float = 0.0
    max_duration_s: float = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class ProcessTask:
    """One recording and where its results go.

    Args:
        source: A path, a URL, or an open binary stream.
        outputs: Where to write, by kind: ``audio``, ``segments``, ``features``. What the
            recipe writes but is not named here is left out.
        name: How the source is called in rows and messages.
        raw: The format of a headerless source.
        scratch: Folder for temporary files.
        is_live: Whether to go on with whatever has come, rather than wait for a long block.
        place: The source's path below the folder that was searched, without its ending unless
            that tells it apart; empty where it was named alone.
    """

    source: str | BinaryIO
    outputs: Mapping[str, Path | BinaryIO]
    name: str
    scratch: Path
    raw: RawFormat | None = None
    is_live: bool = False
    place: str = ""


@final
class LengthGuard:
    """Counts a recording while it is read, and holds it to its limits.

    Args:
        name: How the recording is called in messages.
        fmt: Its format.
        limits: What it must keep to.

    Attributes:
        n_samples: How many were counted.
    """

    def __init__(self, name: str, fmt: StreamFormat, limits: Limits) -> None:
        self.n_samples = 0
        self._name, self._fmt, self._limits = name, fmt, limits

    @property
    def duration_s(self) -> float:
        """How long it is so far."""
        return self._fmt.seconds(self.n_samples)

    def count(self, n_samples: int) -> None:
        """Count the next samples.

        Raises:
            TooLongError: It is longer than it may be.
        """
        self.n_samples += n_samples
        if self.duration_s > self._limits.max_duration_s:
            problem = f"is longer than {self._limits.max_duration_s:g} s"
            raise TooLongError(self._name, problem, "Raise --max-duration-s to take it.")

    def finish(self) -> None:
        """Check the whole.

        Raises:
            EmptyError: It holds no samples.
            TooShortError: It is shorter than it may be.
        """
        least_s = self._limits.min_duration_s
        if not self.n_samples:
            raise EmptyError(self._name, "holds no samples", "Record it again.")
        if self.duration_s < least_s:
            problem = f"is {self.duration_s:.3f} s long, expected {least_s:g} s or more"
            raise TooShortError(self._name, problem, "Lower --min-duration-s to take it.")
