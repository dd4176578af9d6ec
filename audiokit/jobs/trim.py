"""A recording without its silence, and the map of what was kept of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from audiokit.files.spool import BlockSpool
from audiokit.files.write import AudioWriter, WriteSettings, open_writer
from audiokit.jobs.blocks import BLOCK_SAMPLES
from audiokit.jobs.segment_sink import SegmentView
from audiokit.jobs.segmentation import SegmentReport
from audiokit.ranges import check_range
from audiokit.stage import Block, StreamFormat
from audiokit.vad.time_map import TimeMap, keep_speech

__all__ = ["TrimSettings", "TrimWriter"]

_MAX_MS = 60_000.0
# At a joint the sound fades out and in again, in what is silence on both sides.
_FADE_S = 0.005


@dataclass(frozen=True, slots=True)
class TrimSettings:
    """What is kept of a recording.

    Raises:
        SettingError: A value is out of range.
    """

    container: Literal["wav", "flac", "ogg", "opus", "mp3", "m4a"] = "wav"
    """The kind of file."""
    edge_ms: float = 250.0
    """Kept before the first speech and after the last, 0 to 60000 ms: what a word begins or
    ends with may be softer than anything that is heard as speech."""
    max_pause_ms: float = 0.0
    """Longer pauses lose their middle, 20 to 60000 ms; 0 leaves pauses whole."""

    def __post_init__(self) -> None:
        check_range("edge_ms", self.edge_ms, 0.0, _MAX_MS, unit="ms")
        if self.max_pause_ms:
            check_range("max_pause_ms", self.max_pause_ms, 20.0, _MAX_MS, unit="ms")


class TrimWriter(SegmentView):
    """Keep a stream until its speech is known, then write what is kept, and the map.

    The map tells where each kept stretch came from, so that times of one recording become
    those of the other (`audiokit.vad.time_map.TimeMap`). Where stretches meet, 5 ms fade out
    and 5 ms in. Where nobody speaks, all is kept. The stream waits on disk, so memory does
    not grow with it.

    Args:
        fmt: Format of the stream.
        audio: File of the sound.
        time_map: File of the map; None where nobody wants it.
        scratch: Where the stream waits.
        write_settings: How the sound is written.
        settings: What is kept.
    """

    def __init__(
        self,
        fmt: StreamFormat,
        audio: Path,
        *,
        time_map: Path | None,
        scratch: Path,
        write_settings: WriteSettings,
        settings: TrimSettings,
    ) -> None:
        self.fmt = fmt
        self._audio, self._map_file = audio, time_map
        self._write_settings, self._settings = write_settings, settings
        self._spool = BlockSpool(fmt, scratch)
        self._kept_s = 0.0

    def write(self, block: Block) -> None:
        self._spool.write(block)

    def finish(self, report: SegmentReport) -> None:
        """Write the sound and the map.

        Raises:
            ResourceError: The disk is full, or the place may not be written.
            SettingError: The kind of file cannot hold such a stream.
        """
        time_map = self._plan(report)
        with open_writer(self._audio, self.fmt, self._write_settings) as writer:
            self._copy(time_map, writer)
        if self._map_file is not None:
            self._map_file.write_text(time_map.to_json(), encoding="utf-8")
        self._kept_s = self.fmt.seconds(time_map.n_kept_samples)

    def close(self) -> None:
        self._spool.close()

    def facts(self) -> dict[str, Any]:
        return {"trim_kept_s": round(self._kept_s, 6)}

    def _plan(self, report: SegmentReport) -> TimeMap:
        pause_ms = self._settings.max_pause_ms
        longest = {"max_pause_s": pause_ms / 1000.0} if pause_ms else {}
        kept_s = keep_speech(
            report.segments,
            duration_s=report.duration_s,
            edge_s=self._settings.edge_ms / 1000.0,
            **longest,
        )
        if not kept_s:
            kept_s = [(0.0, report.duration_s)]
        return TimeMap.of_stretches(
            kept_s, n_samples=self._spool.n_samples, sample_rate=self.fmt.sample_rate
        )

    def _copy(self, time_map: TimeMap, writer: AudioWriter) -> None:
        n_fade = round(_FADE_S * self.fmt.sample_rate)
        stretches = list(time_map.kept_samples)
        at = 0
        for block in self._spool.blocks(BLOCK_SAMPLES):
            while stretches and stretches[0][0] < at + len(block):
                first, last = max(stretches[0][0], at), min(stretches[0][1], at + len(block))
                part = np.ascontiguousarray(block[first - at : last - at])
                writer.write(self._faded(part, first, stretches[0], n_fade))
                if stretches[0][1] > at + len(block):
                    break
                stretches.pop(0)
            at += len(block)

    def _faded(self, part: Block, at: int, stretch: tuple[int, int], n_fade: int) -> Block:
        """Return a part with the stretch's fades, none at the recording's own ends."""
        first, last = stretch
        n_fade = min(n_fade, (last - first) // 2)
        if n_fade == 0:
            return part
        position = np.arange(at, at + len(part))
        gains = np.ones(len(part))
        if first > 0:
            gains = np.minimum(gains, (position - first + 0.5) / n_fade)
        if last < self._spool.n_samples:
            gains = np.minimum(gains, (last - position - 0.5) / n_fade)
        smooth = np.sin(gains * (np.pi / 2.0)) ** 2
        return np.ascontiguousarray(part * smooth[:, np.newaxis], np.float32)
