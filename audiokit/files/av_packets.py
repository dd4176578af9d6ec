"""The packets in Matroska, MP4 and other containers, as they are: FFmpeg takes them out."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from audiokit.errors import CorruptError, FormatError
from audiokit.files.source import ByteSource
from audiokit.files.tags import clean_tags

__all__ = ["ContainerPacket", "PacketStream", "open_packets"]

# What a packet says of samples to leave out: at its start, and at its end.
_SKIP = struct.Struct("<II")


@dataclass(frozen=True, slots=True)
class ContainerPacket:
    """A packet and its place.

    Args:
        payload: What to decode.
        start_s: Where it lies in time; None where the container does not say.
        duration_s: How long it is, as the container says; None likewise.
        discard_samples: How much of its end is padding, at the codec's rate.
    """

    payload: bytes
    start_s: float | None
    duration_s: float | None
    discard_samples: int


@dataclass(frozen=True, slots=True)
class PacketStream:
    """The first sound in a container.

    Args:
        container: Its name: ``mp4``, ``matroska``, ``caf``.
        channels: How many.
        header: What the decoder is to know beforehand; empty where there is nothing.
        tags: By names from `audiokit.files.tags.TAG_NAMES`.
        packets: In their order.
        warnings: What went wrong; grows while packets are read.
        close: Releases the file.
    """

    container: str
    channels: int
    header: bytes
    tags: Mapping[str, str]
    packets: Iterator[ContainerPacket]
    warnings: list[str]
    close: Callable[[], None]


def open_packets(source: ByteSource, codec: str) -> PacketStream:
    """Open a container whose first sound is of a codec.

    Args:
        source: One that can go back.
        codec: FFmpeg's name of it: ``opus``.

    Raises:
        FormatError: It is no container that FFmpeg knows, or holds other sound.
        CorruptError: It is so damaged that nothing can be told.
    """
    import av

    source.rewind()
    try:
        container = av.open(
            source, mode="r", metadata_errors="replace", options={"protocol_whitelist": "none"}
        )
    except av.FFmpegError as error:
        if isinstance(error, MemoryError):
            raise
        problem = f"could not be opened ({error.strerror or error})"
        raise CorruptError(source.path, problem, "Fetch or export the file again") from error
    found = next(iter(container.streams.audio), None)
    name = None if found is None or found.codec_context is None else found.codec_context.name
    if found is None or name != codec:
        container.close()
        problem = f"holds {name or 'no sound that is known'}, expected {codec}"
        raise FormatError(source.path, problem, "Use audiokit convert")
    warnings: list[str] = []
    return PacketStream(
        container=container.format.name.split(",")[0],
        channels=found.codec_context.layout.nb_channels,
        header=found.codec_context.extradata or b"",
        tags=clean_tags({**found.metadata, **container.metadata}),
        packets=_packets(container, found, warnings),
        warnings=warnings,
        close=container.close,
    )


def _packets(container: Any, stream: Any, warnings: list[str]) -> Iterator[ContainerPacket]:
    import av

    unit_s = stream.time_base
    try:
        for packet in container.demux(stream):
            if not packet.size:
                continue
            discard = 0
            if packet.has_sidedata("skip_samples"):
                discard = _SKIP.unpack_from(bytes(packet.get_sidedata("skip_samples")))[1]
            yield ContainerPacket(
                bytes(packet),
                None if packet.pts is None else float(packet.pts * unit_s),
                float(packet.duration * unit_s) if packet.duration else None,
                discard,
            )
    except av.FFmpegError as error:
        if isinstance(error, MemoryError):
            raise
        warnings.append("reading stopped before the end: the data is damaged")
