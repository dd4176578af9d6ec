"""Headerless PCM: the user says what the bytes are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from audiokit.codec.g711 import Law, expanded_block
from audiokit.errors import EmptyError, SettingError
from audiokit.files.info import AudioInfo, Decoder
from audiokit.files.source import ByteSource
from audiokit.stage import Block, StreamFormat

__all__ = ["ENCODINGS", "RawFormat", "open_raw", "parse_raw_format"]

_PIECE_SAMPLES = 16384


# Encoding: NumPy type, bytes, full scale. Offset binary and tables are special cases.
ENCODINGS = {
    "u8": ("u1", 1, 2.0**7),
    "s8": ("i1", 1, 2.0**7),
    "s16le": ("<i2", 2, 2.0**15),
    "s16be": (">i2", 2, 2.0**15),
    "s24le": ("<i4", 3, 2.0**31),
    "s24be": (">i4", 3, 2.0**31),
    "s32le": ("<i4", 4, 2.0**31),
    "s32be": (">i4", 4, 2.0**31),
    "f32le": ("<f4", 4, 1.0),
    "f32be": (">f4", 4, 1.0),
    "f64le": ("<f8", 8, 1.0),
    "mulaw": ("u1", 1, 1.0),
    "alaw": ("u1", 1, 1.0),
}
"""Every encoding of headerless audio: its type, its bytes per sample, its full scale."""


@dataclass(frozen=True, slots=True)
class RawFormat:
    """What headerless bytes are.

    Args:
        encoding: One of `ENCODINGS`.
        sample_rate: In Hz, 1 to 768000.
        channels: 1 to 64.

    Raises:
        SettingError: One of them is not so.
    """

    encoding: str
    sample_rate: int
    channels: int = 1

    def __post_init__(self) -> None:
        if self.encoding not in ENCODINGS:
            raise SettingError("encoding", self.encoding, ", ".join(ENCODINGS))
        StreamFormat(self.sample_rate, self.channels)


def parse_raw_format(text: str) -> RawFormat:
    """Return the format that ``s16le:16000:1`` stands for; one channel if left out.

    Raises:
        SettingError: The text does not stand for one.
    """
    encoding, _, numbers = text.strip().lower().partition(":")
    rate, _, channels = numbers.partition(":")
    if not rate.isdecimal() or not (channels or "1").isdecimal():
        expected = "encoding:rate:channels, such as s16le:16000:1"
        raise SettingError("raw_format", text, expected, f"Encodings: {', '.join(ENCODINGS)}.")
    return RawFormat(encoding, int(rate), int(channels or "1"))


def open_raw(source: ByteSource, raw: RawFormat) -> Decoder:
    """Read a source as headerless audio.

    Raises:
        EmptyError: It is shorter than one sample.
    """
    warnings: list[str] = []
    sample_bytes = ENCODINGS[raw.encoding][1] * raw.channels
    if len(source.head) < sample_bytes:
        raise EmptyError(source.path, "holds no samples", "Check --raw-format")
    info = AudioInfo(
        path=source.path,
        container="raw",
        codec=raw.encoding,
        sample_rate=raw.sample_rate,
        channels=raw.channels,
        bit_depth=8 * ENCODINGS[raw.encoding][1] if raw.encoding[0] in "su" else None,
    )
    return Decoder(info, _pieces(source, raw, warnings), warnings, lambda: None)


def _pieces(source: ByteSource, raw: RawFormat, warnings: list[str]) -> Iterator[Block]:
    sample_bytes = ENCODINGS[raw.encoding][1] * raw.channels
    held = b""
    while more := source.read(_PIECE_SAMPLES * sample_bytes):
        held += more
        whole = len(held) - len(held) % sample_bytes
        if whole:
            yield _to_block(held[:whole], raw)
        held = held[whole:]
    if held:
        warnings.append(f"the last {len(held)} bytes are no whole sample; check --raw-format")


def _to_block(data: bytes, raw: RawFormat) -> Block:
    dtype, width, full_scale = ENCODINGS[raw.encoding]
    if width == 3:
        data = _padded_to_32_bits(data, is_little=raw.encoding.endswith("le"))
    values = np.frombuffer(data, dtype)
    if raw.encoding in {"mulaw", "alaw"}:
        law: Law = "ulaw" if raw.encoding == "mulaw" else "alaw"
        return expanded_block(values, law).reshape(-1, raw.channels)
    wide = values.astype(np.float64 if values.itemsize >= 4 else np.float32)
    if raw.encoding == "u8":
        wide -= 128.0
    with np.errstate(over="ignore", invalid="ignore"):
        # A double beyond float32 becomes infinity, which the reader then refuses.
        block: Block = (wide / wide.dtype.type(full_scale)).astype(np.float32)
    return block.reshape(-1, raw.channels)


def _padded_to_32_bits(data: bytes, *, is_little: bool) -> bytes:
    three = np.frombuffer(data, np.uint8).reshape(-1, 3)
    four = np.zeros((len(three), 4), np.uint8)
    four[:, slice(1, 4) if is_little else slice(0, 3)] = three
    return four.tobytes()
