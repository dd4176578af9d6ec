"""Packets of plain samples, or of a byte for each, as a jitter buffer takes them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from audiokit.errors import MalformedPacketError
from audiokit.stage import Block, StreamFormat
from audiokit.transit.concealer import Concealer

__all__ = ["PcmDecoder", "expand_pcm16"]


class PcmDecoder:
    """Turn packets of samples into sound, and conceal what is lost; a `PacketDecoder`.

    Args:
        fmt: Format of the stream.
        expand: From the bytes of a payload to its values, full scale ±1.0, channels in turn:
            `expand_pcm16`, or a codec's.
        sample_bytes: Bytes of one value: 2 for 16 bits, 1 for G.711.
        concealer: Fills the gaps; new, of the same format, and used from here alone.

    Attributes:
        has_copies: False: what `recover` gives is made up, with the next packet in sight.
    """

    has_copies = False

    def __init__(
        self,
        fmt: StreamFormat,
        expand: Callable[[bytes], Block],
        *,
        sample_bytes: int,
        concealer: Concealer,
    ) -> None:
        self.fmt = fmt
        self._expand = expand
        self._bytes = sample_bytes * fmt.channels
        self._concealer = concealer

    def n_samples(self, payload: bytes) -> int:
        """Return how many samples a packet holds of each channel.

        Raises:
            MalformedPacketError: It holds none, or a part of one.
        """
        n_samples, rest = divmod(len(payload), self._bytes)
        if rest or n_samples == 0:
            raise MalformedPacketError(
                "packet",
                f"length is {len(payload)} bytes, expected a multiple of {self._bytes}",
                "Check the payload type and the number of channels.",
            )
        return n_samples

    def decode(self, payload: bytes) -> Block:
        """Return the sound of the next packet, ``(samples, channels)``.

        After a loss, what was made up goes over into it.

        Raises:
            MalformedPacketError: Its length is not that of whole samples.
        """
        return self._concealer.received(self._block(payload))

    def recover(self, following: bytes, n_samples: int) -> Block | None:
        """Return the sound of a lost packet where the concealer can look at the next one.

        Returns:
            ``(n_samples, channels)``; None from a concealer that knows the past alone, or
            where the following packet is broken.
        """
        if self._concealer.latency_samples == 0 or not following or len(following) % self._bytes:
            return None
        return self._concealer.lost(n_samples, self._block(following))

    def conceal(self, n_samples: int) -> Block:
        """Return ``(n_samples, channels)`` in place of what is lost for good."""
        return self._concealer.lost(n_samples)

    def reset(self) -> None:
        """Forget the stream: the sender began anew."""
        self._concealer.reset()

    def _block(self, payload: bytes) -> Block:
        n_samples = self.n_samples(payload)
        return self._expand(payload).reshape(n_samples, self.fmt.channels)


def expand_pcm16(payload: bytes) -> Block:
    """Return 16-bit samples in network byte order (RFC 3551, L16), full scale ±1.0; flat."""
    samples: Block = np.frombuffer(payload, ">i2").astype(np.float32)
    samples *= np.float32(1.0 / 32768.0)
    return samples
