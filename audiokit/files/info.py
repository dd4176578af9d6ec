"""What a reader knows about a recording, and what each decoder hands to the reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from audiokit.errors import HeaderError
from audiokit.files.cover import Cover
from audiokit.stage import MAX_CHANNELS, MAX_SAMPLE_RATE, Block, StreamFormat

__all__ = ["AudioInfo", "Decoder", "believable_format"]


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What a recording says about itself; its header may be wrong.

    Args:
        path: The source as it was named.
        container: Lower case, such as ``wav``, ``ogg``, ``mp4``.
        codec: Lower case, such as ``pcm_16``, ``vorbis``, ``aac``.
        sample_rate: In Hz.
        channels: How many.
        n_samples: Length that the header claims; None where it claims none.
        bit_depth: Of integer and lossless audio; None for all else.
        bitrate_bps: Of lossy audio, all channels together, on average; None for all else and
            where nothing tells.
        tags: Lower-case names from `audiokit.files.tags.TAG_NAMES`.
    """

    path: str
    container: str
    codec: str
    sample_rate: int
    channels: int
    n_samples: int | None = None
    bit_depth: int | None = None
    bitrate_bps: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Decoder:
    """A recording whose first samples have been decoded.

    Args:
        info: What it says about itself.
        pieces: All its samples, in blocks of any length but zero.
        warnings: What went wrong so far; `pieces` adds to it.
        close: Releases what the decoder opened.
        claim_tolerance_samples: How far `info.n_samples` may be off without a word,
            where the container only states a rounded length.
        cover: The front cover, where the decoder comes across it.
    """

    info: AudioInfo
    pieces: Iterator[Block]
    warnings: list[str]
    close: Callable[[], None]
    claim_tolerance_samples: int = 0
    cover: Cover | None = None


def believable_format(path: str, sample_rate: int, channels: int) -> StreamFormat:
    """Return the format that a header states.

    Raises:
        HeaderError: No recording has such a format.
    """
    if not 1 <= sample_rate <= MAX_SAMPLE_RATE:
        problem = f"sample rate is {sample_rate} Hz, expected 1 to {MAX_SAMPLE_RATE} Hz"
        raise HeaderError(path, problem, "Export the file again")
    if not 1 <= channels <= MAX_CHANNELS:
        problem = f"number of channels is {channels}, expected 1 to {MAX_CHANNELS}"
        raise HeaderError(path, problem, "Export the file again")
    return StreamFormat(sample_rate, channels)
