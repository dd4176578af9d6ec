"""``audiokit convert``: another container, rate, depth or number of channels."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from audiokit.cli.options import BatchOptions, RowOptions, Sources, command
from audiokit.cli.run import Container, audio_tables, run_recipe
from audiokit.errors import SettingError
from audiokit.recipe import make_recipe

EXAMPLES = (
    "audiokit convert takes/ -o flac/ --container flac",
    "audiokit convert talk.m4a -o talk.wav --sample-rate 16000 --channels mono",
    "audiokit convert call.wav -o agent.opus --channels left --sample-rate 48000",
    "audiokit convert master.wav -o cd.wav --sample-rate 44100 --bit-depth 16",
    "audiokit convert - -o - --container mp3 < talk.wav > talk.mp3",
)


@command
def convert(
    sources: Sources,
    out: Annotated[str, typer.Option("--out", "-o", help="Folder, file, or - for stdout.")],
    container: Container = None,
    sample_rate: Annotated[
        int | None, typer.Option(help="In Hz; the source's if not given.")
    ] = None,
    quality: Annotated[
        Literal["quick", "low", "medium", "high", "very-high"],
        typer.Option(help="Of another sample rate."),
    ] = "high",
    channels: Annotated[
        str,
        typer.Option(
            help="keep, mono (mean), energy (mono that keeps the power of unrelated channels), "
            "stereo, left, right or pick:N, counted from 0."
        ),
    ] = "keep",
    bit_depth: Annotated[
        Literal["16", "24", "32", "float"] | None,
        typer.Option(help="Of wav and flac; the source's, or 16, if not given."),
    ] = None,
    dither: Annotated[
        bool, typer.Option("--dither/--no-dither", help="Triangular, where bits are lost.")
    ] = True,
    dither_seed: Annotated[int, typer.Option(help="The dither's; 0 or more.", min=0)] = 0,
    bitrate_bps: Annotated[
        int | None, typer.Option(help="Of ogg, opus, mp3 and m4a, in bit/s, all channels.")
    ] = None,
    *,
    batch: BatchOptions,
    output: RowOptions,
) -> None:
    """Change container, sample rate, bit depth or channels.

    Nothing else changes: no level, no length, no place in time. Tags and cover come along.
    """
    tables = audio_tables(container, out)
    tables["audio"] |= {"dither": dither, "dither_seed": dither_seed}
    if bit_depth is not None:
        tables["audio"]["bit_depth"] = bit_depth
    if bitrate_bps is not None:
        tables["audio"]["bitrate_bps"] = bitrate_bps
    stages = _channel_stages(channels)
    if sample_rate is not None:
        stages.append({"use": "resample", "sample_rate": sample_rate, "quality": quality})
    recipe = make_recipe("convert", {"stage": stages, "write": tables})
    run_recipe(sources, recipe, out=out, command="convert", batch=batch, output=output)


def _channel_stages(channels: str) -> list[dict[str, Any]]:
    """Return the stage that the flag asks for, if any: mixed first, one channel is resampled."""
    if channels == "keep":
        return []
    from audiokit.dsp.channels import MODES

    mode, _, number = channels.partition(":")
    is_pick = mode == "pick" and number.isascii() and number.isdigit()
    if not is_pick and channels not in set(MODES) - {"pick"}:
        expected = "keep, mono, energy, stereo, left, right or pick:N"
        raise SettingError("channels", channels, expected)
    stage: dict[str, Any] = {"use": "channels", "mode": mode}
    return [stage | {"channel": int(number)} if is_pick else stage]
