"""The two ends of a call: samples to packets, and what makes samples of them again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, TypeAlias

import numpy as np

from audiokit.codec.g711 import Law, encode_g711, expanded_block
from audiokit.codec.opus import OpusDecoder, OpusEncoder, OpusSettings, check_opus_format
from audiokit.codec.opus_binding import open_opus
from audiokit.errors import SettingError
from audiokit.ranges import check_range
from audiokit.stage import Block, StreamFormat
from audiokit.transit.concealer import CONCEALERS, new_concealer
from audiokit.transit.decoder import PacketDecoder
from audiokit.transit.packet import OPUS_CLOCK_HZ, Packet
from audiokit.transit.pcm_decoder import PcmDecoder, expand_pcm16

__all__ = ["Codec", "CodecSettings", "PacketSender", "clock_of", "open_decoder", "payload_type_of"]

Codec: TypeAlias = Literal["opus", "ulaw", "alaw", "pcm"]
CODECS = ("opus", "ulaw", "alaw", "pcm")
_USUAL_RATES = {"opus": 16_000, "ulaw": 8_000, "alaw": 8_000, "pcm": 16_000}
# RFC 3551, tables 4 and 5; all else is dynamic.
_STATIC_TYPES = {
    ("ulaw", StreamFormat(8_000, 1)): 0,
    ("alaw", StreamFormat(8_000, 1)): 8,
    ("pcm", StreamFormat(44_100, 2)): 10,
    ("pcm", StreamFormat(44_100, 1)): 11,
}
_DYNAMIC_TYPES = {"opus": 96, "ulaw": 97, "alaw": 98, "pcm": 99}
SSRC = 0x61756469
"""What every sender here calls itself."""


@dataclass(frozen=True, slots=True)
class CodecSettings:
    """How samples travel.

    Raises:
        SettingError: A value is outside its range, or has no meaning with this codec.
    """

    codec: Codec = "opus"
    """Opus, G.711 by μ-law or A-law, or 16-bit samples (L16)."""
    resample: int | None = None
    """Sample rate in Hz that it is brought to; None: 16000, or 8000 for G.711."""
    channels: Literal["keep", "mono", "stereo"] = "mono"
    """As they are; their mean; or the first two, a single one twice."""
    opus: OpusSettings = field(default_factory=OpusSettings)
    """Of Opus; `frame_ms` of all: the length of a packet."""
    opus_library: str | None = None
    """The file of libopus; None takes the best there is."""
    decoder_complexity: int = 5
    """Effort of Opus' decoder, 0 to 10: see `OpusDecoder`."""
    plc: str | None = None
    """Concealment, one of `CONCEALERS`; None: ``pitch``. Opus has its own."""

    def __post_init__(self) -> None:
        if self.codec not in CODECS:
            raise SettingError("codec", self.codec, "opus, ulaw, alaw or pcm")
        if self.channels not in ("keep", "mono", "stereo"):
            raise SettingError("channels", self.channels, "keep, mono or stereo")
        check_range("decoder_complexity", self.decoder_complexity, 0, 10)
        if self.codec == "opus":
            check_opus_format(StreamFormat(self.sample_rate))
            if self.plc is not None:
                raise SettingError("plc", self.plc, "nothing with opus, which conceals by itself")
            return
        if self.plc is not None and self.plc not in CONCEALERS:
            raise SettingError("plc", self.plc, f"one of {', '.join(CONCEALERS)}")
        check_range("resample", self.sample_rate, 8_000, 48_000, unit="Hz")
        usual = OpusSettings(frame_ms=self.opus.frame_ms)
        for each in dataclasses.fields(usual):
            value = getattr(self.opus, each.name)
            if value != getattr(usual, each.name):
                raise SettingError(each.name, value, f"nothing with the codec {self.codec}")

    @property
    def sample_rate(self) -> int:
        """What it is brought to, in Hz."""
        return self.resample or _USUAL_RATES[self.codec]


def clock_of(codec: Codec, fmt: StreamFormat) -> int:
    """Return the rate of a codec's RTP clock, in Hz."""
    return OPUS_CLOCK_HZ if codec == "opus" else fmt.sample_rate


def payload_type_of(codec: Codec, fmt: StreamFormat) -> int:
    """Return the number by which packets of a codec are known (RFC 3551, section 6)."""
    return _STATIC_TYPES.get((codec, fmt), _DYNAMIC_TYPES[codec])


def open_decoder(fmt: StreamFormat, settings: CodecSettings) -> PacketDecoder:
    """Return what makes sound of packets.

    Args:
        fmt: What comes out.
        settings: Which codec, and how losses are concealed.

    Raises:
        SettingError: The codec has no such format.
        MissingDeviceError: libopus is not there.
    """
    if settings.codec == "opus":
        library = open_opus(settings.opus_library)
        return OpusDecoder(fmt, complexity=settings.decoder_complexity, library=library)
    concealer = new_concealer(settings.plc or "pitch", fmt)
    if settings.codec == "pcm":
        return PcmDecoder(fmt, expand_pcm16, sample_bytes=2, concealer=concealer)
    expand = partial(_expanded, law=settings.codec)
    return PcmDecoder(fmt, expand, sample_bytes=1, concealer=concealer)


