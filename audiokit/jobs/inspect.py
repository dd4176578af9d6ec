"""Say what a recording is: format, length, tags, and its loudness if asked."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from audiokit.files.read import RawFormat, open_audio

__all__ = ["SCHEMA", "InspectJob", "inspect_file"]

SCHEMA = "audiokit.info/1"


def inspect_file(
    source: str, *, with_loudness: bool = False, raw: RawFormat | None = None
) -> dict[str, Any]:
    """Return what a recording is.

    Args:
        source: A path or URL.
        with_loudness: Decode all of it, for its loudness and its true length.
        raw: The format of a headerless source.

    Raises:
        SourceError: It cannot be read.
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
        if with_loudness:
            row |= _loudness(reader)
        row["tags"] = dict(info.tags)
        row["warnings"] = list(reader.warnings)
    return row


def _loudness(reader: Any) -> dict[str, Any]:
    from audiokit.loudness.meter import LoudnessMeter

    meter = LoudnessMeter(reader.fmt)
    for block in reader.blocks(4 * reader.fmt.sample_rate):
        meter.update(block)
    report = dataclasses.asdict(meter.result())
    return {name: _rounded(name, value) for name, value in report.items()}


def _rounded(name: str, value: Any) -> Any:
    """Return levels to 0.01; the offset is a fraction of full scale, the rest is exact."""
    if not isinstance(value, float):
        return value
    return round(value, 2 if name.endswith(("_lufs", "_lu", "_dbfs", "_dbtp")) else 6)


@dataclasses.dataclass(frozen=True, slots=True)
class InspectJob:
    """`inspect_file` for a run over many files: picklable, called with one item."""

    with_loudness: bool = False
    raw: RawFormat | None = None

    def __call__(self, item: Any) -> dict[str, Any]:
        """Inspect one item, whose payload is a path and no outputs."""
        source, _ = item.payload
        return inspect_file(source, with_loudness=self.with_loudness, raw=self.raw)
