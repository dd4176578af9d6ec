"""The bytes of an Ogg file to Opus packets in their places in time.

What is damaged becomes a gap: the positions that pages state say how long it is.

References:
    RFC 3533; RFC 7845, sections 3 (packets), 4 (positions, gaps, trimming) and 5 (headers).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TypeAlias, final

from audiokit.codec.ogg_scan import FoundPage, PageScanner
from audiokit.codec.ogg_writer import OpusHead
from audiokit.codec.opus_packet import duration_48k
from audiokit.errors import MalformedPacketError
from audiokit.files.ogg_pages import Page

__all__ = ["OggGap", "OggItem", "OggLink", "OggOpusReader", "OggPacket"]

_CONTINUED, _FIRST, _LAST = 1, 2, 4
# A longer hole is in the positions, not in the sound: it is told, and not filled.
_LONGEST_GAP_48K = 60 * 48_000
_MAX_PACKET_BYTES = 65_536
_MAX_TAGS_BYTES = 24 << 20
_OTHERS = {
    b"\x01vorbis": "Vorbis",
    b"\x7fFLAC": "FLAC",
    b"Speex   ": "Speex",
    b"\x80theora": "Theora video",
    b"fishead\0": "a skeleton",
    b"OpusHead": "more Opus",
}


@dataclass(frozen=True, slots=True)
class OggLink:
    """A stream begins; a file may hold several, one after the other.

    Args:
        head: What it says of itself.
        tags: Its comment header, as it is.
    """

    head: OpusHead
    tags: bytes


@dataclass(frozen=True, slots=True)
class OggPacket:
    """A packet.

    Args:
        payload: What to decode.
        n_48k: How long it sounds, at 48 kHz.
        keep_48k: How much of that is wanted: less at the end of a stream, or nothing.
        is_broken: Whether it is no Opus packet; its length is then that of the one before.
    """

    payload: bytes
    n_48k: int
    keep_48k: int
    is_broken: bool = False


@dataclass(frozen=True, slots=True)
class OggGap:
    """Time of which no packet is there.

    Args:
        n_48k: How long, at 48 kHz.
    """

    n_48k: int


OggItem: TypeAlias = OggLink | OggPacket | OggGap


@dataclass(slots=True)
class _Stream:
    """The stream that is being read, since its first page."""

    serial: int
    head: OpusHead
    is_open: bool = False
    has_ended: bool = False
    next_number: int = 0
    part: bytes | None = None
    waiting: tuple[list[bytes], int, bool] | None = None
    position: int | None = None

    @property
    def sounds(self) -> bool:
        """Whether a page with sound has come."""
        return self.position is not None or self.waiting is not None


@final
class OggOpusReader:
    """Bytes in, items out: the beginning of a stream, its packets, and the gaps between.

    Of streams that are interleaved it reads the first of Opus.

    Attributes:
        warnings: What is wrong with the file, or left out; each sentence once.
        others: What else the file holds, such as ``Vorbis``.
        n_streams: How many streams of Opus began, one after the other.
    """

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.n_streams = 0
        self._scanner = PageScanner()
        self._stream: _Stream | None = None
        self.others: list[str] = []
        self._last_48k = 960
        self._items: list[OggItem] = []

    def push(self, data: bytes) -> list[OggItem]:
        """Take the next bytes; return what they complete."""
        return self._read(self._scanner.push(data))

    def flush(self) -> list[OggItem]:
        """End the file; return what was held back."""
        items = self._read(self._scanner.flush())
        self._items = []
        self._end_stream()
        if self._scanner.n_damaged or self._scanner.n_skipped_bytes:
            self._warn(
                f"{self._scanner.n_skipped_bytes} bytes are of no whole page, and passed over"
            )
        return items + self._items

    def _read(self, pages: list[FoundPage]) -> list[OggItem]:
        self._items = []
        for found in pages:
            if found.page.flags & _FIRST:
                self._begin(found)
            elif self._stream is not None and found.serial == self._stream.serial:
                self._continue(self._stream, found.page)
        return self._items

    def _begin(self, found: FoundPage) -> None:
        """Take the first page of a stream."""
        body, stream = found.page.body, self._stream
        # Interleaved streams all begin before the first one sounds.
        is_silent = stream is not None and not stream.has_ended and not stream.sounds
        if is_silent or not body.startswith(b"OpusHead"):
            self._add_other(body)
            return
        self._end_stream()
        try:
            head = OpusHead.from_bytes(body)
        except MalformedPacketError as error:
            self._warn(f"a stream is left out, whose header {error.problem}")
            return
        self._stream = _Stream(found.serial, head, next_number=found.page.number + 1)

    def _add_other(self, body: bytes) -> None:
        name = next((text for magic, text in _OTHERS.items() if body.startswith(magic)), "unknown")
        if name not in self.others:
            self.others.append(name)
        self._warn(f"it also holds {name}, which is left out")

    def _continue(self, stream: _Stream, page: Page) -> None:
        if stream.has_ended:
            self._warn("pages follow the end of their stream, and are left out")
            return
        packets = self._packets(stream, page)
        if not stream.is_open:
            if not packets:
                return
            stream.is_open = True
            self.n_streams += 1
            # Where the comments are lost, it is sound already.
            has_tags = packets[0].startswith(b"OpusTags")
            self._items.append(OggLink(stream.head, packets[0] if has_tags else b""))
            packets = packets[has_tags:]
        (granule,) = struct.unpack("<q", page.granule)
        is_last = bool(page.flags & _LAST)
        if not packets and not is_last:
            return
        if stream.waiting is not None:
            self._settle(stream, *stream.waiting[:2], is_last=False)
        stream.waiting = (packets, granule, is_last)
        if is_last:
            self._end_stream()

    def _packets(self, stream: _Stream, page: Page) -> list[bytes]:
        """Return the packets that end on a page; what was lost of one is left out."""
        is_next = page.number == stream.next_number
        if not is_next and stream.is_open:
            self._warn("pages are missing or damaged; what they held is concealed")
        part = stream.part if is_next and page.flags & _CONTINUED else None
        # The rest of a packet whose beginning is lost is of no use.
        is_rest = bool(page.flags & _CONTINUED) and part is None
        stream.next_number = page.number + 1
        most = _MAX_PACKET_BYTES if stream.is_open else _MAX_TAGS_BYTES
        packets: list[bytes] = []
        begin = end = 0
        for length in page.lacing:
            end += length
            if length == 255:
                continue
            if not is_rest:
                packets.append((part or b"") + page.body[begin:end])
            part, is_rest, begin = None, False, end
        tail = page.body[begin:]
        is_held = bool(page.lacing) and page.lacing[-1] == 255 and not is_rest
        stream.part = (part or b"") + tail if is_held else None
        if stream.part is not None and len(stream.part) > most:
            self._warn(f"a packet of more than {most} bytes is left out")
            stream.part = None
        return packets

    def _end_stream(self) -> None:
        stream = self._stream
        if stream is None or stream.has_ended:
            return
        stream.has_ended = True
        if stream.waiting is not None:
            packets, granule, is_marked = stream.waiting
            stream.waiting = None
            if not is_marked:
                self._warn("it ends without its last page; some may be missing")
            self._settle(stream, packets, granule, is_last=True)

    def _settle(
        self, stream: _Stream, packets: list[bytes], granule: int, *, is_last: bool
    ) -> None:
        """Put a page's packets where its position says."""
        timed = [self._timed(packet) for packet in packets]
        total = sum(packet.n_48k for packet in timed)
        if stream.position is None:
            # Section 4.5: a stream may have begun before the file did.
            stream.position = max(0, granule - total) if granule >= 0 else 0
        end = stream.position + total
        if granule < 0:
            self._warn("a page states no position; its packets are taken one after the other")
            granule = end
        if granule > end:
            self._add_gap(granule - end)
        elif granule < end and is_last:
            timed = _trimmed(timed, max(0, granule - stream.position))
            if granule < stream.position:
                self._warn(
                    "its last position lies before the one before; it is not trimmed so far"
                )
        elif granule < end:
            self._warn("positions go back; packets are taken one after the other")
        self._items += timed
        stream.position = granule

    def _add_gap(self, n_48k: int) -> None:
        if n_48k > _LONGEST_GAP_48K:
            self._warn("positions jump by more than 60 s, which is not filled")
            return
        self._items.append(OggGap(n_48k))

    def _timed(self, packet: bytes) -> OggPacket:
        try:
            n_48k = duration_48k(packet)
        except MalformedPacketError:
            return OggPacket(packet, self._last_48k, self._last_48k, is_broken=True)
        self._last_48k = n_48k
        return OggPacket(packet, n_48k, n_48k)

    def _warn(self, sentence: str) -> None:
        if sentence not in self.warnings:
            self.warnings.append(sentence)


def _trimmed(packets: list[OggPacket], n_left: int) -> list[OggPacket]:
    """Return packets of which no more than so many samples are wanted in all."""
    trimmed = []
    for packet in packets:
        keep = min(packet.n_48k, n_left)
        n_left -= keep
        trimmed.append(OggPacket(packet.payload, packet.n_48k, keep, packet.is_broken))
    return trimmed
