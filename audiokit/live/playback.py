"""Playing replies: the server's through the jitter buffer, a cached one from the disk."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from audiokit.live.messages import Play
from audiokit.live.packets import AudioPacket
from audiokit.live.session import Event
from audiokit.live.source import WavSource
from audiokit.live.speaker import Speaker

if TYPE_CHECKING:
    from audiokit.live.reply import Reply

__all__ = ["Playback"]

_PULL_S = 0.02
_MAX_WAITING = 8


class Playback:
    """Play one reply after the other.

    Args:
        speaker: What plays them.
        tell: Called with what the session machine is to know.
        heard: Called with what the speaker is given.
        round_trip_s: Gives the round trip at present.
        offline_reply: A WAV file to be played when there is no server; None for nothing.

    Attributes:
        n_dropped: Replies that found no room.

    Raises:
        SourceError: The offline reply cannot be read.
    """

    def __init__(
        self,
        speaker: Speaker,
        *,
        tell: Callable[[Event], None],
        heard: Callable[[bytes], None],
        round_trip_s: Callable[[], float | None],
        offline_reply: Path | None = None,
    ) -> None:
        self._speaker, self._tell, self._heard = speaker, tell, heard
        self._round_trip_s = round_trip_s
        self._offline_reply = offline_reply
        if offline_reply is not None:
            # Now, and not when there is nobody to tell.
            WavSource(offline_reply)
        self._replies: deque[Reply] = deque()
        self._is_offline_due = False
        self._wake = asyncio.Event()
        self.n_dropped = 0

    @property
    def is_busy(self) -> bool:
        """Whether anything is played, or waits for that."""
        return bool(self._replies) or self._is_offline_due

    def take(self, item: Play | AudioPacket) -> None:
        """Take the beginning of a reply, or its next packet."""
        # Only who is spoken to loads what plays: NumPy and a decoder.
        from audiokit.live.reply import Reply

        if isinstance(item, AudioPacket):
            if self._replies:
                self._replies[-1].push(item, time.monotonic())
        elif len(self._replies) >= _MAX_WAITING:
            self.n_dropped += 1
        else:
            out = self._speaker.fmt
            self._replies.append(Reply(item.format, out, round_trip_s=self._round_trip_s()))
            self._tell(Event.REPLY)
            self._wake.set()

    def disconnected(self) -> None:
        """No more of the last reply will come."""
        if self._replies:
            self._replies[-1].break_off()

    def play_offline(self) -> None:
        """Play the cached reply, if there is one, unless the server's is being played."""
        if self._offline_reply is not None and not self.is_busy:
            self._is_offline_due = True
            self._wake.set()

    async def run(self) -> None:
        """Play what comes, until cancelled.

        Raises:
            AudiokitError: The speaker has failed; may be called again.
        """
        await self._speaker.open()
        try:
            while True:
                self._wake.clear()
                if self._replies:
                    await self._play(self._replies[0])
                elif self._is_offline_due:
                    await self._play_cached()
                else:
                    await self._wake.wait()
        finally:
            await self._speaker.close()

    async def _play(self, reply: Reply) -> None:
        try:
            due_s = time.monotonic()
            has_begun = False
            # The speaker gets what is due, on a schedule that a late wake-up does not shift.
            while (pcm := reply.pull(due_s)) is not None:
                if reply.has_begun:
                    if not has_begun:
                        self._tell(Event.BUFFERED)
                    has_begun = True
                    await self._write(pcm)
                due_s += _PULL_S
                await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        finally:
            self._replies.remove(reply)
            self._tell(Event.PLAYED)
            if self._replies:
                self._tell(Event.REPLY)

    async def _play_cached(self) -> None:
        if self._offline_reply is None:
            return
        self._tell(Event.CACHED)
        source = WavSource(self._offline_reply, piece_s=_PULL_S)
        try:
            await source.open()
            while pcm := await source.read():
                await self._write(pcm)
        finally:
            await source.close()
            self._is_offline_due = False
            self._tell(Event.PLAYED)

    async def _write(self, pcm: bytes) -> None:
        self._heard(pcm)
        await self._speaker.write(pcm)
