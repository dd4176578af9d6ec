"""Where the sound of an MP4 really ends: FFmpeg decodes the last frame's padding too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from audiokit.stage import Block

__all__ = ["Mp4End", "without_padding"]

# Edit lists count in units as coarse as 1/600 s, rounded either way.
_EDIT_TOLERANCE_S = 1 / 500
# More than two frames of any codec: an end that is further off is a header that lies.
_MOST_PADDING_SAMPLES = 4096


class Mp4End:
    """Gathers what an MP4 says of its end.

    Three places may: the durations of the packets, the last of which is then shorter
    than its frame; the edit list, in the stream's duration; and iTunes' own tag, which
    many encoders write alone. The earliest counts, but for an edit list so near to the
    packets' end that it may only be rounded.

    References:
        ISO/IEC 14496-12, sections 8.6.1.2 and 8.6.6; Apple, QuickTime File Format,
        appendix G: audio priming and padding.

    Args:
        container: FFmpeg's.
        stream: The sound's.
    """

    def __init__(self, container: Any, stream: Any) -> None:
        self._stream = stream
        self._last = 0
        self._tag = str(container.metadata.get("iTunSMPB", ""))

    def note(self, packet: Any) -> None:
        """Take a packet's place in time; packets outside the edit list do not count."""
        if packet.pts is not None and packet.duration and not packet.is_discard:
            self._last = max(self._last, packet.pts + packet.duration)

    def n_samples(self, first: Any) -> int | None:
        """Return the length of the sound, once all packets were noted.

        Args:
            first: The first decoded frame.
        """
        time_base = self._stream.time_base
        if time_base is None or first.pts is None:
            return None
        unit_samples = time_base * first.sample_rate
        ends = [round((self._last - first.pts) * unit_samples)]
        edited = round((self._stream.duration or 0) * unit_samples)
        if edited < ends[0] - _EDIT_TOLERANCE_S * first.sample_rate:
            ends.append(edited)
        if (tagged := _tagged_samples(self._tag)) is not None:
            ends.append(tagged)
        return min((end for end in ends if end > 0), default=None)


def _tagged_samples(tag: str) -> int | None:
    """Return the length in iTunes' tag: hexadecimal words, of which it is the fourth."""
    words = tag.split()
    try:
        return int(words[3], 16)
    except (IndexError, ValueError):
        return None


def without_padding(pieces: Iterator[Block], end: Mp4End, first: Any) -> Iterator[Block]:
    """Yield blocks up to where the sound ends; all of them where the end is far off.

    Args:
        pieces: As decoded.
        end: Complete once the last block has come.
        first: The first decoded frame.
    """
    held: list[Block] = []
    n_held = n_given = 0
    for piece in pieces:
        held.append(piece)
        n_held += len(piece)
        while n_held - len(held[0]) >= _MOST_PADDING_SAMPLES:
            n_held -= len(held[0])
            n_given += len(held[0])
            yield held.pop(0)
    if not held:
        return
    tail = np.concatenate(held)
    n_wanted = (end.n_samples(first) or 0) - n_given
    yield tail[:n_wanted] if 0 < n_wanted < n_held else tail
