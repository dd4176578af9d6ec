"""Opus: blocks to packets and back.

References:
    RFC 6716, the codec; RFC 7587, section 3, its use for speech over a network.
"""

from __future__ import annotations

import ctypes
from typing import final

import numpy as np

from audiokit.codec.opus_binding import OpusBinding, OpusState, open_opus
from audiokit.codec.opus_packet import (
    MAX_PACKET_BYTES,
    duration_48k,
    frame_48k,
    has_fec,
    is_celt,
    not_a_packet,
)
from audiokit.codec.opus_settings import OpusSettings, new_encoder
from audiokit.errors import SettingError
from audiokit.ranges import check_range
from audiokit.stage import Block, StreamFormat

__all__ = ["OPUS_RATES", "PI_FORMAT", "OpusDecoder", "OpusEncoder", "OpusSettings"]

OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
"""The sample rates that Opus has, in Hz."""
PI_FORMAT = StreamFormat(16_000, 1)
"""What the live client on a Raspberry Pi sends, with the default settings."""

# Frames are coded as they fill a buffer that never moves: no address is looked up for each.
_BUFFERED_FRAMES = 16
_ONE, _MINUS_ONE = np.float32(1.0), np.float32(-1.0)
_LONGEST_MS = 120


@final
class OpusEncoder:
    """Blocks to packets, of one length each, however the blocks are cut.

    The first `lookahead_samples` that a decoder gives are none of the stream's. `flush` adds
    as much silence as brings the last sample out: what the packets hold beyond it is to be
    trimmed.

    Args:
        fmt: One of `OPUS_RATES`, one or two channels.
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
        fmt: StreamFormat,
        settings: OpusSettings | None = None,
        *,
        library: OpusBinding | None = None,
    ) -> None:
        check_opus_format(fmt)
        self.fmt, self.settings = fmt, settings or OpusSettings()
        self._library = library or open_opus()
        names = self._library.names
        self._state = new_encoder(self._library, fmt.sample_rate, fmt.channels, self.settings)
        self._reset_request = names.RESET_STATE
        self.frame_samples = round(fmt.sample_rate * self.settings.frame_ms / 1000)
        self.lookahead_samples = self._state.get(names.GET_LOOKAHEAD_REQUEST)
        self._buffer = fmt.silence(_BUFFERED_FRAMES * self.frame_samples)
        step = self._buffer.strides[0] * self.frame_samples
        start = self._buffer.ctypes.data
        self._frames_at = [ctypes.c_void_p(start + n * step) for n in range(_BUFFERED_FRAMES)]
        packet = (ctypes.c_ubyte * MAX_PACKET_BYTES)()
        self._packet = memoryview(packet).cast("B")
        self._packet_at = ctypes.c_void_p(ctypes.addressof(packet))
        self.n_samples = self._n_held = 0

    @property
    def pre_skip_48k(self) -> int:
        """How much of the decoded stream is to be skipped, in samples at 48 kHz."""
        return self.lookahead_samples * 48_000 // self.fmt.sample_rate

    def push(self, block: Block) -> list[bytes]:
        """Take the next block, ``(samples, channels)``; return the packets that are full."""
        packets: list[bytes] = []
        self.n_samples += len(block)
        start = 0
        while start < len(block):
            stop = min(len(block), start + len(self._buffer) - self._n_held)
            held = self._buffer[self._n_held : self._n_held + stop - start]
            # Beyond full scale a decoder would clip, and nobody says how.
            np.minimum(block[start:stop], _ONE, out=held)
            np.maximum(held, _MINUS_ONE, out=held)
            self._n_held += stop - start
            start = stop
            self._encode_full_frames(packets)
        return packets

    def flush(self) -> list[bytes]:
        """Return the packets that are left: the last sample is in them. Then call `reset`."""
        n_samples = self.n_samples
        if not n_samples:
            return []
        n_missing = -(n_samples + self.lookahead_samples) % self.frame_samples
        packets = self.push(self.fmt.silence(self.lookahead_samples + n_missing))
        self.n_samples = n_samples
        return packets

    def reset(self) -> None:
        """Forget the stream, as if newly built."""
        self._state.reset(self._reset_request)
        self.n_samples = self._n_held = 0

    def _encode_full_frames(self, packets: list[bytes]) -> None:
        n_full, n_left = divmod(self._n_held, self.frame_samples)
        encode, state = self._library.encode_float, self._state.pointer
        frame_samples, packet_at = self.frame_samples, self._packet_at
        for frame_at in self._frames_at[:n_full]:
            n_bytes = encode(state, frame_at, frame_samples, packet_at, MAX_PACKET_BYTES)
            if n_bytes < 0:
                problem = f"could not be encoded ({self._library.problem(n_bytes)})"
                raise not_a_packet(problem, "samples of the stream's format")
            packets.append(bytes(self._packet[:n_bytes]))
        if n_full:
            end = n_full * frame_samples
            self._buffer[:n_left] = self._buffer[end : end + n_left]
            self._n_held = n_left


@final
class OpusDecoder:
    """Packets to blocks: a `PacketDecoder` for a jitter buffer, or for a file.

    Samples are clipped to full scale: a packet with flipped bits may decode to thousands of
    times that.

    Args:
        fmt: What comes out: one of `OPUS_RATES`, one or two channels, whatever was sent.
        gain_db: Gain that the stream asks for, -128 to 128 dB in steps of 1/256 (RFC 7845).
        complexity: Effort of concealment, 0 to 10: from 5 on by networks (deep PLC), from 6
            on also of decoding (OSCE), where libopus has them.
        library: libopus; the best there is if not given.

    Attributes:
        has_copies: True: what `recover` gives was sent (in-band FEC).

    Raises:
        SettingError: Opus has no such rate, or no so many channels; or a setting is outside
            its range.
        MissingDeviceError: libopus is not there.
    """

    has_copies = True

    def __init__(
        self,
        fmt: StreamFormat,
        *,
        gain_db: float = 0.0,
        complexity: int = 5,
        library: OpusBinding | None = None,
    ) -> None:
        check_opus_format(fmt)
        check_range("gain_db", gain_db, -128.0, 32767 / 256, unit="dB")
        check_range("complexity", complexity, 0, 10)
        self.fmt = fmt
        self._library = library or open_opus()
        names = self._library.names
        self._decode = self._library.decode_float
        self._state: OpusState = self._library.new_decoder(fmt.sample_rate, fmt.channels)
        self._state.set(names.SET_GAIN_REQUEST, round(256 * gain_db))
        # Before libopus 1.5 decoders had no such setting, and nothing to spend effort on.
        self._state.set(names.SET_COMPLEXITY_REQUEST, complexity)
        self._reset_request = names.RESET_STATE
        self._unit = fmt.sample_rate // 400
        self._longest = fmt.sample_rate * _LONGEST_MS // 1000
        self._down = 48_000 // fmt.sample_rate
        self._out = fmt.silence(self._longest)
        self._out_at = ctypes.c_void_p(self._out.ctypes.data)
        # Packets have few lengths: each is cut out of the output once.
        self._views: dict[int, tuple[Block, Block]] = {}
        self._last: bytes | None = None

    def n_samples(self, payload: bytes) -> int:
        """Return how long a packet sounds, in samples of `fmt`.

        Raises:
            MalformedPacketError: It is no Opus packet.
        """
        return duration_48k(payload) // self._down

    def decode(self, payload: bytes) -> Block:
        """Return a packet's sound, ``(samples, channels)``, float32, within ±1.

        Args:
            payload: Bytes, or what holds bytes: a `memoryview`, an array of them.

        Raises:
            MalformedPacketError: It is no Opus packet.
        """
        if type(payload) is not bytes:
            payload = bytes(payload)
        if not payload:
            # libopus would take it for a loss.
            duration_48k(payload)
        block = self._run(payload, len(payload), self._longest, 0)
        self._last = payload
        return block

    def recover(self, following: bytes, n_samples: int) -> Block | None:
        """Return what was lost, from the copy of it in the packet after it.

        Args:
            following: That packet, which is decoded by itself afterwards.
            n_samples: How much was lost before it. Of several packets it has a copy of the
                last; the others are concealed.

        Returns:
            ``(n_samples, channels)``, or None where it carries no copy: then nothing was done.

        Raises:
            MalformedPacketError: `following` is no Opus packet.
        """
        if type(following) is not bytes:
            following = bytes(following)
        # After the mode without speech layers there is nothing that a copy could go on from.
        if self._last is None or is_celt(self._last) or not has_fec(following):
            return None
        frame = frame_48k(following) // self._down
        if n_samples < frame or n_samples % self._unit:
            return None
        before = self.conceal(n_samples - frame)
        copy = self._run(following, len(following), frame, 1)
        return np.concatenate([before, copy]) if len(before) else copy

    def conceal(self, n_samples: int) -> Block:
        """Return sound for what is lost for good, ``(n_samples, channels)``."""
        pieces = []
        n_left = n_samples
        while n_left > 0:
            # libopus conceals in steps of 2.5 ms.
            n_run = min(self._longest, -(-n_left // self._unit) * self._unit)
            pieces.append(self._run(None, 0, n_run, 0)[:n_left])
            n_left -= n_run
        if not pieces:
            return self.fmt.silence(0)
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def reset(self) -> None:
        """Forget the stream: the sender began anew."""
        self._state.reset(self._reset_request)
        self._last = None

    def _run(self, payload: bytes | None, n_bytes: int, n_samples: int, fec: int) -> Block:
        n_made = self._decode(self._state.pointer, payload, n_bytes, self._out_at, n_samples, fec)
        if n_made < 0:
            problem = f"of {n_bytes} bytes does not decode ({self._library.problem(n_made)})"
            raise not_a_packet(problem, "an Opus packet (RFC 6716, section 3)")
        heard, flat = self._views.get(n_made) or self._view(n_made)
        # Where the largest value lies is found several times faster than all are clipped.
        if not (flat.item(flat.argmax()) <= 1.0 and flat.item(flat.argmin()) >= -1.0):
            np.clip(np.nan_to_num(flat, copy=False), -1.0, 1.0, out=flat)
        block: Block = heard.copy()
        return block

    def _view(self, n_samples: int) -> tuple[Block, Block]:
        """Return the first samples of the output, as a block and in one row; kept for good."""
        heard = self._out[:n_samples]
        self._views[n_samples] = heard, heard.reshape(-1)
        return self._views[n_samples]


def check_opus_format(fmt: StreamFormat) -> None:
    """Refuse a format that Opus has not.

    Raises:
        SettingError: It is not mono or stereo at one of `OPUS_RATES`.
    """
    if fmt.sample_rate not in OPUS_RATES:
        rates = f"{', '.join(map(str, OPUS_RATES[:-1]))} or {OPUS_RATES[-1]} Hz for Opus"
        nearest = min((rate for rate in OPUS_RATES if rate >= fmt.sample_rate), default=48_000)
        raise SettingError("sample_rate", fmt.sample_rate, rates, f"Add --resample {nearest}.")
    if fmt.channels > 2:
        raise SettingError("channels", fmt.channels, "1 or 2 for Opus", "Add --channels mono.")
