"""How Opus is encoded, for the commands that do."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from audiokit.codec.opus import OpusSettings

__all__ = ["OpusOptions"]

_OPUS, _NETWORK = "Opus", "Opus over a network"


@dataclasses.dataclass(frozen=True, slots=True)
class OpusOptions:
    """Settings of Opus' encoder."""

    application: Annotated[
        Literal["voip", "audio", "lowdelay"],
        typer.Option(help="Clear speech, faithful sound, or least delay.", rich_help_panel=_OPUS),
    ] = "voip"
    bitrate_bps: Annotated[
        int, typer.Option(help="In bit/s, all channels, 6000 to 510000.", rich_help_panel=_OPUS)
    ] = 24_000
    rate_control: Annotated[
        Literal["vbr", "constrained", "cbr"],
        typer.Option(help="Variable, variable within limits, or constant.", rich_help_panel=_OPUS),
    ] = "vbr"
    complexity: Annotated[int, typer.Option(help="Effort, 0 to 10.", rich_help_panel=_OPUS)] = 5
    bandwidth: Annotated[
        Literal["auto", "narrow", "medium", "wide", "superwide", "full"],
        typer.Option(help="Up to 4, 6, 8, 12 or 20 kHz.", rich_help_panel=_OPUS),
    ] = "auto"
    signal: Annotated[
        Literal["auto", "voice", "music"],
        typer.Option(help="What it is, where that is known.", rich_help_panel=_OPUS),
    ] = "auto"
    frame_ms: Annotated[
        float, typer.Option(help="2.5, 5, 10, 20, 40 or 60 ms.", rich_help_panel=_OPUS)
    ] = 20.0
    fec: Annotated[
        bool,
        typer.Option(
            "--fec/--no-fec",
            help="Let each packet carry a copy of the last.",
            rich_help_panel=_NETWORK,
        ),
    ] = True
    expected_loss_percent: Annotated[
        int, typer.Option(help="Packets that will be lost, 0 to 100.", rich_help_panel=_NETWORK)
    ] = 10
    dtx: Annotated[
        bool,
        typer.Option(
            "--dtx/--no-dtx", help="Send next to nothing in pauses.", rich_help_panel=_NETWORK
        ),
    ] = True
    opus_library: Annotated[
        str | None,
        typer.Option(help="File of libopus; the best found if not given.", rich_help_panel=_OPUS),
    ] = None

    def settings(self) -> OpusSettings:
        """Return them as the codec takes them.

        Raises:
            SettingError: A value is outside its range.
        """
        from audiokit.codec.opus import OpusSettings

        values = dataclasses.asdict(self)
        values.pop("opus_library")
        return OpusSettings(**values)
