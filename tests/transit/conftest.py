"""A decoder whose sound tells where it came from."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from audiokit.errors import MalformedPacketError
from audiokit.stage import StreamFormat
from audiokit.transit.packet import Packet


class NumberedDecoder:
    """Packets hold a number and a duration; sound is that number, made-up sound is 0.

    Args:
        rate: Sample rate.
        carries_last: Whether each packet carries the one before too, as in-band FEC does.
    """

    def __init__(self, rate=8000, *, carries_last=False):
        self.fmt = StreamFormat(rate)
        self.carries_last = carries_last
        self.decoded, self.recovered = [], []
        self.n_concealed = self.n_resets = 0

    @staticmethod
    def payload(number, n_samples=160):
        return struct.pack("<Ih", number, n_samples)

    def packet(self, number, n_samples=160, **fields):
        """Return packet `number` of a stream of equal packets."""
        fields = {
            "sequence": number & 0xFFFF,
            "timestamp": number * n_samples & 0xFFFFFFFF,
            "payload": self.payload(number, n_samples),
            **fields,
        }
        return Packet(**fields)

    def n_samples(self, payload):
        if len(payload) != 6:
            raise MalformedPacketError("numbered packet", f"is {len(payload)} bytes")
        n_samples = struct.unpack("<Ih", payload)[1]
        if n_samples <= 0:
            raise MalformedPacketError("numbered packet", f"lasts {n_samples} samples")
        return n_samples

    def decode(self, payload):
        n_samples = self.n_samples(payload)
        number = struct.unpack("<Ih", payload)[0]
        self.decoded.append(number)
        return np.full((n_samples, 1), number / 2**20, np.float32)

    def recover(self, following, n_samples):
        if not self.carries_last:
            return None
        number = struct.unpack("<Ih", following)[0] - 1
        self.recovered.append(number)
        return np.full((n_samples, 1), number / 2**20, np.float32)

    def conceal(self, n_samples):
        self.n_concealed += n_samples
        return self.fmt.silence(n_samples)

    def reset(self):
        self.n_resets += 1


@pytest.fixture(scope="session")
def numbered():
    """The class of decoders whose sound tells where it came from."""
    return NumberedDecoder


@pytest.fixture(scope="session")
def play():
    """What runs a buffer over arrivals."""
    return run_buffer


def run_buffer(buffer, arrivals, until_s=None):
    """Push ``(arrival_s, packet)`` and pull until all is played; return the blocks."""
    waiting = sorted(arrivals, key=lambda pair: pair[0])
    pull_s = buffer.settings.pull_ms / 1000.0
    blocks, at = [], 0
    end_s = until_s if until_s is not None else (waiting[-1][0] + 1.0 if waiting else 1.0)
    while len(blocks) * pull_s < end_s:
        now_s = len(blocks) * pull_s
        while at < len(waiting) and waiting[at][0] <= now_s + 1e-9:
            buffer.push(waiting[at][1], waiting[at][0])
            at += 1
        blocks.append(buffer.pull(now_s))
    return blocks
