"""A constant gain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from audiokit.errors import SettingError
from audiokit.stage import Block, Fact, Processor, StreamFormat
from audiokit.units import db_to_amplitude

__all__ = ["MAX_GAIN_DB", "Gain", "GainSettings"]

MAX_GAIN_DB = 120.0
"""Nothing real needs more, up or down."""


@dataclass(frozen=True, slots=True)
class GainSettings:
    """How much louder or softer."""

    gain_db: float = 0.0
    """In dB, -120 to 120."""

    def __post_init__(self) -> None:
        if not abs(self.gain_db) <= MAX_GAIN_DB:
            raise SettingError("gain_db", self.gain_db, f"-{MAX_GAIN_DB:g} to {MAX_GAIN_DB:g} dB")


class Gain(Processor):
    """Multiply every sample; nothing is limited or clipped.

    A gain of 0 dB returns the same bits.

    Args:
        fmt: Format of the stream.
        settings: How much.
    """

    def __init__(self, fmt: StreamFormat, settings: GainSettings | None = None) -> None:
        self.fmt = fmt
        self.gain_db = (settings or GainSettings()).gain_db
        self._factor = np.float32(db_to_amplitude(self.gain_db))

    def process(self, block: Block) -> Block:
        out: Block = block * self._factor
        return out

    def flush(self) -> Block:
        return self.fmt.silence(0)

    def reset(self) -> None:
        """A gain remembers nothing."""

    def facts(self) -> Mapping[str, Fact]:
        return {"gain_db": round(self.gain_db, 2)}
