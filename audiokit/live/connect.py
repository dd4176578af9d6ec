"""Opening a connection: address, TLS, token, and what to say when it fails."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.exceptions import (
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    WebSocketException,
)
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from audiokit.errors import (
    PeerProtocolError,
    RefusedError,
    SettingError,
    UntrustedError,
    WireError,
)
from audiokit.live.link import MAX_MESSAGE_BYTES, Link, LinkLostError
from audiokit.live.messages import SUBPROTOCOL
from audiokit.live.race import connect_any
from audiokit.live.report import quiet_websockets

__all__ = ["Dialer", "Endpoint", "is_loopback", "read_token"]

_ADDRESSES_S = 2.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Whom to connect to.

    Args:
        url: ``wss://host:port/path``; ``ws://`` only to this machine, unless insecure.
        token: What the server knows this client by; never shown.
        ca_file: Certificates to trust in place of the system's.
        is_insecure: Whether ``ws://`` may go to other machines: anyone on the way can listen.

    Raises:
        SettingError: The URL is none of these, or the token or the file cannot be used.
    """

    url: str
    token: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    is_insecure: bool = False

    def __post_init__(self) -> None:
        parts = self.parts
        if parts.scheme not in {"ws", "wss"} or not parts.hostname or parts.fragment:
            raise SettingError("url", self.url, "wss://host, port and path")
        if parts.username or parts.password:
            hint = "Use --token-file: what is in a URL is seen by everyone on this machine."
            raise SettingError("url", f"{parts.scheme}://…@{parts.hostname}", "no password", hint)
        if parts.scheme == "ws" and not self.is_insecure and not is_loopback(parts.hostname):
            hint = "Add --insecure if everyone on the way may listen."
            raise SettingError("url", self.url, "wss:// to another machine", hint)

    @property
    def parts(self) -> SplitResult:
        """The URL's parts.

        Raises:
            SettingError: It has none.
        """
        try:
            parts = urlsplit(self.url)
            _ = parts.port
        except ValueError as error:
            raise SettingError("url", self.url, "wss://host, port and path") from error
        return parts

    def tls(self) -> ssl.SSLContext | None:
        """Return what checks the server's certificate; None for ``ws://``.

        Raises:
            SettingError: There are no certificates in the file.
        """
        if self.parts.scheme == "ws":
            return None
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise SettingError(
                "ca_file", str(self.ca_file), f"a file of certificates in PEM form ({error})"
            ) from error


