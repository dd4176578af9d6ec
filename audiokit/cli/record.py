"""``audiokit record``: a microphone to a file."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audiokit.cli.live import (
    BackendChoice,
    DeviceName,
    MetricsPlace,
    channel_of,
    reporter,
    run_live,
)
from audiokit.cli.options import OutputOptions, command
from audiokit.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from audiokit.live.microphone import Microphone
    from audiokit.live.pcm import PcmFormat
    from audiokit.live.recorder import Recorder, Take
    from audiokit.live.report import Report

EXAMPLES = (
    "audiokit record take.wav",
    "audiokit record take.flac --device seeed --channels 2 --channel 0 --duration-s 60",
    "audiokit record - --backend alsa | audiokit stream wss://home.example",
)


@command
def record(
    out: Annotated[
        str, typer.Argument(help="A .wav, .flac, .raw or .pcm file; - for samples on stdout.")
    ],
    device: DeviceName = None,
    backend: BackendChoice = "auto",
    sample_rate: Annotated[int, typer.Option(help="In Hz, 8000 to 192000.")] = 16000,
    channels: Annotated[int, typer.Option(help="How many the device is opened with.")] = 1,
    channel: Annotated[
        str, typer.Option(help="Which of them to keep, from 0; mix: their mean; all.")
    ] = "all",
    duration_s: Annotated[
        float, typer.Option(help="Stop after so many seconds; 0: go on.", min=0)
    ] = 0.0,
    source: Annotated[
        str | None,
        typer.Option("--source", "-i", help="A WAV file, at its pace, or -: samples on stdin."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is there.")
    ] = False,
    metrics: MetricsPlace = None,
    *,
    output: OutputOptions,
) -> None:
    """Record a microphone to a file, whatever becomes of it.

    At any moment the file is whole up to the last second: a crash or a power cut leaves what was
    heard. A device that fails is opened again, and its absence is filled with silence. Clipping,
    lost sound, silence and a dead microphone are said and counted. SIGTERM and Ctrl-C end it.
    """
    from audiokit.live.microphone import Microphone
    from audiokit.live.monitor import Monitor
    from audiokit.live.pcm import PcmFormat
    from audiokit.live.sources import open_source

    if out == "-" and output.json:
        raise SettingError("out", out, "a file beside --json, which takes stdout")
    monitor = Monitor(reporter(output), metrics=metrics)
    fmt = PcmFormat(sample_rate, channels)
    heard = open_source(source, device, fmt, backend=backend)
    microphone = Microphone(heard, monitor, channel=channel_of(channel))
    max_samples = round(duration_s * microphone.fmt.sample_rate) if duration_s else None

    def take() -> Take:
        return _take(out, microphone.fmt, max_samples, replaces=overwrite)

    run_live(_Recording(microphone, take, monitor), monitor)


class _Recording:
    """A recorder, built when it runs."""

    def __init__(self, microphone: Microphone, take: Callable[[], Take], report: Report) -> None:
        self._microphone, self._take, self._report = microphone, take, report
        self._recorder: Recorder | None = None
        self._ending: asyncio.Future[None] | None = None

    async def run(self) -> None:
        from audiokit.live.recorder import Recorder

        self._recorder = Recorder(self._microphone, self._take(), report=self._report)
        await self._recorder.run()

    async def drain(self) -> None:
        if self._recorder is not None:
            await self._recorder.drain()

    def reload(self) -> None:
        # There is nothing to read again: this is the word of a terminal that was closed.
        self._ending = asyncio.ensure_future(self.drain())


def _take(out: str, fmt: PcmFormat, max_samples: int | None, *, replaces: bool) -> Take:
    from audiokit.live.takes import FileTake, StreamTake

    if out == "-":
        return StreamTake(sys.stdout.buffer, fmt, max_samples=max_samples)
    return FileTake(Path(out), fmt, max_samples=max_samples, replaces=replaces)
