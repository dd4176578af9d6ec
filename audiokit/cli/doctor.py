"""``audiokit doctor``: what is installed, and what it can do."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.cli.console import emit_rows
from audiokit.cli.options import RowOptions, command

EXAMPLES = ("audiokit doctor", "audiokit doctor --json")


@command
def doctor(
    opus_library: Annotated[
        str | None, typer.Option(help="Look at this file as libopus, beside those found.")
    ] = None,
    *,
    output: RowOptions,
) -> None:
    """Show which libraries and extras were found, and what they can do.

    Nothing is changed. What is missing is named with the command that brings it.
    """
    from audiokit.jobs.doctor import examine

    emit_rows(examine(opus_library), output, schema="audiokit.doctor/1")
