"""What a listener does with its sessions: WAV files in a folder, or samples to a pipe."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from audiokit.errors import ItemError, ResourceError
from audiokit.live.archive import Archive
from audiokit.live.decoding import SessionDecoder, write_wav
from audiokit.live.messages import Hello
from audiokit.live.packets import AudioPacket
from audiokit.live.recording import Recording
from audiokit.live.report import Report

__all__ = ["FolderShelf", "PipeShelf"]


class FolderShelf:
    """A WAV file for each session, once all of it is here.

    Args:
        folder: Where to; made where it is not there.
        report: Is told of each file.
        on_done: Called after each file of a whole session.

    Raises:
        ItemError: The folder cannot be made.
    """

    def __init__(self, folder: Path, *, report: Report, on_done: Callable[[], None]) -> None:
        self._archive = Archive(folder, write_wav)
        self._report, self._on_done = report, on_done

    def open(self, hello: Hello) -> Recording:
        """Return the session's recording."""
        return self._archive.open(hello)

    def done(self, session: str) -> int | None:
        """Return what follows the last packet of a session that is done; None for others."""
        return self._archive.done(session)

    async def arrived(self, recording: Recording, packet: AudioPacket) -> None:
        """Take a packet: it is on the disk already."""

    async def completed(self, recording: Recording) -> None:
        """Write the file of a session."""
        await self.write(recording)
        self._on_done()

    async def write(self, recording: Recording) -> None:
        """Write what is here of a session; what cannot be written is said, and kept."""
        loop, receiver = asyncio.get_running_loop(), recording.receiver
        session = recording.hello.session
        try:
            path = await loop.run_in_executor(None, self._archive.deliver, recording)
        except ItemError as error:
            self._report("listen.unwritten", session=session, reason=str(error))
            return
        self._report(
            "listen.written",
            session=session,
            path=str(path),
            packets=receiver.n_received,
            backfilled=receiver.n_backfilled,
            duplicates=receiver.n_duplicates,
            lost=receiver.n_gone,
            is_complete=receiver.is_complete,
        )

    async def close(self, running: list[Recording]) -> None:
        """Write what there is of sessions that have not ended; they may go on another day.

        Args:
            running: Those of this run; earlier runs may have left others.
        """
        for recording in running:
            recording.close()
        for recording in self._archive.unfinished():
            if recording.receiver.n_received:
                await self.write(recording)
            recording.close()


class PipeShelf:
    """Samples of one session at a time, in order, as they come.

    Args:
        stream: What to write to.
        report: Is told of each session.
        on_done: Called after each session.
    """

    def __init__(self, stream: BinaryIO, *, report: Report, on_done: Callable[[], None]) -> None:
        self._stream, self._report, self._on_done = stream, report, on_done
        self._scratch = tempfile.TemporaryDirectory(prefix="audiokit-")
        self._current: Recording | None = None
        self._decoder: SessionDecoder | None = None
        self._ahead: dict[int, AudioPacket] = {}
        self._following = 0
        self._done: dict[str, int] = {}

    def open(self, hello: Hello) -> Recording:
        """Return the session's recording.

        Raises:
            ItemError: Another session is being written.
        """
        if self._current is not None:
            raise ResourceError("stdout", "another session is being written")
        recording = Recording(Path(self._scratch.name) / hello.session, hello)
        self._current, self._decoder = recording, SessionDecoder(hello.format)
        self._following = recording.receiver.next
        return recording

    def done(self, session: str) -> int | None:
        """Return what follows the last packet of a session that is done; None for others."""
        return self._done.get(session)

    async def arrived(self, recording: Recording, packet: AudioPacket) -> None:
        """Write what is now in order."""
        self._ahead[packet.sequence] = packet
        await self._write_on(recording)

    async def completed(self, recording: Recording) -> None:
        """End a session."""
        await self._write_on(recording)
        self._done[recording.hello.session] = recording.receiver.next
        self._report("listen.ended", session=recording.hello.session)
        recording.close()
        recording.path.unlink(missing_ok=True)
        self._current, self._ahead = None, {}
        self._on_done()

    async def close(self, running: list[Recording]) -> None:
        """Write no more."""
        for recording in running:
            recording.close()
        self._scratch.cleanup()

    async def _write_on(self, recording: Recording) -> None:
        pcm = b""
        while self._decoder is not None and self._following < recording.receiver.next:
            packet = self._ahead.pop(self._following, None)
            pcm += self._decoder.miss(1) if packet is None else self._decoder.push(packet)
            self._following += 1
        if pcm:
            # Who reads slowly holds up its own session, and no signal.
            await asyncio.get_running_loop().run_in_executor(None, self._write, pcm)

    def _write(self, pcm: bytes) -> None:
        self._stream.write(pcm)
        self._stream.flush()
