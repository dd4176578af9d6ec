"""FLAC without a library: for a recorder that has 40 MB, and a file that is whole at any moment.

Fixed predictors, one Rice parameter per frame and channel, each channel by itself: files are
larger than libFLAC's, and nothing but integers is needed.
"""

from __future__ import annotations

import hashlib
import sys
from array import array
from collections.abc import Sequence
from operator import sub

from audiokit.errors import SettingError
from audiokit.live.pcm import PcmFormat

__all__ = ["FlacStream"]

_FRAME_SAMPLES = 4096
_STREAMINFO_BYTES, _DEPTH = 34, 16
# RFC 9639, 9.1.1 and 9.1.2: block size and sample rate follow in 16 bits; rates above 65535 Hz
# are in the stream's head alone.
_SIZE_IN_16_BITS, _RATE_IN_16_BITS, _RATE_IN_HEAD = 0b0111, 0b1101, 0b0000
_DEPTH_CODE = 0b100
_MAX_PARAMETER = 14
_HIGHEST_ORDER = 2


def _table(polynomial: int, n_bits: int) -> tuple[int, ...]:
    top, mask = 1 << (n_bits - 1), (1 << n_bits) - 1
    values = []
    for byte in range(256):
        value = byte << (n_bits - 8)
        for _ in range(8):
            value = (value << 1 ^ polynomial if value & top else value << 1) & mask
        values.append(value)
    return tuple(values)


# RFC 9639, 9.1.8 and 9.3.
_CRC_8, _CRC_16 = _table(0x07, 8), _table(0x8005, 16)


class FlacStream:
    """A machine: 16-bit samples in, FLAC frames out.

    Args:
        fmt: Of the samples; up to eight channels.

    References:
        RFC 9639.

    Raises:
        SettingError: There are too many channels.
    """

    def __init__(self, fmt: PcmFormat) -> None:
        # 3.1: eight channels at most.
        if fmt.channels > 8:
            raise SettingError("channels", fmt.channels, "1 to 8 for FLAC", "Write WAV.")
        self._fmt = fmt
        self._held = bytearray()
        self._n_frames = 0
        self._digest = hashlib.md5(usedforsecurity=False)
        self._n_samples = 0

    def head(self, n_samples: int) -> bytes:  # noqa: ARG002  what is held back is not in the file
        """Return the marker and STREAMINFO for all frames so far.

        References:
            RFC 9639, 6 and 8.2.
        """
        sizes = _FRAME_SAMPLES.to_bytes(2, "big") * 2 + bytes(6)
        fmt = self._fmt
        facts = fmt.sample_rate << 44 | (fmt.channels - 1) << 41 | (_DEPTH - 1) << 36
        info = sizes + (facts | self._n_samples).to_bytes(8, "big") + self._digest.digest()
        # The last block of metadata, of type 0.
        return b"fLaC\x80" + _STREAMINFO_BYTES.to_bytes(3, "big") + info

    def encode(self, pcm: bytes) -> bytes:
        """Return the frames that are full."""
        self._held += pcm
        size = _FRAME_SAMPLES * self._fmt.sample_bytes
        frames = bytearray()
        while len(self._held) >= size:
            frames += self._frame(bytes(self._held[:size]))
            del self._held[:size]
        return bytes(frames)

    def finish(self) -> bytes:
        """Return the last frame, which may be shorter."""
        rest = bytes(self._held)
        self._held.clear()
        return self._frame(rest) if rest else b""

    def _frame(self, pcm: bytes) -> bytes:
        values = array("h", pcm)
        if sys.byteorder == "big":
            values.byteswap()
        channels = self._fmt.channels
        n_samples = len(values) // channels
        head = self._frame_head(n_samples)
        # A bit in front keeps the zeros behind it.
        bits = "1" + "".join(_subframe(values[start::channels]) for start in range(channels))
        bits += "0" * (-(len(bits) - 1) % 8)
        body = int(bits, 2).to_bytes(len(bits) // 8 + 1, "big")[1:]
        frame = head + body
        self._digest.update(pcm)
        self._n_samples += n_samples
        self._n_frames += 1
        return frame + _crc(_CRC_16, 16, frame).to_bytes(2, "big")

    def _frame_head(self, n_samples: int) -> bytes:
        rate = self._fmt.sample_rate
        rate_code = _RATE_IN_16_BITS if rate < 65536 else _RATE_IN_HEAD
        head = b"\xff\xf8" + bytes([_SIZE_IN_16_BITS << 4 | rate_code])
        head += bytes([(self._fmt.channels - 1) << 4 | _DEPTH_CODE << 1])
        head += _coded_number(self._n_frames) + (n_samples - 1).to_bytes(2, "big")
        head += rate.to_bytes(2, "big") if rate_code == _RATE_IN_16_BITS else b""
        return head + bytes([_crc(_CRC_8, 8, head)])


def _subframe(values: Sequence[int]) -> str:
    """Return a channel of a frame as zeros and ones."""
    if min(values) == max(values):
        return "00000000" + _two_complement(values[0])
    order, residual = _predicted(values)
    kind = f"0{0b001000 | order:06b}0"
    warm_up = "".join(map(_two_complement, values[:order]))
    parameter, coded = _rice(residual)
    return f"{kind}{warm_up}000000{parameter:04b}{coded}"


def _predicted(values: Sequence[int]) -> tuple[int, Sequence[int]]:
    """Return the order of the best fixed predictor, and what it leaves over.

    References:
        RFC 9639, 9.2.5.
    """
    best = (sum(map(abs, values)), 0, values)
    current = values
    for order in range(1, min(_HIGHEST_ORDER, len(values) - 1) + 1):
        current = list(map(sub, current[1:], current))
        best = min(best, (sum(map(abs, current)), order, current), key=lambda item: item[0])
    return best[1], best[2]


def _rice(residual: Sequence[int]) -> tuple[int, str]:
    """Return the Rice parameter that suits a frame, and the residual coded with it.

    References:
        RFC 9639, 9.2.7.
    """
    # Folded: 0, -1, 1, -2, 2 … become 0, 1, 2, 3, 4 …
    folded = [value << 1 if value >= 0 else ~(value << 1) for value in residual]
    mean = sum(folded) / max(1, len(folded))
    parameter = min(_MAX_PARAMETER, max(0, round(mean * 0.69).bit_length() - 1))
    mask, stop = (1 << parameter) - 1, 1 << parameter
    # The stop bit and the low bits are one number.
    return parameter, "".join(
        ["0" * (value >> parameter) + f"{value & mask | stop:b}" for value in folded]
    )


def _two_complement(value: int) -> str:
    return f"{value & 0xFFFF:016b}"


def _coded_number(number: int) -> bytes:
    """Return a frame's number, in the manner of UTF-8.

    References:
        RFC 9639, 9.1.5.
    """
    if number < 0x80:
        return bytes([number])
    # So many bytes follow: each carries six bits, and each costs the first byte one.
    n_more = next(n for n in range(1, 7) if number < 1 << (5 * n + 6))
    tail = [0x80 | number >> 6 * place & 0x3F for place in reversed(range(n_more))]
    lead = 0xFF << (7 - n_more) & 0xFF
    return bytes([lead | number >> 6 * n_more, *tail])


def _crc(table: Sequence[int], n_bits: int, data: bytes) -> int:
    shift, mask, value = n_bits - 8, (1 << n_bits) - 1, 0
    for byte in data:
        value = (value << 8 & mask) ^ table[value >> shift ^ byte]
    return value
