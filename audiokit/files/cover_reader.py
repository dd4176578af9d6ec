"""Finding the cover in what libsndfile reads but shows no pictures of: FLAC and Ogg."""

from __future__ import annotations

from audiokit.files.cover import Cover, front_of, parse_picture
from audiokit.files.ogg_pages import Page, first_page, packets_of
from audiokit.files.source import ByteSource
from audiokit.files.vorbis_comment import cover_in

__all__ = ["read_cover"]

_PICTURE_BLOCK = 6
# A picture in text takes a third more; beyond this nobody's cover is read.
_MOST_OGG_BYTES = 24 * 2**20
_PIECE_BYTES = 65_536


def read_cover(source: ByteSource) -> Cover | None:
    """Return the cover of a FLAC or Ogg source, if it has one.

    Args:
        source: Standing at its first byte.
    """
    return _in_flac(source) if source.head[:4] == b"fLaC" else _in_ogg(source)


def _in_flac(source: ByteSource) -> Cover | None:
    """Walk the metadata blocks (RFC 9639, section 8.1)."""
    source.seek(4)
    pictures = []
    is_last = False
    while not is_last:
        header = source.read(4)
        if len(header) < 4:
            break
        is_last, kind = bool(header[0] & 0x80), header[0] & 0x7F
        length = int.from_bytes(header[1:], "big")
        if kind != _PICTURE_BLOCK:
            source.seek(source.tell() + length)
            continue
        picture = parse_picture(source.read(length))
        if picture is not None:
            pictures.append(picture)
    return front_of(pictures)


def _in_ogg(source: ByteSource) -> Cover | None:
    """Collect pages until the second packet, the comments, is whole."""
    data = b""
    pages: list[Page] = []
    n_bytes = n_ends = 0
    while n_bytes < _MOST_OGG_BYTES and (piece := source.read(_PIECE_BYTES)):
        data += piece
        n_bytes += len(piece)
        begin = 0
        while data[begin : begin + 4] == b"OggS" and (found := first_page(data, begin)):
            page, begin = found
            pages.append(page)
            n_ends += page.n_ends
            if n_ends > 1:
                return cover_in(packets_of(pages)[1])
        data = data[begin:]
    return None
