"""A TCP connection to whichever address answers first."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from typing import Any, TypeAlias

__all__ = ["connect_any"]

Address: TypeAlias = tuple[Any, ...]
# A lost SYN is sent again after 1 s and then ever later; a new try is not.
_STAGGER_S = 0.7
_ROUNDS = 4


async def connect_any(addresses: Sequence[Address]) -> socket.socket:
    """Return the first socket that connects, of tries that begin one behind the other.

    References:
        RFC 8305: connection attempts with a stagger. Here addresses come up again, too: on a
        link that is just coming back, the first packet is likely to be lost.

    Args:
        addresses: As `socket.getaddrinfo` gives them, one at least.

    Raises:
        OSError: Each has refused, or cannot be reached.
    """
    tries: set[asyncio.Future[socket.socket]] = set()
    won: socket.socket | None = None
    try:
        for number in range(_ROUNDS * len(addresses)):
            if number >= len(addresses) and all(item.done() for item in tries):
                break
            tries.add(asyncio.ensure_future(_connect(addresses[number % len(addresses)])))
            if (won := await _first(tries, _STAGGER_S)) is not None:
                return won
        while not all(item.done() for item in tries):
            if (won := await _first(tries, None)) is not None:
                return won
        # Each has refused: that is an answer.
        raise next(item.exception() or OSError("no address") for item in tries)
    finally:
        for item in tries:
            item.cancel()
            item.add_done_callback(lambda done: _discard_unless(won, done))


async def _first(
    tries: set[asyncio.Future[socket.socket]], timeout_s: float | None
) -> socket.socket | None:
    running = {item for item in tries if not item.done()}
    done, _ = await asyncio.wait(running, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    return next((item.result() for item in done if item.exception() is None), None)


async def _connect(address: Address) -> socket.socket:
    family, kind, protocol, _, place = address
    sock = socket.socket(family, kind, protocol)
    with contextlib.ExitStack() as undo:
        undo.callback(sock.close)
        sock.setblocking(False)  # noqa: FBT003  the library's signature
        await asyncio.get_running_loop().sock_connect(sock, place)
        undo.pop_all()
    return sock


def _discard_unless(won: socket.socket | None, done: asyncio.Future[socket.socket]) -> None:
    with contextlib.suppress(asyncio.CancelledError, OSError):
        if done.result() is not won:
            done.result().close()
