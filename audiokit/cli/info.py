"""``audiokit info``: show what files are."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.cli.options import BatchOptions, RowOptions, Sources, command
from audiokit.cli.run import prepare_report, run_folder

EXAMPLES = (
    "audiokit info takes/",
    "audiokit info a.wav --loudness --json",
)


@command
def info(
    sources: Sources,
    loudness: Annotated[
        bool, typer.Option("--loudness", help="Decode all of it: loudness, peaks, true length.")
    ] = False,
    *,
    batch: BatchOptions,
    output: RowOptions,
) -> None:
    """Show what files are: format, duration, tags, loudness.

    The duration is what the header claims; --loudness decodes the file and says.
    """
    from audiokit.files.raw import parse_raw_format
    from audiokit.jobs.inspect import InspectJob

    raw = parse_raw_format(batch.raw_format) if batch.raw_format else None
    run = prepare_report(sources, InspectJob(with_loudness=loudness, raw=raw), batch=batch)
    run_folder(run, command="info", batch=batch, output=output)
