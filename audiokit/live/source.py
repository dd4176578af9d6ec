"""Where audio comes from: one protocol for microphones, pipes and files.

A source gives 16-bit samples as bytes, as they come, and one empty piece at its end. Time must
not be lost in it: what the device dropped is to be filled with silence, since where a packet
lies in time follows from how many came before it.
"""

from __future__ import annotations

import asyncio
import os
import time
import wave
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Semaphore, Thread
from typing import BinaryIO, Protocol

from audiokit.errors import FormatError, UnreadableError
from audiokit.live.pcm import PcmFormat

# At a time: a multiple of the bytes of a sample, whatever its channels up to sixteen.
_MAX_SILENCE_BYTES = 2 * 720_720

__all__ = ["PcmRing", "Source", "StreamSource", "WavSource"]


class Source(Protocol):
    """What a client records.

    Attributes:
        fmt: Of the bytes that it gives.
    """

    fmt: PcmFormat

    @property
    def n_overruns(self) -> int:
        """How many pieces it had to drop."""
        ...

    @property
    def may_return(self) -> bool:
        """Whether it is worth opening again when it has failed, as a device is."""
        ...

    async def open(self) -> None:
        """Begin; may be called again after `close`.

        Raises:
            AudiokitError: It cannot.
        """
        ...

    async def read(self) -> bytes:
        """Return the next samples, waiting for them; nothing at the end.

        Raises:
            AudiokitError: It has failed, and may be opened again.
        """
        ...

    async def close(self) -> None:
        """End; a `read` that waits returns nothing."""
        ...


class PcmRing:
    """A bounded queue from the thread of a device to the event loop.

    What is dropped comes out as silence of its length, so that no time is lost.

    Args:
        max_pieces: How many pieces wait at most; then the oldest is dropped and counted.

    Attributes:
        n_overruns: Pieces dropped.
    """

    def __init__(self, max_pieces: int = 100) -> None:
        self._pieces: deque[bytes] = deque()
        self._max_pieces = max_pieces
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._error: Exception | None = None
        self._has_ended = False
        # Each is written by one thread alone.
        self._n_lost_bytes = self._n_filled_bytes = 0
        self.n_overruns = 0

    def __len__(self) -> int:
        return len(self._pieces)

    def offer(self, piece: bytes) -> None:
        """Add a piece; from any thread, never waits."""
        if len(self._pieces) >= self._max_pieces:
            self._n_lost_bytes += len(self._pieces.popleft())
            self.n_overruns += 1
        self._pieces.append(piece)
        self._signal()

    def end(self, error: Exception | None = None) -> None:
        """Say that no more will come, and why; from any thread."""
        self._error = error
        self._has_ended = True
        self._signal()

    async def take(self) -> bytes:
        """Return the next piece, waiting for it; nothing at the end.

        Raises:
            Exception: What `end` was given.
        """
        while not self._pieces and not self._has_ended:
            self._wake.clear()
            # Between the look and the clearing another thread may have come.
            if not self._pieces and not self._has_ended:
                await self._wake.wait()
        n_missing = self._n_lost_bytes - self._n_filled_bytes
        if n_missing:
            n_silent = min(n_missing, _MAX_SILENCE_BYTES)
            self._n_filled_bytes += n_silent
            return bytes(n_silent)
        if self._pieces:
            return self._pieces.popleft()
        if self._error is not None:
            raise self._error
        return b""

    def _signal(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)


