"""Cover pictures: what one is, and the block in which FLAC and Ogg hold it."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = [
    "LARGEST_BLOCK_BYTES",
    "Cover",
    "cover_of",
    "front_of",
    "parse_picture",
    "picture_block",
]

LARGEST_BLOCK_BYTES = 2**24 - 1
"""What FLAC's block header can state."""

_FRONT = 3
_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"RIFF", "image/webp"),
)


@dataclass(frozen=True, slots=True)
class Cover:
    """The front cover of a recording.

    Args:
        mime_type: Such as ``image/jpeg``.
        data: The image file, as it is.
    """

    mime_type: str
    data: bytes


def cover_of(data: bytes) -> Cover | None:
    """Return a picture as a cover; None where it is no JPEG, PNG, GIF, BMP or WebP.

    The type is taken from the picture: what containers say of it is often wrong.
    """
    for magic, mime_type in _MAGIC:
        if data.startswith(magic):
            return Cover(mime_type, data)
    return None


def front_of(pictures: Iterable[tuple[bool, bytes]]) -> Cover | None:
    """Return the front cover, or else the first picture.

    Args:
        pictures: Of each, whether it is called the front cover, and its bytes.
    """
    covers = [(not is_front, cover_of(data)) for is_front, data in pictures]
    known = [(rank, cover) for rank, cover in covers if cover is not None]
    return min(known, key=lambda item: item[0])[1] if known else None


def picture_block(cover: Cover) -> bytes:
    """Return the content of a PICTURE block; sizes and colours are left to the picture.

    References:
        RFC 9639, section 8.8.
    """
    mime_type = cover.mime_type.encode("ascii")
    start = struct.pack(">II", _FRONT, len(mime_type)) + mime_type
    return start + struct.pack(">IIIIII", 0, 0, 0, 0, 0, len(cover.data)) + cover.data


def parse_picture(block: bytes) -> tuple[bool, bytes] | None:
    """Return whether a PICTURE block says front cover, and the picture; None if it is cut."""
    try:
        kind, n_mime = struct.unpack_from(">II", block, 0)
        (n_text,) = struct.unpack_from(">I", block, 8 + n_mime)
        start = 8 + n_mime + 4 + n_text + 16
        (n_bytes,) = struct.unpack_from(">I", block, start)
    except struct.error:
        return None
    data = block[start + 4 : start + 4 + n_bytes]
    return (kind == _FRONT, data) if len(data) == n_bytes else None
