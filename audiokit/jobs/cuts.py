"""Each segment of a recording as an audio file of its own, in one folder."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError
from audiokit.files.spool import BlockSpool
from audiokit.files.write import AudioWriter, WriteSettings, open_writer
from audiokit.jobs.blocks import BLOCK_SAMPLES
from audiokit.jobs.segment_sink import SegmentView
from audiokit.jobs.segmentation import SegmentReport
from audiokit.stage import Block, StreamFormat
from audiokit.vad.segments import Segment

__all__ = ["CutSettings", "CutWriter", "is_cut_name"]

_MAX_FADE_MS = 100.0
_LONGEST_LABEL = 40
_CUT_NAME = re.compile(r"\d{4,}_\d{3,}\.\d{3}-\d{3,}\.\d{3}(_.+)?\.(wav|flac|ogg|opus|mp3|m4a)")


@dataclass(frozen=True, slots=True)
class CutSettings:
    """How segments are cut out.

    Raises:
        SettingError: A value is out of range.
    """

    container: Literal["wav", "flac", "ogg", "opus", "mp3", "m4a"] = "wav"
    """The kind of file."""
    fade_ms: float = 5.0
    """Faded in and out where a cut begins and ends, 0 to 100 ms; never longer than what was
    added before and after the speech, and not at the recording's own start and end."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.fade_ms <= _MAX_FADE_MS:
            raise SettingError("fade_ms", self.fade_ms, f"0 to {_MAX_FADE_MS:.0f} ms")


def is_cut_name(name: str) -> bool:
    """Return whether a file is called like one that a `CutWriter` makes."""
    return _CUT_NAME.fullmatch(name) is not None


class CutWriter(SegmentView):
    """Keep a stream until its segments are known, then write each as a file.

    A file is called by its number and its times in s, and by channel and label where there
    are several: ``0001_000.520-003.180.wav``, ``0002_004.100-005.730_ch1_anna.wav``. A segment
    of one channel is cut from that channel alone. The stream waits on disk beyond 8 MiB, so
    memory does not grow with it.

    Args:
        fmt: Format of the stream.
        folder: Made already; files of an earlier try are removed.
        scratch: Where the stream waits.
        settings: How each file is written.
        fade_s: Length of the raised cosine at each end, in s.
    """

    def __init__(
        self,
        fmt: StreamFormat,
        folder: Path,
        *,
        scratch: Path,
        settings: WriteSettings,
        fade_s: float,
    ) -> None:
        self.fmt = fmt
        self.names: list[str] = []
        self._folder, self._settings, self._fade_s = folder, settings, fade_s
        for left in folder.iterdir():
            left.unlink()
        self._spool = BlockSpool(fmt, scratch)

    def write(self, block: Block) -> None:
        self._spool.write(block)

    def finish(self, report: SegmentReport) -> None:
        """Write every segment; they may overlap.

        Raises:
            ResourceError: The disk is full, or the place may not be written.
            SettingError: The kind of file cannot hold such a stream.
        """
        ordered = sorted(report.segments, key=lambda item: (item.start_s, item.end_s))
        self.names = [f"{stem}.{self._settings.container}" for stem in _stems(ordered)]
        waiting = [self._cut(*each) for each in zip(ordered, self.names, strict=True)][::-1]
        with ExitStack() as stack:
            open_cuts: list[_Cut] = []
            at = 0
            for block in self._spool.blocks(BLOCK_SAMPLES):
                while waiting and waiting[-1].start < at + len(block):
                    cut = waiting.pop()
                    cut.open(stack)
                    open_cuts.append(cut)
                open_cuts = [cut for cut in open_cuts if not cut.take(block, at)]
                at += len(block)

    def close(self) -> None:
        self._spool.close()

    def facts(self) -> dict[str, Any]:
        return {"n_cuts": len(self.names), "cut_files": list(self.names)}

    def _cut(self, segment: Segment, name: str) -> _Cut:
        last, rate = self._spool.n_samples, self.fmt.sample_rate
        # Shorter than a sample is still one, within the recording.
        start = min(round(segment.start_s * rate), last - 1)
        stop = max(start + 1, min(round(segment.end_s * rate), last))
        fade = min(round(self._fade_s * rate), (stop - start) // 2)
        channels = 1 if segment.channel is not None else self.fmt.channels
        fmt = StreamFormat(rate, channels)
        return _Cut(
            open_writer(self._folder / name, fmt, self._settings),
            start,
            stop,
            channel=segment.channel,
            gains=(_fade(fade if start > 0 else 0), _fade(fade if stop < last else 0)[::-1]),
        )


class _Cut:
    """One file on its way."""

    def __init__(
        self,
        writer: AudioWriter,
        start: int,
        stop: int,
        *,
        channel: int | None,
        gains: tuple[NDArray[np.float32], NDArray[np.float32]],
    ) -> None:
        self.start, self.stop = start, stop
        self._writer, self._channel, self._gains = writer, channel, gains
        self._files = ExitStack()

    def open(self, stack: ExitStack) -> None:
        """Begin the file; should anything fail, `stack` takes it back."""
        self._files.enter_context(self._writer)
        stack.push(self._files)

    def take(self, block: Block, at: int) -> bool:
        """Take what is one's own of the block that begins at sample `at`; True at the end."""
        first, last = max(self.start, at), min(self.stop, at + len(block))
        part = block[first - at : last - at]
        if self._channel is not None:
            part = part[:, self._channel : self._channel + 1]
        part = np.ascontiguousarray(part)
        head, tail = self._gains
        _multiply(part, head, first - self.start)
        _multiply(part, tail, first - (self.stop - len(tail)))
        self._writer.write(part)
        if last == self.stop:
            self._files.close()
        return last == self.stop


def _multiply(part: Block, gains: NDArray[np.float32], offset: int) -> None:
    """Apply gains in place; `offset` is the place of the part's first sample among them."""
    first, last = max(0, offset), min(len(gains), offset + len(part))
    if first < last:
        part[first - offset : last - offset] *= gains[first:last, np.newaxis]


def _fade(n_samples: int) -> NDArray[np.float32]:
    """Return a raised cosine that begins just above 0, ``(n_samples,)``."""
    phase = (np.arange(n_samples) + 0.5) / max(1, n_samples)
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * phase), np.float32)


def _stems(segments: Sequence[Segment]) -> Iterator[str]:
    """Yield the name of each segment's file; sorted by name they are in order."""
    n_digits = max(4, len(str(len(segments))))
    n_seconds = max([3, *(len(str(int(segment.end_s))) for segment in segments)])
    has_channels = any(segment.channel is not None for segment in segments)
    has_labels = len({segment.label for segment in segments}) > 1
    for number, segment in enumerate(segments, 1):
        times = (f"{t:0{n_seconds + 4}.3f}" for t in (segment.start_s, segment.end_s))
        parts = [f"{number:0{n_digits}d}", "-".join(times)]
        if has_channels and segment.channel is not None:
            parts.append(f"ch{segment.channel + 1}")
        if has_labels and (label := _in_a_name(segment.label)):
            parts.append(label)
        yield "_".join(parts)


def _in_a_name(label: str) -> str:
    """Return what of a label every file system takes."""
    plain = unicodedata.normalize("NFC", label)
    kept = "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in plain)
    return re.sub("-+", "-", kept).strip("-")[:_LONGEST_LABEL]