class PacketSender:
    """Blocks to packets, each with the time when its last sample was captured.

    The first packet has the sequence number and the timestamp 0.

    Args:
        fmt: What comes in.
        settings: How it travels.

    Attributes:
        clock_hz: Of the timestamps.
        frame_samples: Samples that a packet stands for.
        lookahead_samples: Samples by which what decodes is late; the first so many are none
            of the stream's.
        n_samples: Samples taken so far.
        n_packets: Packets made so far.
        n_bytes: What their payloads take.

    Raises:
        SettingError: The codec has no such format, or packets of such a length.
        MissingDeviceError: libopus is not there.
    """

    def __init__(self, fmt: StreamFormat, settings: CodecSettings) -> None:
        self.fmt = fmt
        frame_ms = settings.opus.frame_ms
        if settings.codec == "opus":
            library = open_opus(settings.opus_library)
            encoder = OpusEncoder(fmt, settings.opus, library=library)
            self._encode: Callable[[Block], list[bytes]] = encoder.push
            self._end: Callable[[], list[bytes]] = encoder.flush
            self.frame_samples = encoder.frame_samples
            self.lookahead_samples = encoder.lookahead_samples
        else:
            self.frame_samples = round(fmt.sample_rate * frame_ms / 1000)
            self.lookahead_samples = 0
            plain = _PlainFrames(fmt, settings.codec, self.frame_samples)
            self._encode, self._end = plain.push, plain.flush
        self.clock_hz = clock_of(settings.codec, fmt)
        ticks, rest = divmod(self.frame_samples * self.clock_hz, fmt.sample_rate)
        if rest or abs(self.frame_samples / fmt.sample_rate - frame_ms / 1000) > 1e-9:
            raise SettingError("frame_ms", frame_ms, f"whole samples at {fmt.sample_rate} Hz")
        self._ticks, self._frame_s = ticks, self.frame_samples / fmt.sample_rate
        self._payload_type = payload_type_of(settings.codec, fmt)
        self.n_samples = self.n_packets = self.n_bytes = 0

    @property
    def end_ticks(self) -> int:
        """Where the sound so far ends when it is decoded, in ticks of the clock."""
        n_samples = self.n_samples + self.lookahead_samples
        return n_samples * self.clock_hz // self.fmt.sample_rate

    def push(self, block: Block) -> list[tuple[Packet, float]]:
        """Take the next block; return ``(packet, sent_s)`` of what is full."""
        self.n_samples += len(block)
        return self._packets(self._encode(block))

    def flush(self) -> list[tuple[Packet, float]]:
        """Return what is left, filled up with silence."""
        return self._packets(self._end())

    def _packets(self, payloads: list[bytes]) -> list[tuple[Packet, float]]:
        packets = []
        for payload in payloads:
            number = self.n_packets
            packet = Packet(
                number & 0xFFFF,
                number * self._ticks & 0xFFFFFFFF,
                payload,
                self._payload_type,
                number == 0,
                SSRC,
            )
            self.n_packets = number + 1
            self.n_bytes += len(payload)
            packets.append((packet, (number + 1) * self._frame_s))
        return packets


class _PlainFrames:
    """Packets of samples, or of a byte for each."""

    def __init__(self, fmt: StreamFormat, codec: str, frame_samples: int) -> None:
        self._fmt, self._frame = fmt, frame_samples
        self._to_bytes: Callable[[Block], bytes] = _pcm16
        self._frame_bytes = 2 * frame_samples * fmt.channels
        if codec != "pcm":
            law: Law = "ulaw" if codec == "ulaw" else "alaw"
            self._to_bytes = partial(encode_g711, law=law)
            self._frame_bytes //= 2
        self._held = b""
        self._n_samples = 0

    def push(self, block: Block) -> list[bytes]:
        self._n_samples += len(block)
        data, size = self._held + self._to_bytes(block), self._frame_bytes
        end = len(data) // size * size
        self._held = data[end:]
        return [data[at : at + size] for at in range(0, end, size)]

    def flush(self) -> list[bytes]:
        return self.push(self._fmt.silence(-self._n_samples % self._frame))


def _pcm16(block: Block) -> bytes:
    """Return samples of 16 bits in network byte order (RFC 3551, L16)."""
    scaled = block * np.float32(32768.0)
    np.rint(scaled, out=scaled)
    np.clip(scaled, np.float32(-32768.0), np.float32(32767.0), out=scaled)
    data: bytes = scaled.astype(">i2").tobytes()
    return data


def _expanded(payload: bytes, *, law: Law) -> Block:
    return expanded_block(np.frombuffer(payload, np.uint8), law)
