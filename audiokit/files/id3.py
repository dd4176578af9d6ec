"""ID3v2 tags for MP3, written whole: FFmpeg goes back to complete its own, which a pipe forbids.

References:
    ID3 tag version 2.4.0, main structure and native frames.
"""

from __future__ import annotations

from collections.abc import Mapping

from audiokit.files.cover import Cover
from audiokit.files.tags import Labels

__all__ = ["id3_tag"]

_TEXT_FRAMES = {
    "title": b"TIT2",
    "artist": b"TPE1",
    "album": b"TALB",
    "date": b"TDRC",
    "genre": b"TCON",
    "track": b"TRCK",
    "copyright": b"TCOP",
}
_UTF_8 = b"\3"
_FRONT = b"\3"


def id3_tag(labels: Labels) -> bytes:
    """Return the tag that goes before the first frame; nothing where there is nothing to say."""
    frames = _texts(labels.tags)
    if labels.cover is not None:
        frames += _picture(labels.cover)
    return b"ID3\4\0\0" + _syncsafe(len(frames)) + frames if frames else b""


def _texts(tags: Mapping[str, str]) -> bytes:
    frames = b""
    for name, text in tags.items():
        encoded = text.encode("utf-8", "replace")
        if name == "comment":
            # Of no language, and without a description.
            frames += _frame(b"COMM", _UTF_8 + b"und" + b"\0" + encoded)
        else:
            frames += _frame(_TEXT_FRAMES[name], _UTF_8 + encoded)
    return frames


def _picture(cover: Cover) -> bytes:
    mime_type = cover.mime_type.encode("ascii")
    return _frame(b"APIC", _UTF_8 + mime_type + b"\0" + _FRONT + b"\0" + cover.data)


def _frame(name: bytes, content: bytes) -> bytes:
    return name + _syncsafe(len(content)) + bytes(2) + content


def _syncsafe(size: int) -> bytes:
    """Return 28 bits as four bytes of seven, so that none looks like the start of a frame."""
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
