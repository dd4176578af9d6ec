"""16-bit little-endian samples as bytes: what devices give, and what needs no NumPy."""

from __future__ import annotations

import math
import sys
from array import array
from dataclasses import dataclass
from operator import mul
from typing import TYPE_CHECKING

from audiokit.errors import SettingError
from audiokit.live.packets import SILENCE_DBOV

if TYPE_CHECKING:
    from audiokit.stage import Block

__all__ = ["PcmFormat", "level_dbov", "to_block", "to_pcm"]

_FULL_SCALE = 32768.0
# Power over so many samples of a packet is within a dB of that over all: this runs for each.
_SAMPLES_FOR_LEVEL = 200


@dataclass(frozen=True, slots=True)
class PcmFormat:
    """What bytes of a source or a speaker hold: 16 bits, little-endian, channels interleaved.

    Args:
        sample_rate: In Hz, 8000 to 192000.
        channels: 1 to 32.
    """

    sample_rate: int = 16000
    channels: int = 1

    def __post_init__(self) -> None:
        if not 8000 <= self.sample_rate <= 192_000:
            raise SettingError("sample_rate", self.sample_rate, "8000 to 192000 Hz")
        if not 1 <= self.channels <= 32:
            raise SettingError("channels", self.channels, "1 to 32")

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample, all channels."""
        return 2 * self.channels

    def n_bytes(self, duration_s: float) -> int:
        """Return the bytes of so many seconds, in whole samples."""
        return round(duration_s * self.sample_rate) * self.sample_bytes


def level_dbov(pcm: bytes) -> int:
    """Return the level of samples, -127 to 0 dBov, from evenly spaced ones of them.

    References:
        RFC 6464, 3.
    """
    values = array("h", pcm)
    if sys.byteorder == "big":
        values.byteswap()
    # An odd spacing takes from both channels.
    values = values[:: len(values) // _SAMPLES_FOR_LEVEL | 1]
    power = sum(map(mul, values, values)) / max(1, len(values)) / _FULL_SCALE**2
    if power <= 0.0:
        return SILENCE_DBOV
    return max(SILENCE_DBOV, min(0, round(10.0 * math.log10(power))))


def to_block(pcm: bytes, channels: int) -> Block:
    """Return samples as a block, ``(samples, channels)``, float32; loads NumPy."""
    import numpy as np

    block: Block = np.frombuffer(pcm, "<i2").astype(np.float32)
    block /= np.float32(_FULL_SCALE)
    return block.reshape(-1, channels)


def to_pcm(block: Block) -> bytes:
    """Return a block's samples, rounded and limited to 16 bits; loads NumPy."""
    import numpy as np

    scaled = np.rint(block * np.float32(_FULL_SCALE))
    pcm: bytes = np.clip(scaled, -32768, 32767).astype("<i2").tobytes()
    return pcm
