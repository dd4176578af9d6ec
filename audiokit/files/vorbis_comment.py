"""Vorbis comments, as Ogg Vorbis and Ogg Opus hold them: a list of ``NAME=text``.

References:
    Vorbis I specification, section 5; RFC 7845, section 5.2.
"""

from __future__ import annotations

import base64
import binascii
import struct

from audiokit.files.cover import Cover, front_of, parse_picture, picture_block

__all__ = ["comments_of", "cover_in", "with_cover"]

_MAGIC = (b"\x03vorbis", b"OpusTags")
_COVER_KEY = b"METADATA_BLOCK_PICTURE"


def comments_of(packet: bytes) -> tuple[int, int, list[bytes]] | None:
    """Return where the count stands, where the comments end, and each comment.

    Args:
        packet: A comment header.

    Returns:
        None where it is none, or damaged.
    """
    start = next((len(magic) for magic in _MAGIC if packet.startswith(magic)), None)
    if start is None:
        return None
    comments: list[bytes] = []
    try:
        count_at = start + 4 + struct.unpack_from("<I", packet, start)[0]
        (count,) = struct.unpack_from("<I", packet, count_at)
        end = count_at + 4
        while len(comments) < count:
            (length,) = struct.unpack_from("<I", packet, end)
            comments.append(packet[end + 4 : end + 4 + length])
            end += 4 + length
    except struct.error:
        return None
    return (count_at, end, comments) if end <= len(packet) else None


def cover_in(packet: bytes) -> Cover | None:
    """Return the cover that a comment header holds, if it holds one."""
    _, _, comments = comments_of(packet) or (0, 0, [])
    pictures = []
    for comment in comments:
        key, _, text = comment.partition(b"=")
        if key.upper() != _COVER_KEY:
            continue
        try:
            picture = parse_picture(base64.b64decode(text, validate=True))
        except binascii.Error:
            continue
        if picture is not None:
            pictures.append(picture)
    return front_of(pictures)


def with_cover(packet: bytes, cover: Cover) -> bytes:
    """Return a comment header with one comment more.

    Raises:
        ValueError: It is no whole comment header.
    """
    found = comments_of(packet)
    if found is None:
        raise ValueError("the packet is no comment header")
    count_at, end, comments = found
    text = _COVER_KEY + b"=" + base64.b64encode(picture_block(cover))
    entry = struct.pack("<I", len(text)) + text
    count = struct.pack("<I", len(comments) + 1)
    return packet[:count_at] + count + packet[count_at + 4 : end] + entry + packet[end:]
