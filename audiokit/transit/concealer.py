"""What is played of a stream of samples whose packets may be lost."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Protocol

from audiokit.errors import SettingError
from audiokit.stage import Block, StreamFormat

__all__ = ["CONCEALERS", "Concealer", "new_concealer"]


class Concealer(Protocol):
    """What fills the gaps of a stream of PCM.

    Attributes:
        latency_samples: How far ahead it must see to be at its best. 0: the past is enough.
            Otherwise, how long a following block `lost` has use for.
    """

    latency_samples: int

    def received(self, block: Block) -> Block:
        """Take what arrived, ``(samples, channels)``; return what to play in its place.

        The same block, but after a loss, where what was made up goes over into it.
        """
        ...

    def lost(self, n_samples: int, following: Block | None = None) -> Block:
        """Return what to play where nothing arrived, ``(n_samples, channels)``.

        Args:
            n_samples: 0 or more.
            following: What comes right after it, where it has arrived already; the caller
                still hands it to `received` when its turn comes.
        """
        ...

    def reset(self) -> None:
        """Forget the stream, as if newly built."""
        ...


CONCEALERS: Mapping[str, tuple[str, str]] = {
    "repeat": ("audiokit.transit.conceal_repeat", "RepeatConcealer"),
    "linear": ("audiokit.transit.conceal_linear", "LinearConcealer"),
    "spectral": ("audiokit.transit.conceal_spectral", "SpectralConcealer"),
    "pitch": ("audiokit.transit.conceal_pitch", "PitchConcealer"),
    "bridge": ("audiokit.transit.bridge", "BridgeConcealer"),
}
"""Every method by name: its module and its class, built as ``class(fmt)``."""


def new_concealer(name: str, fmt: StreamFormat) -> Concealer:
    """Return a method of concealment, new.

    Args:
        name: One of `CONCEALERS`.
        fmt: Format of the stream; 8 to 48 kHz.

    Raises:
        SettingError: No method has that name, or the sample rate is out of range.
    """
    if name not in CONCEALERS:
        raise SettingError("plc", name, f"one of {', '.join(CONCEALERS)}")
    module, kind = CONCEALERS[name]
    concealer: Concealer = getattr(importlib.import_module(module), kind)(fmt)
    return concealer
