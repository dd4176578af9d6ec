"""Opus from 16-bit samples as they come from a device, without NumPy.

What it makes is what `OpusEncoder` makes of the same samples, to the bit; the process that
only sends stays 13 MB smaller.
"""

from __future__ import annotations

import ctypes
import sys
from array import array
from typing import final

from audiokit.codec.opus_binding import OpusBinding, open_opus
from audiokit.codec.opus_packet import MAX_PACKET_BYTES, not_a_packet
from audiokit.codec.opus_settings import OpusSettings, new_encoder
from audiokit.errors import SettingError

__all__ = ["OpusPcmEncoder"]

_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)


@final
class OpusPcmEncoder:
    """Bytes of samples to packets, of one length each, however the bytes are cut.

    Args:
        sample_rate: 8000, 12000, 16000, 24000 or 48000 Hz.
        channels: 1 or 2.
        settings: How to encode.
        library: libopus; the best there is if not given.

    Attributes:
        frame_samples: Samples that a packet stands for.
        lookahead_samples: Samples at the start of the decoded stream that are to be skipped.
        n_samples: Samples taken so far.

    Raises:
        SettingError: Opus has no such rate, or no so many channels.
        MissingDeviceError: libopus is not there.
    """

    def __init__(
        self,
        sample_rate: int,
        channels: int = 1,
        settings: OpusSettings | None = None,
        *,
        library: OpusBinding | None = None,
    ) -> None:
        if sample_rate not in _RATES:
            rates = f"{', '.join(map(str, _RATES[:-1]))} or {_RATES[-1]} Hz for Opus"
            raise SettingError("sample_rate", sample_rate, rates)
        if channels not in {1, 2}:
            raise SettingError("channels", channels, "1 or 2 for Opus")
        self.settings = settings or OpusSettings()
        self._library = library or open_opus()
        self._state = new_encoder(self._library, sample_rate, channels, self.settings)
        names = self._library.names
        self.frame_samples = round(sample_rate * self.settings.frame_ms / 1000)
        self.lookahead_samples = self._state.get(names.GET_LOOKAHEAD_REQUEST)
        self._sample_bytes = 2 * channels
        self._frame_bytes = self.frame_samples * self._sample_bytes
        self._packet = ctypes.create_string_buffer(MAX_PACKET_BYTES)
        self._packet_at = ctypes.c_void_p(ctypes.addressof(self._packet))
        self._held = b""
        self.n_samples = 0

    def push(self, pcm: bytes) -> list[bytes]:
        """Take the next samples, 16 bits, little-endian; return the packets that are full."""
        self.n_samples += len(pcm) // self._sample_bytes
        held = self._held + pcm
        n_whole = len(held) - len(held) % self._frame_bytes
        self._held = held[n_whole:]
        return [
            self._encoded(held[start : start + self._frame_bytes])
            for start in range(0, n_whole, self._frame_bytes)
        ]

    def flush(self) -> list[bytes]:
        """Return the packets that are left: the last sample is in them."""
        n_samples = self.n_samples
        if not n_samples:
            return []
        n_missing = -(n_samples + self.lookahead_samples) % self.frame_samples
        packets = self.push(bytes((self.lookahead_samples + n_missing) * self._sample_bytes))
        self.n_samples = n_samples
        return packets

    def _encoded(self, frame: bytes) -> bytes:
        if sys.byteorder == "big":
            values = array("h", frame)
            values.byteswap()
            frame = values.tobytes()
        n_bytes = self._library.encode_int16(
            self._state.pointer, frame, self.frame_samples, self._packet_at, MAX_PACKET_BYTES
        )
        if n_bytes < 0:
            problem = f"could not be encoded ({self._library.problem(n_bytes)})"
            raise not_a_packet(problem, "samples of the stream's format")
        return ctypes.string_at(self._packet, n_bytes)
