"""The source that a user named: a device, a WAV file or a pipe."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from audiokit.errors import SettingError
from audiokit.live.pcm import PcmFormat
from audiokit.live.source import Source, StreamSource, WavSource

if TYPE_CHECKING:
    from audiokit.live.backends import BackendName

__all__ = ["open_source"]


def open_source(
    source: str | None,
    device: str | None,
    fmt: PcmFormat,
    *,
    backend: BackendName = "auto",
    piece_s: float = 0.02,
) -> Source:
    """Return what to record.

    Args:
        source: A WAV file, ``-`` for samples on stdin, or None for a device.
        device: Its index or part of its name; None for the system's default.
        fmt: What is wanted of it; a WAV file has its own.
        backend: ``auto``, ``alsa`` or ``portaudio``.
        piece_s: How much comes at a time, in seconds.

    Raises:
        SettingError: Both were named, or the device's name is that of several.
        MissingDeviceError: There is no such device.
        SourceError: The file cannot be read.
    """
    if source is not None and device is not None:
        raise SettingError("device", device, "no device beside --source")
    if source == "-":
        return StreamSource(sys.stdin.buffer, fmt, piece_s=piece_s)
    if source is not None:
        return WavSource(Path(source), piece_s=piece_s)
    # Only who has a device looks for one.
    from audiokit.live.backends import Backends

    return Backends(backend).source(device, fmt, piece_s=piece_s)
