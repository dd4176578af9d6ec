"""WAV and headerless PCM, byte for byte ours.

libsndfile would put the time of day into the header of a float WAV; this writes the
same bytes every time, streams to a pipe, and becomes RF64 past 4 GB.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from audiokit.files.encoder import Encoder
from audiokit.files.output import Output, SeekableOutput
from audiokit.files.quantise import Quantiser
from audiokit.files.tags import Labels
from audiokit.stage import Block, StreamFormat

if TYPE_CHECKING:
    from audiokit.files.write import WriteSettings

__all__ = ["WavEncoder", "wav_header"]

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


def wav_header(
    fmt: StreamFormat,
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


def _fmt_chunk(fmt: StreamFormat, bit_depth: int, *, is_float: bool) -> bytes:
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


class WavEncoder(Encoder):
    """Write WAV, or the bare samples of one.

    Args:
        output: Where to.
        fmt: Format of the stream.
        settings: Container ``wav`` or ``raw``, depth and dither.
        labels: Whose tags are written into a WAV's header.
    """

    def __init__(
        self,
        output: Output,
        fmt: StreamFormat,
        settings: WriteSettings,
        labels: Labels,
    ) -> None:
        self._output, self._fmt, self._tags = output, fmt, labels.tags
        self._is_wav = settings.container == "wav"
        self._is_float = settings.bit_depth == "float"
        self._bit_depth = 32 if settings.bit_depth == "float" else settings.bit_depth
        self._quantiser = Quantiser(
            self._bit_depth, dither=settings.dither, seed=settings.dither_seed
        )
        self._n_samples = 0
        if self._is_wav:
            output.write(self._header(0 if isinstance(output, SeekableOutput) else None))

    def encode(self, run: Block) -> None:
        self._n_samples += len(run)
        self._output.write(self._to_bytes(run))
        self.n_clipped = self._quantiser.n_clipped

    def finish(self) -> None:
        if not self._is_wav or not isinstance(self._output, SeekableOutput):
            return
        if self._n_samples * self._fmt.channels * self._bit_depth // 8 % 2:
            self._output.write(b"\0")
        end = self._output.tell()
        self._output.seek(0)
        self._output.write(self._header(self._n_samples))
        self._output.seek(end)

    def _header(self, n_samples: int | None) -> bytes:
        return wav_header(
            self._fmt,
            bit_depth=self._bit_depth,
            is_float=self._is_float,
            n_samples=n_samples,
            tags=self._tags,
        )

    def _to_bytes(self, run: Block) -> bytes:
        if self._is_float:
            return run.astype("<f4", copy=False).tobytes()
        values = self._quantiser.quantise(run)
        if self._bit_depth == 24:
            four = np.ascontiguousarray(values, "<i4").view(np.uint8).reshape(-1, 4)
            return four[:, :3].tobytes()
        return values.astype(f"<i{self._bit_depth // 8}", copy=False).tobytes()
