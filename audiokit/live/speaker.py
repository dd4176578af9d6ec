"""Where a reply is heard: one protocol for loudspeakers, pipes and files."""

from __future__ import annotations

import asyncio
import wave
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Protocol

from audiokit.errors import item_error_from_os
from audiokit.files.atomic import replacing
from audiokit.live.pcm import PcmFormat

__all__ = ["Speaker", "StreamSpeaker", "WavSpeaker"]


class Speaker(Protocol):
    """What a client plays replies on.

    It is given 20 ms at a time, at the pace of the client's clock, and nothing in between
    replies.

    Attributes:
        fmt: Of the bytes that it takes: a rate that Opus has, one or two channels.
    """

    fmt: PcmFormat

    async def open(self) -> None:
        """Begin; may be called again after `close`.

        Raises:
            AudiokitError: It cannot.
        """
        ...

    async def write(self, pcm: bytes) -> None:
        """Play samples after those before.

        Raises:
            AudiokitError: It has failed, and may be opened again.
        """
        ...

    async def close(self) -> None:
        """End, when what was written has been heard."""
        ...


class StreamSpeaker:
    """Headerless samples to a pipe.

    Args:
        stream: What to write to; stays the caller's to close.
        fmt: What its bytes hold.
    """

    def __init__(self, stream: BinaryIO, fmt: PcmFormat) -> None:
        self.fmt, self._stream = fmt, stream

    async def open(self) -> None:
        """Begin."""

    async def write(self, pcm: bytes) -> None:
        """Write samples; who reads slowly holds up nobody else."""
        await asyncio.get_running_loop().run_in_executor(None, self._write, pcm)

    async def close(self) -> None:
        """End."""

    def _write(self, pcm: bytes) -> None:
        self._stream.write(pcm)
        self._stream.flush()


class WavSpeaker:
    """Replies in a WAV file, one behind the other; it takes its place when it is closed.

    Args:
        path: The file.
        fmt: What it holds.
    """

    def __init__(self, path: Path, fmt: PcmFormat) -> None:
        self.fmt, self._path = fmt, path
        self._stack = ExitStack()
        self._file: wave.Wave_write | None = None

    async def open(self) -> None:
        """Begin the file.

        Raises:
            ItemError: It cannot be made.
        """
        if self._file is not None:
            return
        temporary = self._stack.enter_context(replacing(self._path))
        try:
            self._file = self._stack.enter_context(wave.open(str(temporary), "wb"))  # noqa: SIM115  the stack closes it
        except OSError as error:
            raise item_error_from_os(error, str(self._path)) from error
        self._file.setnchannels(self.fmt.channels)
        self._file.setsampwidth(2)
        self._file.setframerate(self.fmt.sample_rate)

    async def write(self, pcm: bytes) -> None:
        """Add samples.

        Raises:
            ItemError: The disk is full.
        """
        if self._file is not None:
            try:
                self._file.writeframesraw(pcm)
            except OSError as error:
                raise item_error_from_os(error, str(self._path)) from error

    async def close(self) -> None:
        """Complete the file.

        Raises:
            ItemError: The disk is full.
        """
        self._file = None
        self._stack.close()
