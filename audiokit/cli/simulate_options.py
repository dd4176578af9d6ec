"""What a network and a receiver are like, as options."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = ["LinkOptions", "ReceiverOptions"]

_LINK, _RECEIVER = "Network (several values, as 0,5,10: each in turn)", "Receiver"


@dataclasses.dataclass(frozen=True, slots=True)
class LinkOptions:
    """What happens on the way; text where several values may be given."""

    loss: Annotated[str, typer.Option(help="Packets lost, in percent.", rich_help_panel=_LINK)] = (
        "0"
    )
    burst: Annotated[
        str | None,
        typer.Option(
            help="Mean packets lost in a row; random if not given.", rich_help_panel=_LINK
        ),
    ] = None
    delay_ms: Annotated[
        str | None,
        typer.Option(
            help="Mean time on the way; 50, or thrice the jitter, if not given.",
            rich_help_panel=_LINK,
        ),
    ] = None
    jitter_ms: Annotated[
        str, typer.Option(help="Standard deviation of that.", rich_help_panel=_LINK)
    ] = "0"
    bandwidth_kbps: Annotated[
        str | None,
        typer.Option(help="What it carries, headers included.", rich_help_panel=_LINK),
    ] = None
    seed: Annotated[str, typer.Option(help="Of all chance.", rich_help_panel=_LINK)] = "0"
    trace: Annotated[
        Path | None,
        typer.Option(
            help="What a real network did: delays, mahimahi's times, or losses as 0 and 1.",
            rich_help_panel=_LINK,
        ),
    ] = None
    jitter_model: Annotated[
        Literal["normal", "pareto"],
        typer.Option(help="Pareto: some packets take very long.", rich_help_panel=_LINK),
    ] = "normal"
    jitter_correlation: Annotated[
        float,
        typer.Option(help="Likeness of neighbours' delays, 0 to 1.", rich_help_panel=_LINK),
    ] = 0.0
    spikes_per_minute: Annotated[
        float,
        typer.Option(help="How often nothing gets through a while.", rich_help_panel=_LINK),
    ] = 0.0
    spike_ms: Annotated[
        float, typer.Option(help="Mean length of that while.", rich_help_panel=_LINK)
    ] = 200.0
    reorder_percent: Annotated[
        float, typer.Option(help="Packets that skip the delay.", rich_help_panel=_LINK)
    ] = 0.0
    duplicate_percent: Annotated[
        float, typer.Option(help="Packets sent twice.", rich_help_panel=_LINK)
    ] = 0.0
    in_order: Annotated[
        bool,
        typer.Option("--in-order/--any-order", help="None overtakes.", rich_help_panel=_LINK),
    ] = False
    queue_ms: Annotated[
        float,
        typer.Option(
            help="What would wait longer for bandwidth is dropped.", rich_help_panel=_LINK
        ),
    ] = 400.0
    drift_ppm: Annotated[
        float,
        typer.Option(help="How much faster the sender's clock runs.", rich_help_panel=_LINK),
    ] = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class ReceiverOptions:
    """How it waits, and what it does about losses."""

    min_delay_ms: Annotated[
        float, typer.Option(help="Least delay of the jitter buffer.", rich_help_panel=_RECEIVER)
    ] = 40.0
    max_delay_ms: Annotated[
        float, typer.Option(help="Most; the same as the least: fixed.", rich_help_panel=_RECEIVER)
    ] = 200.0
    plc: Annotated[
        Literal["repeat", "linear", "spectral", "pitch", "bridge"] | None,
        typer.Option(
            help="Concealment; pitch if not given. Opus has its own.", rich_help_panel=_RECEIVER
        ),
    ] = None
    decoder_complexity: Annotated[
        int, typer.Option(help="Effort of Opus' decoder, 0 to 10.", rich_help_panel=_RECEIVER)
    ] = 5
