"""What a job is given: a recording, where its results go, and what it must keep to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from audiokit.files.raw import RawFormat

__all__ = ["Limits", "ProcessTask"]


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
