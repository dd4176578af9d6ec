"""``audiokit normalize``: bring files to a level."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.cli.options import BatchOptions, RowOptions, Sources, command
from audiokit.cli.run import Container, audio_tables, run_recipe
from audiokit.errors import SettingError
from audiokit.recipe import make_recipe

EXAMPLES = (
    "audiokit normalize takes/ -o level/",
    "audiokit normalize a.wav -o b.wav --target-lufs -16",
    "audiokit normalize - -o - < a.wav > b.wav",
)


@command
def normalize(
    sources: Sources,
    out: Annotated[str, typer.Option("--out", "-o", help="Folder, file, or - for stdout.")],
    target_lufs: Annotated[float, typer.Option(help="Integrated loudness, in LUFS.")] = -23.0,
    ceiling_dbtp: Annotated[float, typer.Option(help="Highest true peak, in dBTP.")] = -1.0,
    peak_dbfs: Annotated[
        float | None, typer.Option(help="Set the sample peak instead, in dBFS.")
    ] = None,
    rms_dbfs: Annotated[
        float | None, typer.Option(help="Set the mean power instead, in dBFS.")
    ] = None,
    container: Container = None,
    *,
    batch: BatchOptions,
    output: RowOptions,
) -> None:
    """Bring files to a loudness, a peak or an RMS level.

    One gain for the whole file; a true-peak limiter only where the ceiling asks for it,
    and the row says so.
    """
    if peak_dbfs is not None and rms_dbfs is not None:
        raise SettingError("peak_dbfs", peak_dbfs, "no --rms-dbfs beside it", "Choose one.")
    if peak_dbfs is not None:
        stage = {"use": "peak", "peak_dbfs": peak_dbfs}
    elif rms_dbfs is not None:
        stage = {"use": "rms", "rms_dbfs": rms_dbfs}
    else:
        stage = {"use": "loudness", "target_lufs": target_lufs, "ceiling_dbtp": ceiling_dbtp}
    tables = {"stage": [stage], "write": audio_tables(container, out)}
    recipe = make_recipe("normalize", tables)
    run_recipe(sources, recipe, out=out, command="normalize", batch=batch, output=output)
