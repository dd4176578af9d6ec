"""Who watches a live program: a person, Prometheus and systemd."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from audiokit.errors import ItemError, MissingDeviceError
from audiokit.files.atomic import replacing
from audiokit.live.metrics import CONTENT_TYPE, Metrics
from audiokit.live.report import Report
from audiokit.live.usage import Usage

__all__ = ["Monitor", "Systemd"]

_ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[^\s/:]*):(\d{1,5})")
_MAX_HEAD_BYTES, _HEAD_S, _MAX_READERS = 8192, 5.0, 8


class Systemd:
    """Tells systemd how the service is, where systemd asks for it.

    Args:
        environment: Where it says so.

    References:
        sd_notify(3).
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._path = environment.get("NOTIFY_SOCKET", "")

    def tell(self, *words: str) -> None:
        """Send assignments, such as ``READY=1``; nothing where nobody asks."""
        if not self._path:
            return
        # An abstract socket is written with an @.
        path = "\0" + self._path[1:] if self._path.startswith("@") else self._path
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        # Who watches and does not read shall not hold up what is watched.
        with sender, contextlib.suppress(OSError):
            sender.sendto("\n".join(words).encode(), path)


class Monitor:
    """Passes events on, and says in between how things are: a `Report` around another.

    It is ready with the first ``….started`` or ``….ready``, and alive with each ``….status``, to
    which it adds ``cpu_percent`` and ``memory_mb``.

    Args:
        report: Who else is told.
        metrics: Where Prometheus finds it: ``host:port``, ``:port`` for this machine alone, or
            a file that is replaced with each status; None for nowhere.
        systemd: Who is told.
    """

    def __init__(
        self, report: Report, *, metrics: str | None = None, systemd: Systemd | None = None
    ) -> None:
        self._report, self._systemd = report, systemd or Systemd()
        self._metrics, self._usage = Metrics(), Usage()
        address = _ADDRESS.fullmatch(metrics) if metrics else None
        self._address: tuple[str, int] | None = None
        if address is not None:
            self._address = address[1].strip("[]") or "127.0.0.1", int(address[2])
        self._file = Path(metrics) if metrics and address is None else None
        self._n_readers = 0

    def __call__(self, event: str, /, **facts: float | str | bool | None) -> None:
        """Take an event and its facts."""
        what = event.partition(".")[2]
        if what == "status":
            facts |= {
                "cpu_percent": self._usage.cpu_percent(),
                "memory_mb": self._usage.memory_mb(),
            }
        self._metrics.take(event, **facts)
        if what in {"started", "ready"}:
            self._systemd.tell("READY=1")
        elif what == "status":
            self._systemd.tell("WATCHDOG=1", f"STATUS={facts.get('state') or 'running'}")
            self._write()
        elif what == "ended":
            self._systemd.tell("STOPPING=1")
            self._write()
        self._report(event, **facts)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Answer Prometheus while the body runs, where it was given an address.

        Raises:
            MissingDeviceError: The address cannot be had.
        """
        if self._address is None:
            yield
            return
        host, port = self._address
        try:
            server = await asyncio.start_server(self._answer, host, port, limit=_MAX_HEAD_BYTES)
        except OSError as error:
            said = error.strerror or str(error)
            raise MissingDeviceError(
                f"metrics {host}:{port}: cannot be had ({said}). Give another port."
            ) from error
        async with server:
            self._report("metrics.ready", host=host, port=server.sockets[0].getsockname()[1])
            yield

    def _write(self) -> None:
        if self._file is None:
            return
        try:
            with replacing(self._file) as temporary:
                temporary.write_text(self._metrics.text(), encoding="utf-8")
        except ItemError as error:
            self._file = None
            self._report("metrics.unwritten", reason=str(error))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._n_readers += 1
        try:
            if self._n_readers <= _MAX_READERS:
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEAD_S)
                writer.write(_response(head, self._metrics))
                await asyncio.wait_for(writer.drain(), _HEAD_S)
        except (asyncio.TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        except OSError:
            pass
        finally:
            self._n_readers -= 1
            writer.close()


def _response(head: bytes, metrics: Metrics) -> bytes:
    """Return the answer to a request.

    References:
        RFC 9112.
    """
    words = head.split(b" ", 2)
    if words[0] not in {b"GET", b"HEAD"}:
        status, body = "405 Method Not Allowed", b""
    elif words[1].partition(b"?")[0] != b"/metrics":
        status, body = "404 Not Found", b""
    else:
        status, body = "200 OK", metrics.text().encode()
    lines = (
        f"HTTP/1.1 {status}",
        f"Content-Type: {CONTENT_TYPE}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    content = b"" if words[0] == b"HEAD" else body
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + content
