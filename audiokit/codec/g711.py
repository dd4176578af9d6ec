"""G.711: speech in 8 bits a sample, by table.

The tables are those of the ITU's own program (G.191), bit for bit over all 65,536 values;
the ones that libsndfile, FFmpeg and audioop encode with are not.

References:
    ITU-T G.711 (11/1988), tables 1 and 2; ITU-T G.191 (2023), module G711.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from audiokit.stage import Block

__all__ = ["Law", "compress", "decode_g711", "encode_g711", "expand", "expanded_block"]

Law: TypeAlias = Literal["ulaw", "alaw"]

_FULL_SCALE = np.float32(32768.0)
_LARGEST, _SMALLEST = np.float32(32767.0), np.float32(-32768.0)


def compress(pcm: NDArray[np.int16], law: Law) -> NDArray[np.uint8]:
    """Return the code of each 16-bit sample; same shape."""
    return _codes(law).take(pcm.view(np.uint16))


def expand(codes: NDArray[np.uint8], law: Law) -> NDArray[np.int16]:
    """Return the 16-bit sample of each code; same shape."""
    return _values(law).take(codes)


def encode_g711(block: Block, law: Law) -> bytes:
    """Return a block in G.711, a byte for each sample and channel, channels in turn.

    Args:
        block: ``(samples, channels)``, full scale ±1.0; what is beyond is clipped.
        law: μ-law (North America, Japan) or A-law (elsewhere).
    """
    scaled = block * _FULL_SCALE
    np.rint(scaled, out=scaled)
    np.clip(scaled, _SMALLEST, _LARGEST, out=scaled)
    return compress(scaled.astype(np.int16), law).tobytes()


def decode_g711(payload: bytes, law: Law, *, channels: int = 1) -> Block:
    """Return the samples of a payload, ``(samples, channels)``; a sample cut short is left out."""
    codes = np.frombuffer(payload, np.uint8, count=len(payload) // channels * channels)
    return expanded_block(codes, law).reshape(-1, channels)


def expanded_block(codes: NDArray[np.uint8], law: Law) -> Block:
    """Return the sample of each code, full scale ±1.0; same shape."""
    return _floats(law).take(codes)


@lru_cache(maxsize=2)
def _values(law: Law) -> NDArray[np.int16]:
    codes = np.arange(256)
    return _read_only((_expanded_ulaw if law == "ulaw" else _expanded_alaw)(codes), np.int16)


@lru_cache(maxsize=2)
def _floats(law: Law) -> NDArray[np.float32]:
    return _read_only(_values(law).astype(np.float32) / _FULL_SCALE, np.float32)


@lru_cache(maxsize=2)
def _codes(law: Law) -> NDArray[np.uint8]:
    """Return the code of each sample, in the order of its bits read without a sign."""
    samples = np.arange(65536).astype(np.uint16).view(np.int16).astype(np.int64)
    codes = (_compressed_ulaw if law == "ulaw" else _compressed_alaw)(samples)
    return _read_only(codes, np.uint8)


def _expanded_ulaw(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return G.711, table 2, in 16 bits: the bits of a code are stored inverted."""
    inverted = ~codes & 0xFF
    magnitude = ((((inverted & 0x0F) << 3) + 0x84) << ((inverted >> 4) & 7)) - 0x84
    return np.where(inverted & 0x80, -magnitude, magnitude)


def _expanded_alaw(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return G.711, table 1, in 16 bits: every other bit of a code is stored inverted."""
    plain = codes ^ 0x55
    step, exponent = (plain & 0x0F) << 4, (plain >> 4) & 7
    magnitude = np.where(exponent, (step + 0x108) << np.maximum(exponent - 1, 0), step + 8)
    return np.where(plain & 0x80, magnitude, -magnitude)


def _compressed_ulaw(samples: NDArray[np.int64]) -> NDArray[np.int64]:
    # 14 bits, of which the negative ones mirror the others by complement, plus the bias
    # that makes every segment begin at a power of two.
    magnitude = np.minimum((_mirrored(samples) >> 2) + 33, 0x1FFF)
    segment = _position_of_first_one(magnitude >> 6)
    code = segment << 4 | (magnitude >> (segment + 1) & 0x0F)
    codes: NDArray[np.int64] = np.where(samples < 0, 0x7F, 0xFF) - code
    return codes


def _compressed_alaw(samples: NDArray[np.int64]) -> NDArray[np.int64]:
    magnitude = _mirrored(samples) >> 4
    segment = _position_of_first_one(magnitude >> 4)
    code = segment << 4 | (magnitude >> np.maximum(segment - 1, 0) & 0x0F)
    codes: NDArray[np.int64] = (code | np.where(samples < 0, 0, 0x80)) ^ 0x55
    return codes


def _mirrored(samples: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where(samples < 0, ~samples, samples)


def _position_of_first_one(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of bits that each value needs: none for 0."""
    return np.frexp(values.astype(np.float64))[1].astype(np.int64)


def _read_only(table: NDArray[Any], kind: type[Any]) -> NDArray[Any]:
    fixed = np.ascontiguousarray(table, kind)
    fixed.flags.writeable = False
    return fixed
