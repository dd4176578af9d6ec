"""What a libopus can do beyond the codec itself, found by letting it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiokit.codec.opus import PI_FORMAT, OpusDecoder, OpusEncoder, OpusSettings
from audiokit.codec.opus_binding import OpusBinding
from audiokit.stage import Block

__all__ = ["OpusCapability", "probe_opus"]

_N_FRAMES = 15
_LOST = 10


@dataclass(frozen=True, slots=True)
class OpusCapability:
    """What a libopus can do.

    Args:
        has_deep_plc: Whether it conceals losses by networks (libopus 1.5, complexity 5).
        has_osce: Whether it enhances what it decodes by networks (complexity 6).
        has_dred: Whether it encodes deep redundancy.
    """

    has_deep_plc: bool
    has_osce: bool
    has_dred: bool


def probe_opus(library: OpusBinding) -> OpusCapability:
    """Return what a libopus can do: what changes in its sound with the effort it may take."""
    encoder = OpusEncoder(PI_FORMAT, OpusSettings(fec=False, dtx=False), library=library)
    packets = encoder.push(_voice())
    plain, plain_lost = _heard(library, packets, 0)
    _, deep_lost = _heard(library, packets, 5)
    enhanced, _ = _heard(library, packets, 7)
    return OpusCapability(
        has_deep_plc=not np.array_equal(plain_lost, deep_lost),
        has_osce=not np.array_equal(plain, enhanced),
        has_dred=library.has_dred(),
    )


def _heard(library: OpusBinding, packets: list[bytes], complexity: int) -> tuple[Block, Block]:
    """Return what decodes, and what stands for a packet that was lost."""
    decoder = OpusDecoder(PI_FORMAT, complexity=complexity, library=library)
    heard = [decoder.decode(packet) for packet in packets[:_LOST]]
    return np.concatenate(heard), decoder.conceal(len(heard[0]))


def _voice() -> Block:
    """Return a buzz at 120 Hz, falling with frequency as a voice does."""
    rate = PI_FORMAT.sample_rate
    time_s = np.arange(_N_FRAMES * rate // 50) / rate
    tones = [np.sin(2 * np.pi * 120 * n * time_s) / n for n in range(1, 30)]
    voice: Block = (0.2 * np.sum(tones, axis=0)).astype(np.float32)[:, np.newaxis]
    return voice
