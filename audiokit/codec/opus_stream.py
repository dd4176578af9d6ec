"""A stream of packets with gaps in it, to sound of exactly its length."""

from __future__ import annotations

from typing import final

import numpy as np

from audiokit.codec.ogg_reader import OggGap, OggItem, OggLink, OggPacket
from audiokit.codec.opus import OpusDecoder
from audiokit.codec.opus_binding import OpusBinding
from audiokit.codec.opus_packet import frame_48k, parse_packet
from audiokit.errors import MalformedPacketError
from audiokit.stage import Block, StreamFormat

__all__ = ["OpusStreamDecoder"]

_PAUSE_BYTES = 2


@final
class OpusStreamDecoder:
    """Items of a file to blocks: skipped at the start, trimmed at the end, gaps concealed.

    What was lost is taken from the copy in the packet after it, where that has one.

    Args:
        fmt: What comes out.
        library: libopus; the best there is if not given.

    Attributes:
        n_packets: Packets with sound in them, pauses included.
        n_bytes: What they take.
        n_broken: Packets that did not decode, and were concealed.
        n_pause_samples: Length of what a byte or two stand for, at the rate of `fmt`: pauses
            (DTX), and losses whose place was held; nothing tells which.
        n_lost_samples: Length of what is missing or broken.
        n_recovered_samples: How much of both came from copies (in-band FEC).
    """

    def __init__(self, fmt: StreamFormat, *, library: OpusBinding | None = None) -> None:
        self.fmt = fmt
        self._library = library
        self._decoder = OpusDecoder(fmt, library=library)
        self._down = 48_000 // fmt.sample_rate
        self._n_skip = self._n_missing = 0
        self.n_packets = self.n_bytes = self.n_broken = 0
        self.n_pause_samples = self.n_lost_samples = self.n_recovered_samples = 0

    def push(self, item: OggItem) -> Block:
        """Take the next item; return what is ready, ``(samples, channels)``."""
        if isinstance(item, OggLink):
            before = self._without_start(self._filled(None))
            self._decoder = OpusDecoder(self.fmt, gain_db=item.head.gain_db, library=self._library)
            self._n_skip = item.head.pre_skip_48k // self._down
            return before
        if isinstance(item, OggGap):
            self.n_lost_samples += item.n_48k // self._down
            return self._without_start(self._postponed(item.n_48k // self._down))
        return self._without_start(self._decoded(item))

    def flush(self) -> Block:
        """Return sound for a gap at the end."""
        return self._without_start(self._filled(None))

    def _decoded(self, item: OggPacket) -> Block:
        n_keep = -(-item.keep_48k // self._down)
        if item.is_broken:
            return self._broken(n_keep)
        self.n_packets += 1
        self.n_bytes += len(item.payload)
        if len(item.payload) <= _PAUSE_BYTES and parse_packet(item.payload).is_pause:
            self.n_pause_samples += n_keep
            return self._postponed(n_keep)
        before = self._filled(item.payload)
        try:
            block = self._decoder.decode(item.payload)
        except MalformedPacketError:
            return np.concatenate([before, self._broken(n_keep)])
        block = block[:n_keep]
        return np.concatenate([before, block]) if len(before) else block

    def _broken(self, n_samples: int) -> Block:
        self.n_broken += 1
        self.n_lost_samples += n_samples
        return self._postponed(n_samples)

    def _postponed(self, n_samples: int) -> Block:
        """Let the next packet say what is missing; return sound for what was before that."""
        before = self._filled(None)
        self._n_missing = n_samples
        return before

    def _filled(self, following: bytes | None) -> Block:
        """Return sound for what is missing before a packet, or at the end."""
        n_missing, self._n_missing = self._n_missing, 0
        if not n_missing:
            return self.fmt.silence(0)
        if following is not None:
            recovered = self._decoder.recover(following, n_missing)
            if recovered is not None:
                self.n_recovered_samples += frame_48k(following) // self._down
                return recovered
        return self._decoder.conceal(n_missing)

    def _without_start(self, block: Block) -> Block:
        n_skip = min(self._n_skip, len(block))
        self._n_skip -= n_skip
        return block[n_skip:]
