"""Files of encoded speech, written block by block."""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, final

import audiokit
from audiokit.codec.g711 import Law, encode_g711
from audiokit.codec.ogg_writer import OggOpusWriter, OpusHead, opus_tags
from audiokit.codec.opus import OpusEncoder, OpusSettings
from audiokit.codec.opus_binding import OpusBinding
from audiokit.files.cover import Cover
from audiokit.files.output import Output, SeekableOutput
from audiokit.files.vorbis_comment import with_cover
from audiokit.stage import Block, StreamFormat

__all__ = ["EncodedFile", "G711File", "OpusFile"]

# A pause is a byte, or two: libopus says that they need not be sent.
_PAUSE_BYTES = 2
_UNKNOWN = 0xFFFFFFFF
# Multimedia Data Standards Update (Microsoft, 1994): WAVE_FORMAT_ALAW and _MULAW.
_WAV_FORMATS = {"alaw": 6, "ulaw": 7}


class EncodedFile(ABC):
    """Takes a stream's blocks, and writes a file of its packets or codes."""

    @abstractmethod
    def write(self, block: Block) -> None:
        """Take the next block."""

    @abstractmethod
    def finish(self) -> None:
        """End the stream, and complete the file."""

    @abstractmethod
    def facts(self) -> Mapping[str, Any]:
        """Return what was written, for the row."""


@final
class OpusFile(EncodedFile):
    """Opus in Ogg (RFC 7845): as many samples come out of it as went in.

    Args:
        output: Where the bytes go.
        fmt: What comes in.
        settings: How to encode.
        library: libopus.
        tags: Title, artist and the like.
        cover: The front cover.
    """

    def __init__(
        self,
        output: Output,
        fmt: StreamFormat,
        settings: OpusSettings,
        *,
        library: OpusBinding,
        tags: Mapping[str, str],
        cover: Cover | None = None,
    ) -> None:
        self._output, self._fmt = output, fmt
        self._version = library.found.version
        self._encoder = OpusEncoder(fmt, settings, library=library)
        named = {("tracknumber" if name == "track" else name): text for name, text in tags.items()}
        named["encoder"] = f"audiokit {audiokit.__version__}"
        comments = opus_tags(f"libopus {self._version}", named)
        if cover is not None:
            comments = with_cover(comments, cover)
        head = OpusHead(fmt.channels, self._encoder.pre_skip_48k, fmt.sample_rate)
        self._ogg = OggOpusWriter(head, comments)
        self._output.write(self._ogg.begin())
        self._n_packets = self._n_pauses = self._n_bytes = 0

    def write(self, block: Block) -> None:
        self._write(self._encoder.push(block))

    def finish(self) -> None:
        self._write(self._encoder.flush())
        n_48k = self._encoder.n_samples * 48_000 // self._fmt.sample_rate
        self._output.write(self._ogg.finish(self._encoder.pre_skip_48k + n_48k))

    def facts(self) -> Mapping[str, Any]:
        duration_s = self._fmt.seconds(self._encoder.n_samples)
        return {
            "container": "ogg",
            "bitrate_bps": round(8 * self._n_bytes / duration_s),
            "n_packets": self._n_packets,
            "n_pause_packets": self._n_pauses,
            "payload_bytes": self._n_bytes,
            "libopus_version": self._version,
        }

    def _write(self, packets: list[bytes]) -> None:
        for packet in packets:
            self._n_packets += 1
            self._n_pauses += len(packet) <= _PAUSE_BYTES
            self._n_bytes += len(packet)
            if pages := self._ogg.push(packet):
                self._output.write(pages)


@final
class G711File(EncodedFile):
    """G.711 in WAV, or bare.

    Args:
        output: Where the bytes go; where it cannot go back, a WAV states no length.
        fmt: What comes in.
        law: μ-law or A-law.
        is_raw: Whether to leave out the header.
    """

    def __init__(self, output: Output, fmt: StreamFormat, law: Law, *, is_raw: bool) -> None:
        self._output, self._fmt, self._law, self._is_raw = output, fmt, law, is_raw
        self._n_bytes = 0
        if not is_raw:
            output.write(_wav_header(fmt, law, None))

    def write(self, block: Block) -> None:
        data = encode_g711(block, self._law)
        self._n_bytes += len(data)
        self._output.write(data)

    def finish(self) -> None:
        if self._is_raw:
            return
        # Chunks begin at even places.
        self._output.write(bytes(self._n_bytes % 2))
        if isinstance(self._output, SeekableOutput):
            end = self._output.tell()
            self._output.seek(0)
            self._output.write(_wav_header(self._fmt, self._law, self._n_bytes))
            self._output.seek(end)

    def facts(self) -> Mapping[str, Any]:
        return {
            "container": "raw" if self._is_raw else "wav",
            "bitrate_bps": 8 * self._fmt.sample_rate * self._fmt.channels,
            "n_packets": None,
            "payload_bytes": self._n_bytes,
        }


def _wav_header(fmt: StreamFormat, law: Law, n_bytes: int | None) -> bytes:
    """Return what stands before the codes; None leaves all sizes open, as for a pipe."""
    channels = fmt.channels
    content = struct.pack(
        "<HHIIHHH",
        _WAV_FORMATS[law],
        channels,
        fmt.sample_rate,
        fmt.sample_rate * channels,
        channels,
        8,
        0,
    )
    known = n_bytes if n_bytes is not None and n_bytes < _UNKNOWN - 64 else None
    n_samples = _UNKNOWN if known is None else known // channels
    body = b"WAVEfmt " + struct.pack("<I", len(content)) + content
    body += b"fact" + struct.pack("<II", 4, n_samples)
    size = _UNKNOWN if known is None else len(body) + 8 + known + known % 2
    data = _UNKNOWN if known is None else known
    return b"RIFF" + struct.pack("<I", size) + body + b"data" + struct.pack("<I", data)
