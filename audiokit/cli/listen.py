"""``audiokit listen``: the receiving end of `stream`."""

from __future__ import annotations

import asyncio
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audiokit.cli.live import Insecure, TokenFile, reporter, run_live, token_of
from audiokit.cli.options import OutputOptions, command
from audiokit.errors import AudiokitError, SettingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from audiokit.live.listener import Address, Listener, ListenerSettings
    from audiokit.live.report import Report
    from audiokit.live.shelves import FolderShelf, PipeShelf

EXAMPLES = (
    "audiokit listen -o received/",
    "audiokit listen wss://0.0.0.0:8710 --certificate home.crt --key home.key --token-file token",
    "audiokit listen -o - --sessions 1 | aplay -q -t raw -f S16_LE -r 16000",
)
_DEFAULT_PORT = 8710


@command
def listen(
    url: Annotated[
        str, typer.Argument(help="ws:// or wss://, an address of this machine and a port.")
    ] = "ws://127.0.0.1:8710",
    out: Annotated[
        str, typer.Option("--out", "-o", help="Folder for WAV files; - for samples on stdout.")
    ] = "received",
    certificate: Annotated[
        Path | None, typer.Option(help="The server's certificate, with its chain, for wss://.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="The certificate's key.")] = None,
    token_file: TokenFile = None,
    insecure: Insecure = False,
    sessions: Annotated[
        int, typer.Option(help="End after so many whole sessions; 0: go on.", min=0)
    ] = 0,
    max_clients: Annotated[int, typer.Option(help="Sessions at a time, 1 to 10000.")] = 64,
    answer: Annotated[
        Path | None, typer.Option(help="A WAV file to say to each client that has spoken.")
    ] = None,
    *,
    output: OutputOptions,
) -> None:
    """Receive what `stream` sends, and write it to WAV files.

    Each session becomes one file when all of it is here. What has arrived survives a crash of
    this program: it goes on where it was when it runs again.
    """
    if out == "-" and output.json:
        raise SettingError("out", out, "a folder beside --json, which takes stdout")
    address = _address(url, certificate, key, is_insecure=insecure)

    def admitted() -> ListenerSettings:
        return _admitted(address, token_of(token_file), max_clients, is_insecure=insecure)

    run_live(
        _Listening(
            address,
            out=out,
            sessions=sessions,
            answer=answer,
            admitted=admitted,
            renew=lambda: _load(address.tls, certificate, key),
            report=reporter(output),
        )
    )


class _Listening:
    """A listener, built when it runs."""

    def __init__(
        self,
        address: Address,
        *,
        out: str,
        sessions: int,
        answer: Path | None,
        admitted: Callable[[], ListenerSettings],
        renew: Callable[[], None],
        report: Report,
    ) -> None:
        from audiokit.live.answers import Answers

        self._address, self._out, self._n_left, self._report = address, out, sessions, report
        self._admitted, self._renew = admitted, renew
        self._settings = admitted()
        self._answers = None if answer is None else Answers(answer)
        self._listener: Listener | None = None
        self._end: asyncio.Event | None = None

    async def run(self) -> None:
        from audiokit.live.listener import Listener

        self._end = asyncio.Event()
        shelf = _shelf(self._out, self._report, self._count)
        if self._answers is not None:
            await self._answers.prepare()
        listener = self._listener = Listener(
            shelf, self._settings, report=self._report, answers=self._answers
        )
        async with listener.serving(self._address) as server:
            port = server.sockets[0].getsockname()[1]
            scheme = "ws" if self._address.tls is None else "wss"
            url = f"{scheme}://{self._address.host}:{port}"
            self._report("listen.ready", url=url, port=port)
            await self._end.wait()
        await shelf.close(listener.recordings)

    async def drain(self) -> None:
        if self._end is not None:
            self._end.set()

    def reload(self) -> None:
        if self._listener is None:
            return
        try:
            # New connections meet the new token and the new certificate.
            self._renew()
            self._listener.settings = self._admitted()
        except AudiokitError as error:
            self._report("listen.unchanged", reason=str(error))
        else:
            self._report("listen.reloaded")

    def _count(self) -> None:
        self._n_left -= 1
        if self._n_left == 0 and self._end is not None:
            self._end.set()


def _address(
    url: str, certificate: Path | None, key: Path | None, *, is_insecure: bool
) -> Address:
    from audiokit.live.connect import Endpoint, is_loopback
    from audiokit.live.listener import Address

    parts = Endpoint(url, is_insecure=True).parts
    host, port = str(parts.hostname), parts.port
    port = _DEFAULT_PORT if port is None else port
    if parts.scheme == "ws":
        if certificate is not None:
            raise SettingError("url", url, "wss:// with a certificate")
        if not (is_insecure or is_loopback(host)):
            hint = "Add --insecure if everyone on the way may listen."
            raise SettingError("url", url, "wss:// for other machines", hint)
        return Address(host, port)
    if certificate is None or key is None:
        raise SettingError("certificate", certificate, "a certificate and its --key for wss://")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _load(tls, certificate, key)
    return Address(host, port, tls)


def _load(tls: ssl.SSLContext | None, certificate: Path | None, key: Path | None) -> None:
    if tls is None or certificate is None:
        return
    try:
        tls.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        rule = f"a certificate in PEM form whose key is {key} ({error})"
        raise SettingError("certificate", str(certificate), rule) from error


def _admitted(
    address: Address, token: str | None, max_clients: int, *, is_insecure: bool
) -> ListenerSettings:
    from audiokit.live.connect import is_loopback
    from audiokit.live.listener import ListenerSettings

    if token is None and not (is_insecure or is_loopback(address.host)):
        hint = "Give --token-file or AUDIOKIT_TOKEN; --insecure lets anybody in."
        raise SettingError("token", None, "one where other machines can come", hint)
    return ListenerSettings(token, max_clients)


def _shelf(out: str, report: Report, on_done: Callable[[], None]) -> FolderShelf | PipeShelf:
    from audiokit.live.shelves import FolderShelf, PipeShelf

    if out == "-":
        return PipeShelf(sys.stdout.buffer, report=report, on_done=on_done)
    return FolderShelf(Path(out), report=report, on_done=on_done)
