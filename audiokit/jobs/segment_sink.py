"""What is written of the segments of a recording: labels, cuts, a picture, a page."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from audiokit.files.extensions import looks_like_audio
from audiokit.files.output import Output
from audiokit.jobs.segmentation import Segmentation, SegmentReport
from audiokit.jobs.sinks import Sink
from audiokit.stage import Block, StreamFormat
from audiokit.vad.formats import format_segments, segment_rows
from audiokit.vad.segments import total_s

__all__ = ["LabelFile", "SegmentSink", "SegmentView", "recording_id"]

_NOTHING = "no speech was found"


class SegmentView(ABC):
    """Hears what the segments are found in, and shows them once they are known."""

    @abstractmethod
    def write(self, block: Block) -> None:
        """Take the next block."""

    @abstractmethod
    def finish(self, report: SegmentReport) -> None:
        """Write the result."""

    def close(self) -> None:  # noqa: B027  a view that holds nothing leaves it so
        """Give back what is held, whether or not the recording came to its end."""

    def facts(self) -> dict[str, Any]:
        """Return what the row says about this result."""
        return {}


@dataclass(frozen=True, slots=True)
class LabelFile:
    """A label file to write.

    Args:
        kind: One of `audiokit.vad.formats.SEGMENT_KINDS`.
        place: A path, or a stream, which stays the caller's to close.
    """

    kind: str
    place: Path | BinaryIO


class SegmentSink(Sink):
    """Find segments; write a label file of each kind there is a place for, and show them.

    Args:
        fmt: Format of the stream.
        settings: What counts as speech.
        name: How the recording is called.
        files: The label files.
        views: What else is made of the segments.
        warn: Takes each sentence that the user should read.
    """

    def __init__(
        self,
        fmt: StreamFormat,
        settings: Any,
        name: str,
        *,
        files: Sequence[LabelFile],
        views: Sequence[SegmentView],
        warn: Callable[[str], None],
    ) -> None:
        self._name, self._files, self._views, self._warn = name, files, views, warn
        self._segmentation = Segmentation(fmt, settings)
        self._facts: dict[str, Any] = {}

    def write(self, block: Block) -> None:
        self._segmentation.process(block)
        for view in self._views:
            view.write(block)

    def finish(self) -> None:
        report = self._segmentation.finish()
        for warning in report.warnings:
            self._warn(warning)
        if not report.segments and _NOTHING not in report.warnings:
            self._warn(_NOTHING)
        for file in self._files:
            self._write_labels(file, report)
        for view in self._views:
            view.finish(report)
        self._facts = self._facts_of(report)

    def facts(self) -> dict[str, Any]:
        return self._facts

    def _facts_of(self, report: SegmentReport) -> dict[str, Any]:
        speech_s = total_s(report.segments)
        facts: dict[str, Any] = {
            "n_segments": len(report.segments),
            "speech_s": round(speech_s, 3),
            "speech_ratio": round(speech_s / report.duration_s, 4) if report.duration_s else None,
        }
        facts |= report.facts
        if not self._files:
            facts["segments"] = segment_rows(report.segments)
        for view in self._views:
            facts |= view.facts()
        return facts

    def _write_labels(self, file: LabelFile, report: SegmentReport) -> None:
        # Ours says what it was made of; others look a recording up by its bare name.
        uri = self._name if file.kind == "json" else recording_id(self._name)
        text = format_segments(
            report.segments, kind=file.kind, uri=uri, duration_s=report.duration_s
        )
        # A file name need not be text; what is not is written as an escape.
        data = text.encode("utf-8", "backslashreplace")
        if isinstance(file.place, Path):
            file.place.write_bytes(data)
            return
        output = Output(file.place, "stdout")
        output.write(data)
        output.finish()


def recording_id(name: str) -> str:
    """Return what label files call a recording: its name without folder and ending.

    Args:
        name: Its path, its URL, or a word such as ``stdin``.
    """
    bare = PurePath(name).name
    return PurePath(bare).stem if looks_like_audio(bare) else bare
