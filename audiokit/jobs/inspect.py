"""Say what a recording is: format, length, tags, and how loud if asked."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from audiokit.files.read import AudioReader, RawFormat, open_audio
from audiokit.jobs.blocks import BLOCK_SAMPLES
from audiokit.jobs.loudness_plot import draw_loudness
from audiokit.loudness.levels import LevelsMeter

__all__ = ["SCHEMA", "InspectJob", "inspect_file", "measured"]

SCHEMA = "audiokit.info/1"


def inspect_file(
    source: str,
    *,
    with_loudness: bool = False,
    picture: Path | None = None,
    raw: RawFormat | None = None,
) -> dict[str, Any]:
    """Return what a recording is.

    Args:
        source: A path or URL.
        with_loudness: Decode all of it, for its levels and its true length.
        picture: Where to draw its loudness over time; decodes all of it too.
        raw: The format of a headerless source.

    Raises:
        SourceError: It cannot be read.
        ResourceError: The picture cannot be written.
    """
    with open_audio(source, raw=raw) as reader:
        info, fmt = reader.info, reader.fmt
        claimed = info.n_samples
        row: dict[str, Any] = {
            "container": info.container,
            "codec": info.codec,
            "sample_rate": fmt.sample_rate,
            "channels": fmt.channels,
            "bit_depth": info.bit_depth,
            "duration_s": None if claimed is None else round(fmt.seconds(claimed), 6),
            "size_bytes": Path(source).stat().st_size if Path(source).is_file() else None,
        }
        if with_loudness or picture is not None:
            meter = measured(reader)
            report = meter.result()
            row |= report.to_row()
            if picture is not None:
                draw_loudness(picture, meter.trace(), report, title=Path(source).name)
        row["tags"] = dict(info.tags)
        row["warnings"] = list(reader.warnings)
    return row


def measured(reader: AudioReader) -> LevelsMeter:
    """Return a meter that has heard a whole recording.

    Raises:
        SourceError: The recording cannot be read on.
        SettingError: Its sample rate is below 4000 Hz.
    """
    meter = LevelsMeter(reader.fmt)
    for block in reader.blocks(BLOCK_SAMPLES):
        meter.update(block)
    return meter


@dataclasses.dataclass(frozen=True, slots=True)
class InspectJob:
    """`inspect_file` for a run over many files: picklable, called with one item.

    Args:
        with_loudness: See `inspect_file`.
        out: The folder below which pictures go, if any are drawn.
        raw: The format of headerless sources.
    """

    with_loudness: bool = False
    out: Path | None = None
    raw: RawFormat | None = None

    def __call__(self, item: Any) -> dict[str, Any]:
        """Inspect one item, whose payload is a path and its picture by kind."""
        source, outputs = item.payload
        picture = (self.out or Path()) / outputs["picture"] if outputs else None
        row = inspect_file(source, with_loudness=self.with_loudness, picture=picture, raw=self.raw)
        return row | dict(outputs)