class Dialer:
    """Opens connections to one endpoint, as often as asked.

    Args:
        endpoint: Whom to connect to.
        timeout_s: How long one try may take in all.

    Raises:
        SettingError: There are no certificates in the endpoint's file.
    """

    def __init__(self, endpoint: Endpoint, *, timeout_s: float = 5.0) -> None:
        self.endpoint = endpoint
        self._tls = endpoint.tls()
        self._timeout_s = timeout_s
        # Where the name's server is out of reach too, the last address may still do.
        self._addresses: Sequence[Any] = ()

    async def dial(self) -> Link:
        """Return a new connection.

        Raises:
            LinkLostError: There is none at present.
            RefusedError: The token is not accepted.
            UntrustedError: The certificate is not.
            PeerProtocolError: The other end is something else.
        """
        try:
            return await asyncio.wait_for(self._open(), self._timeout_s)
        except asyncio.TimeoutError as error:
            problem = f"did not answer within {self._timeout_s:g} s"
            raise LinkLostError(self.endpoint.url, problem) from error
        except ssl.SSLError as error:
            raise self._tls_error(error) from error
        except InvalidHandshake as error:
            raise self._opening_error(error) from error
        except (OSError, WebSocketException, EOFError) as error:
            problem = f"cannot be reached ({_reason(error)})"
            raise LinkLostError(self.endpoint.url, problem) from error

    async def _open(self) -> Link:
        parts, endpoint = self.endpoint.parts, self.endpoint
        port = parts.port or (443 if self._tls else 80)
        sock = await connect_any(await self._resolve(str(parts.hostname), port))
        tls: dict[str, Any] = {"ssl": self._tls, "server_hostname": parts.hostname}
        _, websocket = await asyncio.get_running_loop().create_connection(
            self._new_websocket, sock=sock, **(tls if self._tls else {})
        )
        with contextlib.ExitStack() as undo:
            undo.callback(websocket.transport.abort)
            # Not `websockets.connect`: it follows to wherever a server redirects it, and takes
            # the token along.
            headers = {"Authorization": f"Bearer {endpoint.token}"} if endpoint.token else None
            await websocket.handshake(headers, "audiokit")
            if websocket.subprotocol != SUBPROTOCOL:
                raise self._other_protocol(f"does not speak {SUBPROTOCOL}")
            undo.pop_all()
        return Link(websocket, endpoint.url)

    def _new_websocket(self) -> ClientConnection:
        # No extension: Opus does not get smaller, and a compressor takes 300 kB.
        protocol = ClientProtocol(
            parse_uri(self.endpoint.url),
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            max_size=MAX_MESSAGE_BYTES,
            logger=quiet_websockets(),
        )
        return ClientConnection(protocol, ping_interval=None, close_timeout=1.0, max_queue=64)

    async def _resolve(self, host: str, port: int) -> Sequence[Any]:
        looking = asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        if not self._addresses:
            self._addresses = await looking
            return self._addresses
        try:
            self._addresses = await asyncio.wait_for(looking, _ADDRESSES_S)
        except (OSError, asyncio.TimeoutError):
            return self._addresses
        return self._addresses

    def _tls_error(self, error: ssl.SSLError) -> WireError:
        url = self.endpoint.url
        if isinstance(error, ssl.SSLCertVerificationError):
            hint = "Check the name, the clock and the certificate, or give --ca-file."
            problem = f"has a certificate that is not to be trusted ({error.verify_message})"
            return UntrustedError(url, problem, hint)
        if "WRONG_VERSION" in str(error) or "RECORD_LAYER" in str(error):
            return PeerProtocolError(url, "does not speak TLS", "Check the port.")
        return LinkLostError(url, f"broke off TLS ({error})")

    def _opening_error(self, error: InvalidHandshake) -> WireError:
        url = self.endpoint.url
        if isinstance(error, InvalidMessage):
            if isinstance(error.__cause__, EOFError | ConnectionError):
                return LinkLostError(url, "broke off the opening")
            return self._other_protocol("answers something else than HTTP")
        if not isinstance(error, InvalidStatus):
            return self._other_protocol(f"opens no WebSocket ({error})")
        status = error.response.status_code
        if status in {401, 403}:
            given = "the token is not accepted" if self.endpoint.token else "a token is needed"
            hint = "Give --token-file, or AUDIOKIT_TOKEN."
            return RefusedError(url, f"{given} (HTTP {status})", hint)
        # Too many, or not at present: as a proxy says while its server starts.
        if status == 429 or status >= 500:
            return LinkLostError(url, f"is not ready (HTTP {status})")
        return self._other_protocol(f"answers HTTP {status}")

    def _other_protocol(self, problem: str) -> PeerProtocolError:
        return PeerProtocolError(
            self.endpoint.url, problem, "Is it an audiokit server? Check host, port and path."
        )


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, by its name or address alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_token(path: Path | None, environment: str | None) -> str | None:
    """Return the token of a file or, where none is named, of the environment.

    Args:
        path: A file that holds the token alone.
        environment: The variable's value, if it is set.

    Raises:
        SettingError: The file cannot be read, or what it holds cannot be a token.
    """
    token, origin = environment or None, "AUDIOKIT_TOKEN"
    if path is not None:
        origin = str(path)
        try:
            token = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError("token_file", origin, f"a readable file ({error})") from error
    if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
        raise SettingError(origin, "not shown", "visible ASCII characters without spaces")
    if token == "":
        raise SettingError(origin, "empty", "a token")
    return token


def _reason(error: BaseException) -> str:
    if isinstance(error, ConnectionResetError):
        return "it broke off; does it speak ws:// or wss://?"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
