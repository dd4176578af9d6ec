"""A listener that answers: one recording, said to whoever has spoken."""

from __future__ import annotations

import asyncio
from pathlib import Path

from audiokit.live.encoding import PacketMaker
from audiokit.live.link import Link, LinkLostError
from audiokit.live.messages import Hello, Play
from audiokit.live.packets import AudioPacket
from audiokit.live.source import WavSource

__all__ = ["Answers"]

_PAUSE_S = 0.7


class Answers:
    """Say the same to each client, whenever it has spoken and paused.

    Args:
        path: A WAV file at a rate that Opus has.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._play: Play | None = None
        self._packets: list[bytes] = []
        self._links: dict[str, Link] = {}
        self._quiet_s: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def prepare(self) -> None:
        """Encode the answer.

        Raises:
            AudiokitError: The file cannot be read, or its format is none of Opus'.
        """
        source = WavSource(self._path, is_paced=False)
        maker = PacketMaker(source.fmt)
        await source.open()
        while pcm := await source.read():
            self._packets += maker.push(pcm)
        self._packets += maker.finish()
        self._play = Play(maker.format)
        await source.close()

    def welcome(self, hello: Hello, link: Link) -> None:
        """Note a client's connection."""
        self._links[hello.session] = link

    def hear(self, hello: Hello, packet: AudioPacket) -> None:
        """Take a packet; answer when somebody has spoken before it and not in it."""
        session = hello.session
        if packet.is_backfill:
            # It was said long ago.
            return
        if packet.is_speech:
            self._quiet_s[session] = 0.0
        elif session in self._quiet_s:
            self._quiet_s[session] += hello.format.packet_s
        if session in self._quiet_s and (self._quiet_s[session] >= _PAUSE_S or packet.is_end):
            del self._quiet_s[session]
            task = asyncio.ensure_future(self._say(self._links[session]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _say(self, link: Link) -> None:
        try:
            if self._play is not None:
                await link.send(self._play)
            for packet in self._packets:
                await link.send(packet)
        except LinkLostError:
            # It has gone before it was answered.
            return
