"""A picture of few colours as a PNG, with nothing but zlib (W3C PNG, third edition)."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["HEAT", "palette_png"]

# Every eighth of matplotlib's "magma" (CC0, van der Walt and Smith), evenly bright to the eye.
_ANCHORS = (
    *((0x00, 0x00, 0x03), (0x1C, 0x10, 0x46), (0x50, 0x12, 0x7B), (0x82, 0x25, 0x81)),
    *((0xB6, 0x36, 0x79), (0xE6, 0x51, 0x62), (0xFB, 0x88, 0x61), (0xFE, 0xC4, 0x88)),
    (0xFB, 0xFC, 0xBF),
)
# Few colours pack well, and the eye tells no more apart.
_COLOURS = 64
_MAGIC = b"\x89PNG\r\n\x1a\n"
# Bits a pixel, by colours of a palette, without compression choices or interlacing (11.2.1).
_DEPTH, _INDEXED = 8, 3


def _ramp(anchors: tuple[tuple[int, int, int], ...], n_colours: int) -> NDArray[np.uint8]:
    places = np.linspace(0.0, len(anchors) - 1.0, n_colours)
    table = np.array(anchors, np.float64)
    channels = [np.interp(places, np.arange(len(anchors)), column) for column in table.T]
    return np.round(np.stack(channels, axis=1)).astype(np.uint8)


HEAT = _ramp(_ANCHORS, _COLOURS)
"""From dark to bright, ``(64, 3)``, red, green, blue."""


def palette_png(indices: NDArray[np.uint8], palette: NDArray[np.uint8]) -> bytes:
    """Return a picture as the bytes of a PNG file; the same picture gives the same bytes.

    Args:
        indices: Which colour each pixel has, ``(rows, columns)``, from the top; one or more.
        palette: The colours, ``(colours, 3)``, 256 or fewer.
    """
    height, width = indices.shape
    head = struct.pack(">IIBBBBB", width, height, _DEPTH, _INDEXED, 0, 0, 0)
    # Each line begins with its filter: none (9.2), which suits palettes.
    lines = np.zeros((height, width + 1), np.uint8)
    lines[:, 1:] = indices
    return b"".join([
        _MAGIC,
        _chunk(b"IHDR", head),
        _chunk(b"PLTE", palette.tobytes()),
        _chunk(b"IDAT", zlib.compress(lines.tobytes(), 9)),
        _chunk(b"IEND", b""),
    ])  # fmt: skip


def _chunk(kind: bytes, data: bytes) -> bytes:
    checked = kind + data
    return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))