class StreamSource:
    """Headerless samples from a pipe or a file, as fast as they are taken.

    Args:
        stream: What to read; stays the caller's to close.
        fmt: What its bytes hold.
        piece_s: How much to read at a time, in seconds.
    """

    # Read ahead no further than this: a pipe keeps what it is not asked for.
    _AHEAD = 10

    def __init__(self, stream: BinaryIO, fmt: PcmFormat, *, piece_s: float = 0.02) -> None:
        self.fmt, self.n_overruns, self.may_return = fmt, 0, False
        self._stream, self._piece_bytes = stream, fmt.n_bytes(piece_s)
        self._ring: PcmRing | None = None
        self._room = Semaphore(self._AHEAD)

    async def open(self) -> None:
        """Begin to read."""
        if self._ring is None:
            self._ring = PcmRing(self._AHEAD + 1)
            # Nobody waits for this thread: nothing interrupts a read from a terminal.
            Thread(target=self._read_on, args=(self._ring,), daemon=True).start()

    async def read(self) -> bytes:
        """Return the next samples; nothing at the end."""
        if self._ring is None:
            return b""
        piece = await self._ring.take()
        self._room.release()
        return piece

    async def close(self) -> None:
        """Read no more."""
        if self._ring is not None:
            self._ring.end()

    def _read_on(self, ring: PcmRing) -> None:
        held, read = b"", _reader(self._stream)
        while self._room.acquire():
            try:
                more = read(self._piece_bytes)
            except (OSError, ValueError) as error:
                ring.end(UnreadableError("the source", str(error)))
                return
            held += more
            n_whole = len(held) - len(held) % self.fmt.sample_bytes
            if n_whole:
                ring.offer(held[:n_whole])
            else:
                self._room.release()
            held = held[n_whole:]
            if not more:
                ring.end()
                return


class WavSource:
    """A WAV file at the pace of a microphone.

    Args:
        path: Of 8, 16, 24 or 32 bits; other than 16 are cut or padded to that.
        piece_s: How much at a time, in seconds.
        is_paced: False to give it as fast as it is taken.

    Raises:
        UnreadableError: It is not there.
        FormatError: It is no WAV file of whole numbers.
        SettingError: Its rate or channels are none of a microphone's.
    """

    def __init__(self, path: Path, *, piece_s: float = 0.02, is_paced: bool = True) -> None:
        self._file = _open_wav(path)
        self.fmt = PcmFormat(self._file.getframerate(), self._file.getnchannels())
        self.n_overruns, self.may_return = 0, False
        self._piece_samples = max(1, round(piece_s * self.fmt.sample_rate))
        self._is_paced, self._is_closed = is_paced, False
        self._begin_s: float | None = None
        self._n_given = 0

    async def open(self) -> None:
        """Begin."""
        self._begin_s = time.monotonic()

    async def read(self) -> bytes:
        """Return the next samples, when their time has come; nothing at the end."""
        data = b"" if self._is_closed else self._file.readframes(self._piece_samples)
        width = self._file.getsampwidth()
        n_samples = len(data) // (width * self.fmt.channels)
        self._n_given += n_samples
        if self._is_paced and n_samples and self._begin_s is not None:
            # A microphone gives its samples when the last of them has been heard.
            due_s = self._begin_s + self._n_given / self.fmt.sample_rate
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        return b"" if self._is_closed else _to_16_bits(data, width)

    async def close(self) -> None:
        """End here."""
        if not self._is_closed:
            self._is_closed = True
            self._file.close()


def _reader(stream: BinaryIO) -> Callable[[int], bytes]:
    """Return what reads what a pipe has at once, where it can give that."""
    try:
        number = stream.fileno()
    except OSError:
        reader: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
        return reader
    # Not the stream's own: a thread that waits with its lock aborts the process at its end.
    return partial(os.read, number)


def _open_wav(path: Path) -> wave.Wave_read:
    try:
        return wave.open(str(path), "rb")
    except OSError as error:
        raise UnreadableError(str(path), error.strerror or str(error)) from error
    except (wave.Error, EOFError) as error:
        problem = f"is no WAV file that runs live ({error or 'it ends early'})"
        hint = f"Run: audiokit convert {path} -o copy.wav --bit-depth 16"
        raise FormatError(str(path), problem, hint) from error


def _to_16_bits(data: bytes, width: int) -> bytes:
    if width == 2:
        return data
    out = bytearray(2 * (len(data) // width))
    if width == 1:
        out[1::2] = data.translate(_SIGNED)
    else:
        out[0::2], out[1::2] = data[width - 2 :: width], data[width - 1 :: width]
    return bytes(out)


# Samples of 8 bits are offset binary.
_SIGNED = bytes(value ^ 0x80 for value in range(256))
