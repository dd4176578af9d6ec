"""Opus packets to the bytes of an Ogg file.

References:
    RFC 3533, the pages; RFC 7845, how Opus lies in them.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from audiokit.codec.opus_packet import duration_48k, lost_packets, not_a_packet
from audiokit.errors import SettingError
from audiokit.files.ogg_pages import Page, paged

__all__ = ["OggOpusWriter", "OpusHead", "opus_tags"]

_FIRST, _LAST = 2, 4
_MOST_SEGMENTS = 255
# RFC 7845, section 4: pages of about a second, so that a player finds its place.
_PAGE_48K = 48_000
_MAX_CHANNELS = 2


@dataclass(frozen=True, slots=True)
class OpusHead:
    """The identification header (RFC 7845, section 5.1).

    Args:
        channels: 1 to 255; more than two need a mapping family other than 0.
        pre_skip_48k: Samples to skip at the start of what decodes, at 48 kHz.
        sample_rate: Of what was encoded, in Hz; 0 where that is not known.
        gain_q8: Gain to apply, in steps of 1/256 dB.
        mapping_family: 0 for mono and stereo.
        n_streams: How many streams each packet holds; 1 but for surround sound.
    """

    channels: int
    pre_skip_48k: int
    sample_rate: int = 48_000
    gain_q8: int = 0
    mapping_family: int = 0
    n_streams: int = 1

    @property
    def gain_db(self) -> float:
        """The gain to apply, in dB."""
        return self.gain_q8 / 256

    def to_bytes(self) -> bytes:
        """Return the header's packet, of mapping family 0."""
        return b"OpusHead" + struct.pack(
            "<BBHIhB",
            1,
            self.channels,
            self.pre_skip_48k,
            self.sample_rate,
            self.gain_q8,
            0,
        )

    @classmethod
    def from_bytes(cls, packet: bytes) -> OpusHead:
        """Return what a header says.

        Raises:
            MalformedPacketError: It is none, or of a version to come, or cut.
        """
        if not packet.startswith(b"OpusHead") or len(packet) < 19:
            raise not_a_packet("is no header of Opus", "OpusHead and 11 bytes or more")
        version, channels, pre_skip, rate, gain, family = struct.unpack_from("<BBHIhB", packet, 8)
        # The upper four bits count changes that break readers.
        if version >> 4:
            raise not_a_packet(f"is a header of version {version}", "0 to 15")
        if not channels or (family == 0 and channels > _MAX_CHANNELS):
            raise not_a_packet(f"states {channels} channels", "1 or 2 for mapping family 0")
        n_streams = packet[19] if family and len(packet) > 19 else 1
        return cls(channels, pre_skip, rate, gain, family, n_streams)


def opus_tags(vendor: str, tags: Mapping[str, str]) -> bytes:
    """Return the comment header (RFC 7845, section 5.2).

    Args:
        vendor: Who encoded.
        tags: Text by name; names become upper case.
    """
    comments = [f"{name.upper()}={text}".encode() for name, text in tags.items()]
    parts = [vendor.encode(), *comments]
    texts = [struct.pack("<I", len(part)) + part for part in parts]
    return b"OpusTags" + texts[0] + struct.pack("<I", len(comments)) + b"".join(texts[1:])


@final
class OggOpusWriter:
    """Packets in, the bytes of a file out.

    Args:
        head: What the file says of itself.
        tags: The comment header, from `opus_tags`.
        serial: Number of the stream; the same each time, so that the same sound gives the
            same file.

    Attributes:
        n_48k: How long the packets so far sound, at 48 kHz, what is to be skipped included.

    Raises:
        SettingError: More than two channels.
    """

    def __init__(self, head: OpusHead, tags: bytes, *, serial: int = 1) -> None:
        if head.channels > _MAX_CHANNELS:
            raise SettingError("channels", head.channels, "1 or 2 for Ogg Opus")
        self.n_48k = 0
        self._serial = serial
        header = head.to_bytes()
        first = Page(_FIRST, bytes(8), 0, bytes([len(header)]), header)
        self._head_pages = [first, *paged([tags], number=1)]
        self._n_pages = 0
        self._packets: list[bytes] = []
        self._lacing: list[int] = []
        self._page_48k = 0
        # What is lost before anything came is of the narrowest speech mode.
        self._toc = 4 if head.channels == 2 else 0

    def begin(self) -> bytes:
        """Return the headers: what the file begins with."""
        return b"".join(map(self._numbered, self._head_pages))

    def push(self, packet: bytes) -> bytes:
        """Take a packet; return the page that is full, if one is.

        Raises:
            MalformedPacketError: It is no Opus packet.
        """
        n_48k = duration_48k(packet)
        lacing = [255] * (len(packet) // 255) + [len(packet) % 255]
        is_full = len(self._lacing) + len(lacing) > _MOST_SEGMENTS
        done = b""
        # A page in hand at all times: the last one is marked as such.
        if self._packets and (is_full or self._page_48k + n_48k > _PAGE_48K):
            done = self._page(0, self.n_48k)
        self._packets.append(packet)
        self._lacing += lacing
        self._page_48k += n_48k
        self.n_48k += n_48k
        self._toc = packet[0]
        return done

    def lose(self, n_samples_48k: int) -> bytes:
        """Hold the place of packets that were lost (RFC 7845, section 4.1).

        Args:
            n_samples_48k: How much they stood for, at 48 kHz.

        Returns:
            The pages that are full.
        """
        packets = lost_packets(self._toc, n_samples_48k)
        return b"".join(self.push(packet) for packet in packets)

    def finish(self, end_48k: int | None = None) -> bytes:
        """Return the last page.

        Args:
            end_48k: Where the sound ends, in samples at 48 kHz, what is to be skipped
                included; the end of the last packet if not given.

        Raises:
            SettingError: The end is not within the last page.
        """
        end = self.n_48k if end_48k is None else end_48k
        lowest = self.n_48k - self._page_48k
        if not lowest <= end <= self.n_48k:
            raise SettingError("end_48k", end, f"{lowest} to {self.n_48k} samples at 48 kHz")
        return self._page(_LAST, end)

    def _page(self, flags: int, granule: int) -> bytes:
        body, lacing = b"".join(self._packets), bytes(self._lacing)
        page = Page(flags, struct.pack("<q", granule), 0, lacing, body)
        self._packets, self._lacing, self._page_48k = [], [], 0
        return self._numbered(page)

    def _numbered(self, page: Page) -> bytes:
        self._n_pages += 1
        return page.to_bytes(self._serial, self._n_pages - 1)
