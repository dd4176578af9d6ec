"""``audiokit latency``: how long sound takes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audiokit.cli.console import emit_rows
from audiokit.cli.live import BackendChoice, DeviceName, Insecure, TokenFile, token_of
from audiokit.cli.options import RowOptions, command

if TYPE_CHECKING:
    from audiokit.live.latency import Delay

EXAMPLES = (
    "audiokit latency",
    "audiokit latency wss://home.example --device seeed --play-device seeed --token-file token",
)


@command
def latency(
    url: Annotated[
        str | None, typer.Argument(help="A server to measure the way to.", show_default=False)
    ] = None,
    device: DeviceName = None,
    play_device: Annotated[
        str | None, typer.Option(help="A speaker that the microphone hears: for its clicks.")
    ] = None,
    backend: BackendChoice = "auto",
    sample_rate: Annotated[int, typer.Option(help="In Hz, one that Opus has.")] = 16000,
    iterations: Annotated[int, typer.Option(help="Measurements of each stage.", min=1)] = 100,
    token_file: TokenFile = None,
    ca_file: Annotated[Path | None, typer.Option(help="Certificates to trust instead.")] = None,
    insecure: Insecure = False,
    *,
    output: RowOptions,
) -> None:
    """Measure the delay of devices, codec and network.

    Median and 95th percentile of each stage beside what it may take. Without a server there is
    no row for the network, without a device none for capture; with a microphone and a speaker
    that it hears, clicks are played and the whole way through both is measured.
    """
    from audiokit.live.backends import Backends
    from audiokit.live.connect import Dialer, Endpoint
    from audiokit.live.latency import (
        measure_capture,
        measure_codec,
        measure_loop,
        measure_network,
    )
    from audiokit.live.pcm import PcmFormat

    delays = measure_codec(iterations, sample_rate=sample_rate)
    if url is not None:
        token = token_of(token_file)
        dialer = Dialer(Endpoint(url, token=token, ca_file=ca_file, is_insecure=insecure))
        delays.insert(1, asyncio.run(measure_network(dialer, iterations)))
    if device is not None:
        devices, fmt = Backends(backend), PcmFormat(sample_rate)
        source = devices.source(device, fmt, piece_s=0.01)
        delays.insert(0, asyncio.run(measure_capture(source, iterations)))
        if play_device is not None:
            speaker = devices.speaker(play_device, fmt)
            delays.append(asyncio.run(measure_loop(source, speaker, iterations)))
    emit_rows(map(_row, delays), output, schema="audiokit.latency/1")


def _row(delay: Delay) -> dict[str, Any]:
    p95_ms = delay.quantile_ms(0.95)
    return {
        "stage": delay.stage,
        "n": len(delay.times_s),
        "median_ms": delay.quantile_ms(0.5),
        "p95_ms": p95_ms,
        "budget_ms": delay.budget_ms,
        "is_met": p95_ms <= delay.budget_ms,
    }
