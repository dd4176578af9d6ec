"""The header of a WAV file, without NumPy: the live recorder writes one too."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Protocol

__all__ = ["Format", "wav_header"]

_UNKNOWN = 0xFFFFFFFF
_PCM, _IEEE_FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
# The tail of KSDATAFORMAT_SUBTYPE_PCM and its kin, after the two bytes of the format.
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")
_INFO_IDS = {
    "title": b"INAM",
    "artist": b"IART",
    "album": b"IPRD",
    "date": b"ICRD",
    "genre": b"IGNR",
    "comment": b"ICMT",
    "track": b"ITRK",
    "copyright": b"ICOP",
}


class Format(Protocol):
    """What a header tells of a stream: `StreamFormat`, and what live code has instead."""

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        ...

    @property
    def channels(self) -> int:
        """How many are interleaved."""
        ...


def wav_header(
    fmt: Format,
    *,
    bit_depth: int,
    is_float: bool = False,
    n_samples: int | None,
    tags: Mapping[str, str],
) -> bytes:
    """Return everything before the samples.

    Its length does not depend on `n_samples` unless that is None, so it can be written
    first and completed last.

    References:
        IBM and Microsoft: Multimedia Programming Interface 1.0 (RIFF); EBU Tech 3306
        (RF64), which keeps a ``JUNK`` chunk as the place for ``ds64``.

    Args:
        fmt: Format of the stream.
        bit_depth: Bits per sample and channel.
        is_float: Whether they are IEEE floats.
        n_samples: How many follow; None for a pipe: all sizes are then 0xFFFFFFFF.
        tags: Written as ``LIST INFO``, UTF-8.
    """
    frame_bytes = fmt.channels * bit_depth // 8
    body = _fmt_chunk(fmt, bit_depth, is_float=is_float)
    if is_float:
        body += _chunk(b"fact", struct.pack("<I", _clipped(n_samples)))
    body += _info_chunk(tags)
    if n_samples is None:
        return b"RIFF" + struct.pack("<I", _UNKNOWN) + b"WAVE" + body + b"data" + b"\xff" * 4
    data_bytes = n_samples * frame_bytes
    riff_bytes = 4 + 36 + len(body) + 8 + data_bytes + data_bytes % 2
    is_big = riff_bytes > _UNKNOWN
    ds64 = struct.pack("<QQQI", riff_bytes, data_bytes, n_samples, 0)
    reserved = _chunk(b"ds64", ds64) if is_big else _chunk(b"JUNK", bytes(28))
    sizes = (_UNKNOWN, _UNKNOWN) if is_big else (riff_bytes, data_bytes)
    start = (b"RF64" if is_big else b"RIFF") + struct.pack("<I", sizes[0]) + b"WAVE"
    return start + reserved + body + b"data" + struct.pack("<I", sizes[1])


def _clipped(n_samples: int | None) -> int:
    return _UNKNOWN if n_samples is None else min(n_samples, _UNKNOWN)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def _fmt_chunk(fmt: Format, bit_depth: int, *, is_float: bool) -> bytes:
    frame_bytes = fmt.channels * bit_depth // 8
    kind = _IEEE_FLOAT if is_float else _PCM
    is_extensible = fmt.channels > 2
    content = struct.pack(
        "<HHIIHH",
        _EXTENSIBLE if is_extensible else kind,
        fmt.channels,
        fmt.sample_rate,
        # The byte rate of an absurd format does not fit; nobody needs it.
        min(fmt.sample_rate * frame_bytes, _UNKNOWN),
        frame_bytes,
        bit_depth,
    )
    if is_extensible:
        # No channel mask: which loudspeaker each channel is for is not known.
        content += struct.pack("<HHIH", 22, bit_depth, 0, kind) + _GUID_TAIL
    elif is_float:
        content += struct.pack("<H", 0)
    return _chunk(b"fmt ", content)


def _info_chunk(tags: Mapping[str, str]) -> bytes:
    texts = ((_INFO_IDS[name], text) for name, text in tags.items())
    entries = b"".join(_chunk(key, text.encode("utf-8", "replace") + b"\0") for key, text in texts)
    return _chunk(b"LIST", b"INFO" + entries) if entries else b""
