"""Where the segments are said to be whose features are summed up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from audiokit.errors import UnreadableError
from audiokit.jobs.segment_sink import recording_id
from audiokit.vad.label_reader import LABEL_SUFFIXES, read_labels, recordings_named
from audiokit.vad.segments import Segment

__all__ = ["labels_of"]

_MOST_LISTED = 8


def labels_of(source: str, labels: str, *, warn: Callable[[str], None]) -> list[Segment]:
    """Return the segments that label files name in a recording.

    Args:
        source: Path of the recording.
        labels: A label file, or a folder that has one of the recording's bare name.
        warn: Told where they name none, and whose they name.

    Raises:
        UnreadableError: There is no label file, or it cannot be read.
        FormatError: It is none.
    """
    path, recording = Path(labels), recording_id(source)
    if path.is_dir():
        candidates = [path / f"{recording}.{suffix}" for suffix in LABEL_SUFFIXES]
        found = next((each for each in candidates if each.is_file()), None)
        if found is None:
            endings = ", ".join(f".{suffix}" for suffix in LABEL_SUFFIXES)
            problem = f"has no labels in {labels}, expected {recording} with {endings}"
            raise UnreadableError(source, problem, "Add them, or leave it out")
        path = found
    kind = path.suffix.lower().removeprefix(".")
    if kind not in LABEL_SUFFIXES:
        problem = f"ends in .{kind}, expected {', '.join(LABEL_SUFFIXES)}"
        raise UnreadableError(str(path), problem, "Choose another label file")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableError(str(path), f"cannot be read ({error})", "Check it") from error
    word = "_".join(recording.split())
    segments = read_labels(text, kind=kind, recording=word, source=str(path))
    others = recordings_named(text, kind=kind)
    if not segments and others:
        listed = ", ".join(others[:_MOST_LISTED]) + (" …" if len(others) > _MOST_LISTED else "")
        warn(f"{path} names no segment of {word}, but of {listed}")
    return segments
