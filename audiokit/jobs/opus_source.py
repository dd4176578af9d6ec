"""Opus packets out of any file that holds some: Ogg by our own reader, others by FFmpeg's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import final

from audiokit.codec.ogg_reader import OggGap, OggItem, OggLink, OggOpusReader, OggPacket
from audiokit.codec.ogg_writer import OpusHead
from audiokit.codec.opus_packet import duration_48k
from audiokit.errors import CorruptError, FormatError, MalformedPacketError
from audiokit.files.av_packets import ContainerPacket, PacketStream, open_packets
from audiokit.files.sniff import container_of_bytes
from audiokit.files.source import ByteSource, held
from audiokit.files.tags import clean_tags
from audiokit.files.vorbis_comment import comments_of

__all__ = ["OpusSource", "open_opus_source"]

_PIECE_BYTES = 65_536
_AV_CONTAINERS = frozenset({"Matroska", "MP4", "CAF"})
# Matroska counts in ms; what is nearer than this to its place is in its place.
_TOLERANCE_48K = 480
_LONGEST_GAP_48K = 60 * 48_000
_UNIT_48K = 120
_JUMPED = "times jump by more than 60 s, which is not filled"


@final
@dataclass(slots=True)
class OpusSource:
    """Opus in a file; a context manager.

    Args:
        container: ``ogg``, ``matroska``, ``mp4`` or ``caf``.
        head: What the stream says of itself.
        tags: By names from `audiokit.files.tags.TAG_NAMES`.
        items: The stream, its beginning first.
        warnings: What is wrong with the file; complete once all items were read.
    """

    container: str
    head: OpusHead
    tags: Mapping[str, str]
    items: Iterator[OggItem]
    warnings: list[str]
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> OpusSource:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def open_opus_source(source: ByteSource) -> OpusSource | None:
    """Return the Opus in a file, or None where it is of a kind that never holds any.

    Args:
        source: From its start; closed by the caller.

    Raises:
        FormatError: It holds something else, or more than two channels.
        CorruptError: Nothing can be read of it.
    """
    container = container_of_bytes(source.head)
    if container == "Ogg":
        return _in_ogg(source)
    if container in _AV_CONTAINERS:
        return _in_container(source)
    return None


def _in_ogg(source: ByteSource) -> OpusSource:
    reader = OggOpusReader()
    items = _ogg_items(source, reader)
    first = next(items, None)
    if not isinstance(first, OggLink):
        if reader.others:
            problem = f"holds {', '.join(reader.others)}, expected Opus"
            raise FormatError(source.path, problem, "Use audiokit convert")
        problem = "is damaged Ogg data, no stream of Opus begins in it"
        raise CorruptError(source.path, problem, "Fetch or export the file again")
    _check_head(source.path, first.head)
    return OpusSource("ogg", first.head, _tags_of(first), _from(first, items), reader.warnings)


def _ogg_items(source: ByteSource, reader: OggOpusReader) -> Iterator[OggItem]:
    source.rewind()
    while data := source.read(_PIECE_BYTES):
        yield from reader.push(data)
    yield from reader.flush()


def _from(first: OggLink, rest: Iterator[OggItem]) -> Iterator[OggItem]:
    yield first
    yield from rest


def _tags_of(link: OggLink) -> dict[str, str]:
    _, _, comments = comments_of(link.tags) or (0, 0, [])
    pairs = (comment.decode("utf-8", "replace").partition("=") for comment in comments)
    return clean_tags({name: text for name, _, text in pairs})


def _check_head(path: str, head: OpusHead) -> None:
    if head.channels > 2 or head.n_streams > 1:
        problem = f"holds {head.channels} channels of Opus, expected 1 or 2"
        raise FormatError(path, problem, "Use audiokit convert --channels stereo")


def _in_container(source: ByteSource) -> OpusSource:
    with ExitStack() as stack:
        if not source.is_seekable:
            source = held(source)
            stack.callback(source.close)
        stream = open_packets(source, "opus")
        stack.callback(stream.close)
        try:
            head = OpusHead.from_bytes(stream.header)
        except MalformedPacketError:
            # CAF carries none: what it skips is unknown here.
            head = OpusHead(min(stream.channels, 255), 0)
        _check_head(source.path, head)
        items = _timed(stream, head)
        return OpusSource(
            stream.container, head, stream.tags, items, stream.warnings, stack.pop_all()
        )


def _timed(stream: PacketStream, head: OpusHead) -> Iterator[OggItem]:
    """Yield a container's packets with the gaps that its times show."""
    yield OggLink(head, b"")
    held_back: ContainerPacket | None = None
    end_48k: int | None = None
    last_48k = 960
    for packet in stream.packets:
        if held_back is not None:
            yield _item(held_back, last_48k, is_last=False)
        start_48k = None if packet.start_s is None else round(packet.start_s * 48_000)
        if start_48k is not None and end_48k is not None:
            missing = start_48k - end_48k
            if missing > _LONGEST_GAP_48K:
                if _JUMPED not in stream.warnings:
                    stream.warnings.append(_JUMPED)
                end_48k = start_48k
            elif missing > _TOLERANCE_48K:
                gap = round(missing / _UNIT_48K) * _UNIT_48K
                yield OggGap(gap)
                end_48k += gap
        last_48k = _item(packet, last_48k, is_last=False).n_48k
        end_48k = (start_48k or 0) + last_48k if end_48k is None else end_48k + last_48k
        held_back = packet
    if held_back is not None:
        yield _item(held_back, last_48k, is_last=True)


def _item(packet: ContainerPacket, last_48k: int, *, is_last: bool) -> OggPacket:
    try:
        n_48k = duration_48k(packet.payload)
    except MalformedPacketError:
        return OggPacket(packet.payload, last_48k, last_48k, is_broken=True)
    keep = n_48k - packet.discard_samples
    if is_last and packet.duration_s is not None and not packet.discard_samples:
        # MP4 shortens the last packet; Matroska's milliseconds say nothing so fine.
        stated = round(packet.duration_s * 48_000)
        keep = min(stated, n_48k)
    return OggPacket(packet.payload, n_48k, min(max(keep, 0), n_48k))
