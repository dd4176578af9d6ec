"""One open connection: messages and packets over a WebSocket, watched by pings."""

from __future__ import annotations

import asyncio
import socket

from websockets.asyncio.connection import Connection
from websockets.exceptions import ConnectionClosed

from audiokit.errors import PeerProtocolError, WireError
from audiokit.live.messages import Message, decode_message, encode_message
from audiokit.live.packets import AudioPacket, decode_packet

__all__ = ["MAX_MESSAGE_BYTES", "PING_EVERY_S", "PING_TIMEOUT_S", "Link", "LinkLostError"]

PING_EVERY_S = 1.0
PING_TIMEOUT_S = 1.5
MAX_MESSAGE_BYTES = 65536
"""More than the largest packet: 48 frames of 1275 bytes."""
# RFC 6455, 7.4.1: what the other end sent was no message of ours, or too large.
_PEER_FAULTS = {1002, 1003, 1007, 1009}
# Unsent bytes that the system takes from us: what waits there cannot be overtaken.
_UNSENT_BYTES = 8192


class LinkLostError(WireError):
    """The connection is gone, or could not be had; it is worth trying again."""


class Link:
    """One connection, until it is lost.

    Args:
        websocket: An open one, whose own pings are off.
        peer: What to call the other end.
    """

    def __init__(self, websocket: Connection, peer: str) -> None:
        self._websocket, self._peer = websocket, peer
        raw = websocket.transport.get_extra_info("socket")
        option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
        # The other end may be gone already; then the next word will tell.
        if raw is not None and raw.fileno() >= 0 and option is not None:
            raw.setsockopt(socket.IPPROTO_TCP, option, _UNSENT_BYTES)

    @property
    def has_room(self) -> bool:
        """Whether all that was sent has left this process, so that more delays nothing."""
        return self._websocket.transport.get_write_buffer_size() == 0

    async def send(self, item: Message | bytes) -> None:
        """Send a message, or a packet's bytes.

        Raises:
            LinkLostError: There is no connection any more.
        """
        try:
            await self._websocket.send(item if isinstance(item, bytes) else encode_message(item))
        except ConnectionClosed as error:
            raise self._lost(error) from error

    async def receive(self) -> Message | AudioPacket | None:
        """Return what comes next; None for a message of a later version.

        Raises:
            LinkLostError: There is no connection any more.
            PeerProtocolError: What came is none of the protocol.
        """
        data = await self.receive_raw()
        return decode_message(data) if isinstance(data, str) else decode_packet(data)

    async def receive_raw(self) -> str | bytes:
        """Return what comes next, as it came.

        Raises:
            LinkLostError: There is no connection any more.
            PeerProtocolError: What came is too large, or no text.
        """
        try:
            return await self._websocket.recv()
        except ConnectionClosed as error:
            raise self._lost(error) from error

    async def watch(self) -> None:
        """Ping for as long as the other end answers.

        Raises:
            LinkLostError: It does not.
        """
        while True:
            try:
                # A ping can also wait to be sent: on a dead link nothing leaves any more.
                await asyncio.wait_for(self.ping(), PING_TIMEOUT_S)
            except asyncio.TimeoutError as error:
                problem = f"has not answered for {PING_TIMEOUT_S:g} s"
                raise LinkLostError(self._peer, problem) from error
            except ConnectionClosed as error:
                raise self._lost(error) from error
            await asyncio.sleep(PING_EVERY_S)

    async def close(self, *, timeout_s: float = 1.0) -> None:
        """Say goodbye, and wait for the answer no longer than that."""
        try:
            await asyncio.wait_for(self._websocket.close(), timeout_s)
        except asyncio.TimeoutError:
            self.abort()

    def abort(self) -> None:
        """Drop the connection at once; again, nothing happens."""
        raw = self._websocket.transport.get_extra_info("socket")
        # asyncio's abort fails where closing, with bytes still to send, has come to its end.
        if raw is None or raw.fileno() >= 0:
            self._websocket.transport.abort()

    async def ping(self) -> float:
        """Return the round trip to the other end, in seconds.

        Raises:
            ConnectionClosed: There is no connection any more.
        """
        return await (await self._websocket.ping())

    def _lost(self, error: ConnectionClosed) -> WireError:
        sent, received = error.sent, error.rcvd
        if sent is not None and sent.code in _PEER_FAULTS:
            return PeerProtocolError(self._peer, f"sent what is no message ({sent.reason})")
        said = f" ({received.reason or received.code})" if received is not None else ""
        return LinkLostError(self._peer, f"closed the connection{said}")
