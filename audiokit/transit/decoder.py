"""What a jitter buffer knows of a codec."""

from __future__ import annotations

from typing import Protocol

from audiokit.stage import Block, StreamFormat

__all__ = ["PacketDecoder"]


class PacketDecoder(Protocol):
    """What turns packets into sound, for a jitter buffer.

    Attributes:
        fmt: What its blocks are in.
    """

    fmt: StreamFormat

    def n_samples(self, payload: bytes) -> int:
        """Return how long a packet lasts, in samples at the rate of `fmt`.

        Raises:
            MalformedPacketError: It is no packet of this codec.
        """
        ...

    def decode(self, payload: bytes) -> Block:
        """Return the sound of the next packet, ``(samples, channels)`` within ±1.

        Raises:
            MalformedPacketError: The payload is broken.
        """
        ...

    def recover(self, following: bytes, n_samples: int) -> Block | None:
        """Return the sound of a lost packet from what the next one carries of it.

        Args:
            following: Payload of the packet right after the lost one.
            n_samples: How long the lost one was.

        Returns:
            ``(n_samples, channels)``, or None where the next packet carries nothing.
        """
        ...

    def conceal(self, n_samples: int) -> Block:
        """Return ``(n_samples, channels)`` in place of what is lost for good."""
        ...

    def reset(self) -> None:
        """Forget the stream: the sender began anew."""
        ...
