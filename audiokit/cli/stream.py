"""``audiokit stream``: a microphone to a server, whatever the network does."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audiokit.cli.live import (
    BackendChoice,
    DeviceName,
    Insecure,
    MetricsPlace,
    TokenFile,
    channel_of,
    reporter,
    run_live,
    token_of,
)
from audiokit.cli.options import OutputOptions, command
from audiokit.errors import AudiokitError, SettingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from audiokit.live.backends import BackendName
    from audiokit.live.client import Client, ClientSettings
    from audiokit.live.connect import Dialer
    from audiokit.live.echo import PlayedEcho
    from audiokit.live.pcm import PcmFormat
    from audiokit.live.report import Report
    from audiokit.live.source import Source
    from audiokit.live.speaker import Speaker
    from audiokit.stage import Chain

EXAMPLES = (
    "audiokit stream wss://home.example --device seeed --token-file token",
    "arecord -q -t raw -f S16_LE -r 16000 | audiokit stream wss://home.example",
    "audiokit stream ws://127.0.0.1:8710 -i take.wav --recipe voice-live --json",
)
_DEVICE = "device:"
_PROCESSING, _WIRE, _SPOOL, _REPLIES = "Processing", "Connection", "Spool", "Replies"


def _option(*names: str, panel: str, help_text: str, **more: Any) -> Any:
    return typer.Option(*names, rich_help_panel=panel, help=help_text, **more)


@command
def stream(
    url: Annotated[
        str, typer.Argument(help="The server, as wss://host:port/path.", show_default=False)
    ],
    source: Annotated[
        str | None,
        typer.Option("--source", "-i", help="A WAV file, at its pace, or -: samples on stdin."),
    ] = None,
    device: DeviceName = None,
    backend: BackendChoice = "auto",
    channel: Annotated[
        str, typer.Option(help="Of a device's, which to send, from 0; mix: their mean; all.")
    ] = "all",
    sample_rate: Annotated[
        int, typer.Option(help="Of a device or stdin, in Hz; 16 bits, little-endian.")
    ] = 16000,
    channels: Annotated[int, typer.Option(help="Of a device or stdin.")] = 1,
    name: Annotated[
        str | None,
        typer.Option(help="What the server calls it; the host's name if not given."),
    ] = None,
    recipe: Annotated[
        str | None,
        _option("--recipe", "--preset", "-r", panel=_PROCESSING, help_text="Stages before Opus."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        _option(
            "--set",
            panel=_PROCESSING,
            envvar="AUDIOKIT_STREAM_SET",
            help_text="Change one setting: agc.ceiling_dbtp=-3.",
        ),
    ] = None,
    packet_ms: Annotated[
        float, _option("--packet-ms", panel=_WIRE, help_text="In frames of 20 ms, up to 100.")
    ] = 60.0,
    bitrate_bps: Annotated[
        int, _option("--bitrate-bps", panel=_WIRE, help_text="Of Opus, 6000 to 510000.")
    ] = 24_000,
    complexity: Annotated[
        int, _option("--complexity", panel=_WIRE, help_text="Of Opus, 0 to 10.")
    ] = 5,
    token_file: TokenFile = None,
    ca_file: Annotated[
        Path | None, _option("--ca-file", panel=_WIRE, help_text="Certificates to trust instead.")
    ] = None,
    insecure: Insecure = False,
    spool: Annotated[
        Path | None, _option("--spool", panel=_SPOOL, help_text="Folder for what must wait.")
    ] = None,
    spool_mb: Annotated[
        float, _option("--spool-mb", panel=_SPOOL, help_text="How much waits: 12 MB is an hour.")
    ] = 12.0,
    drain_s: Annotated[
        float, _option("--drain-s", panel=_SPOOL, help_text="Seconds to go on sending at the end.")
    ] = 10.0,
    play: Annotated[
        str | None,
        _option(
            "--play",
            panel=_REPLIES,
            help_text="A WAV file, -: stdout, or device:NAME.",
        ),
    ] = None,
    cancel_echo: Annotated[
        bool,
        _option("--cancel-echo", panel=_PROCESSING, help_text="Take what is played out again."),
    ] = False,
    offline_reply: Annotated[
        Path | None,
        _option("--offline-reply", panel=_REPLIES, help_text="WAV file for when none can come."),
    ] = None,
    reply_wait_s: Annotated[
        float, _option("--reply-wait-s", panel=_REPLIES, help_text="Seconds to await a reply.")
    ] = 0.0,
    metrics: MetricsPlace = None,
    *,
    output: OutputOptions,
) -> None:
    """Send a microphone to a server, whatever the network does.

    What is recorded while there is no connection waits on the disk and is sent afterwards, beside
    what is live. SIGTERM sends what is left and ends; SIGHUP reads token, certificates and recipe
    again.
    """
    from audiokit.live.client import ClientSettings
    from audiokit.live.microphone import Microphone
    from audiokit.live.monitor import Monitor
    from audiokit.live.pcm import PcmFormat
    from audiokit.live.sources import open_source

    if play == "-" and output.json:
        raise SettingError("play", play, "a file beside --json, which takes stdout")
    wanted = ClientSettings(
        name=socket.gethostname()[:64] if name is None else name,
        drain_s=drain_s,
        reply_wait_s=reply_wait_s,
        offline_reply=offline_reply,
    )
    monitor = Monitor(reporter(output), metrics=metrics)
    # Without a word about it, what is piped in.
    chosen = "-" if source is None and device is None else source
    fmt = PcmFormat(sample_rate, channels)
    # Less at a time than a packet would only wake this process more often.
    piece_s = max(packet_ms, 10.0) / 1000.0
    heard = open_source(chosen, device, fmt, backend=backend, piece_s=piece_s)
    run_live(
        _Streaming(
            wanted,
            heard=Microphone(heard, monitor, channel=channel_of(channel)),
            speaker=_speaker(play, heard.fmt.sample_rate, backend),
            spool=(spool or _default_spool(wanted.name), spool_mb),
            packets=(packet_ms, bitrate_bps, complexity),
            cancels_echo=cancel_echo,
            processing=lambda fmt: _chain(recipe, set_, fmt),
            dialer=lambda: _dialer(url, token_file, ca_file, is_insecure=insecure),
            report=monitor,
        ),
        monitor,
    )


class _Streaming:
    """A client, built when it runs."""

    def __init__(
        self,
        settings: ClientSettings,
        *,
        heard: Source,
        speaker: Speaker | None,
        spool: tuple[Path, float],
        packets: tuple[float, int, int],
        cancels_echo: bool,
        processing: Callable[[PcmFormat], Chain | None],
        dialer: Callable[[], Dialer],
        report: Report,
    ) -> None:
        from audiokit.codec.opus_settings import OpusSettings
        from audiokit.live.encoding import PacketMaker

        self._settings, self._heard, self._spool, self._report = settings, heard, spool, report
        self._processing, self._new_dialer = processing, dialer
        self._dialer = dialer()
        packet_ms, bitrate_bps, complexity = packets
        opus = OpusSettings(bitrate_bps=bitrate_bps, complexity=complexity)
        n_frames = round(packet_ms / opus.frame_ms)
        if abs(n_frames * opus.frame_ms - packet_ms) > 1e-6:
            raise SettingError("packet_ms", packet_ms, f"a multiple of {opus.frame_ms:g} ms")
        self._maker = PacketMaker(
            heard.fmt,
            opus,
            frames_per_packet=n_frames,
            chain=processing(heard.fmt),
            echo=_echo(heard.fmt) if cancels_echo else None,
        )
        if cancels_echo and speaker is None:
            raise SettingError("cancel_echo", cancels_echo, "--play beside it")
        self._speaker = speaker
        self._client: Client | None = None

    async def run(self) -> None:
        from audiokit.live.client import Client, Devices
        from audiokit.live.spool import SpoolSettings
        from audiokit.live.store import SpoolStore

        folder, spool_mb = self._spool
        place = SpoolStore(folder, SpoolSettings(max_bytes=round(1e6 * spool_mb)))
        try:
            self._client = Client(
                Devices(self._heard, self._speaker),
                self._maker,
                place,
                dialer=self._dialer,
                settings=self._settings,
                report=self._report,
            )
            await self._client.run()
        finally:
            place.close()

    async def drain(self) -> None:
        if self._client is not None:
            await self._client.drain()

    def reload(self) -> None:
        if self._client is None:
            return
        try:
            self._client.reload(self._new_dialer(), self._processing(self._heard.fmt))
        except AudiokitError as error:
            # What runs goes on as it is: a slip of the pen shall not end a recording.
            self._report("stream.unchanged", reason=str(error))


def _dialer(
    url: str, token_file: Path | None, ca_file: Path | None, *, is_insecure: bool
) -> Dialer:
    from audiokit.live.connect import Dialer, Endpoint

    token = token_of(token_file)
    return Dialer(Endpoint(url, token=token, ca_file=ca_file, is_insecure=is_insecure))


def _speaker(play: str | None, sample_rate: int, backend: BackendName) -> Speaker | None:
    from audiokit.live.pcm import PcmFormat
    from audiokit.live.speaker import StreamSpeaker, WavSpeaker

    if play is None:
        return None
    fmt = PcmFormat(sample_rate)
    if play.startswith(_DEVICE):
        from audiokit.live.backends import Backends

        return Backends(backend).speaker(play.removeprefix(_DEVICE) or None, fmt)
    return StreamSpeaker(sys.stdout.buffer, fmt) if play == "-" else WavSpeaker(Path(play), fmt)


def _echo(fmt: PcmFormat) -> PlayedEcho:
    from audiokit.live.echo import PlayedEcho

    return PlayedEcho(fmt)


def _chain(recipe: str | None, assignments: list[str] | None, fmt: PcmFormat) -> Chain | None:
    """Return a recipe's stages; without one, NumPy need not be loaded."""
    if recipe is None:
        if assignments:
            raise SettingError("set", assignments[0], "a recipe whose setting it is")
        return None
    from audiokit.live.encoding import live_chain
    from audiokit.recipe import load_recipe
    from audiokit.settings import find_config, load_toml, parse_assignments

    path = find_config()
    defaults = load_toml(path).get("stage", {}) if path else {}
    chosen = load_recipe(recipe, overrides=parse_assignments(assignments or []), defaults=defaults)
    return live_chain(chosen, fmt)


def _default_spool(name: str) -> Path:
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    place = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)
    return Path(base) / "audiokit" / "spool" / (place or "stream")
