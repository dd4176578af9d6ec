"""pydub's AudioSegment in and out.

Only that, and export with tags: pydub resamples without a filter, decodes and encodes by
starting a program, and holds everything in memory. Decode with `open_audio`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from audiokit.errors import SettingError
from audiokit.files.quantise import Quantiser
from audiokit.files.write import WriteSettings, container_of, open_writer
from audiokit.stage import Block, StreamFormat

__all__ = ["export_segment", "from_audio_segment", "to_audio_segment"]


def from_audio_segment(segment: Any) -> tuple[StreamFormat, Block]:
    """Return a segment's format and samples.

    Args:
        segment: A `pydub.AudioSegment` of 8, 16 or 32 bits.

    Returns:
        The format, and ``(samples, channels)`` with full scale at ±1.0.

    Raises:
        SettingError: Another sample width.
    """
    width_bytes = segment.sample_width
    if width_bytes not in (1, 2, 4):
        raise SettingError("sample_width", width_bytes, "1, 2 or 4 bytes")
    fmt = StreamFormat(segment.frame_rate, segment.channels)
    # pydub holds 8 bits as signed, whatever the file held.
    values = np.frombuffer(segment.raw_data, f"<i{width_bytes}")
    wide = values.astype(np.float64) / 2.0 ** (8 * width_bytes - 1)
    return fmt, wide.astype(np.float32).reshape(-1, fmt.channels)


def to_audio_segment(block: Block, fmt: StreamFormat) -> Any:
    """Return samples as a 16-bit `pydub.AudioSegment`, dithered where they need it.

    Args:
        block: ``(samples, channels)`` with full scale at ±1.0; what is beyond is clipped.
        fmt: Their format.
    """
    from pydub import AudioSegment

    values = Quantiser(16, dither=True, seed=0).quantise(block).astype("<i2")
    return AudioSegment(
        data=values.tobytes(), sample_width=2, frame_rate=fmt.sample_rate, channels=fmt.channels
    )


def export_segment(
    segment: Any,
    target: Path,
    *,
    tags: Mapping[str, str] | None = None,
    settings: WriteSettings | None = None,
) -> None:
    """Write a segment with tags, without the program that pydub's own export starts.

    Args:
        segment: A `pydub.AudioSegment` of 8, 16 or 32 bits.
        target: The file; its name says the container.
        tags: Title, artist and the like.
        settings: Depth, bit rate and dither.

    Raises:
        SettingError: The container is unknown or cannot hold such a stream.
        ResourceError: The disk is full, or the place may not be written.
    """
    fmt, block = from_audio_segment(segment)
    chosen = replace(settings or WriteSettings(), container=container_of(target))
    with open_writer(target, fmt, chosen, tags=tags) as writer:
        writer.write(block)
