"""What network captures hold, whatever their format.

A capture that was cut off, as by a full disk, is read up to there and says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from audiokit.transit.datagram import Datagram

__all__ = ["Capture"]


@dataclass(frozen=True, slots=True)
class Capture:
    """The UDP datagrams of a capture.

    Args:
        datagrams: In the order of the file.
        n_others: Frames that held none: other protocols, fragments, frames captured in part.
        is_cut_off: Whether the file ends within a frame.
    """

    datagrams: tuple[Datagram, ...]
    n_others: int = 0
    is_cut_off: bool = False
