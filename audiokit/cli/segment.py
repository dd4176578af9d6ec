"""``audiokit segment``: find where people speak."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.cli.options import BatchOptions, OutputOptions, Sources, command
from audiokit.cli.run import run_recipe
from audiokit.recipe import make_recipe

EXAMPLES = (
    "audiokit segment takes/ -o labels/ --format textgrid,rttm",
    "audiokit segment a.wav --json",
)


@command
def segment(
    sources: Sources,
    out: Annotated[str | None, typer.Option("--out", "-o", help="Folder for label files.")] = None,
    label_format: Annotated[
        str,
        typer.Option(
            "--format",
            envvar="AUDIOKIT_SEGMENT_FORMAT",
            help="Label files: json, csv, rttm, textgrid, srt, txt (Audacity); commas between.",
        ),
    ] = "json",
    min_speech_ms: Annotated[float, typer.Option(help="Shorter speech is dropped.")] = 100.0,
    min_pause_ms: Annotated[float, typer.Option(help="Shorter pauses are bridged.")] = 200.0,
    pad_ms: Annotated[float, typer.Option(help="Kept on both sides.")] = 30.0,
    *,
    batch: BatchOptions,
    output: OutputOptions,
) -> None:
    """Find where people speak, and write labels.

    Without --out the segments themselves are in the rows.
    """
    settings: dict[str, object] = {
        "min_speech_ms": min_speech_ms,
        "min_pause_ms": min_pause_ms,
        "pad_ms": pad_ms,
    }
    settings["format"] = label_format
    recipe = make_recipe("segment", {"write": {"segments": settings}})
    run_recipe(
        sources,
        recipe,
        out=out,
        command="segment",
        batch=batch,
        output=output,
    )
