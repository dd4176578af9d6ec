"""``audiokit info``: show what files are."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from audiokit.cli.options import BatchOptions, RowOptions, Sources, command
from audiokit.cli.run import prepare_report, run_folder
from audiokit.cli.tables import columns_of
from audiokit.errors import MissingExtraError

EXAMPLES = (
    "audiokit info takes/",
    "audiokit info a.wav --loudness --json",
    "audiokit info takes/ --loudness --plot pictures/",
)


@command
def info(
    sources: Sources,
    loudness: Annotated[
        bool, typer.Option("--loudness", help="Decode all of it: levels, peaks, true length.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw loudness over time into this folder, a PNG for each file."),
    ] = None,
    *,
    batch: BatchOptions,
    output: RowOptions,
) -> None:
    """Show what files are: format, duration, tags, loudness.

    The duration is what the header claims; --loudness decodes the file and says.
    """
    from audiokit.files.raw import parse_raw_format
    from audiokit.jobs.inspect import InspectJob

    if plot is not None and importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError("a picture", "plot")
    raw = parse_raw_format(batch.raw_format) if batch.raw_format else None
    job = InspectJob(with_loudness=loudness, out=plot, raw=raw)
    run = prepare_report(sources, job, batch=batch, pictures=plot)
    run_folder(
        run,
        command="info",
        columns=columns_of("levels" if loudness else "info"),
        batch=batch,
        output=output,
    )
