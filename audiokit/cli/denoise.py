"""``audiokit denoise``: take background noise away."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from audiokit.cli.options import BatchOptions, RowOptions, Sources, command
from audiokit.cli.run import Container, audio_tables, run_recipe
from audiokit.recipe import make_recipe

EXAMPLES = (
    "audiokit denoise takes/ -o clean/",
    "audiokit denoise a.wav -o b.wav --strength 0.6",
)


@command
def denoise(
    sources: Sources,
    out: Annotated[str, typer.Option("--out", "-o", help="Folder, file, or - for stdout.")],
    strength: Annotated[float, typer.Option(help="0 leaves all, 1 takes all.")] = 1.0,
    engine: Annotated[
        Literal["audiokit", "noisereduce"], typer.Option(help="Who does the work.")
    ] = "audiokit",
    container: Container = None,
    *,
    batch: BatchOptions,
    output: RowOptions,
) -> None:
    """Take background noise away.

    Works at the recording's own rate, each channel by itself.
    """
    use = "denoise" if engine == "audiokit" else "noisereduce"
    stage = {"use": use, "strength": strength}
    recipe = make_recipe("denoise", {"stage": [stage], "write": audio_tables(container, out)})
    run_recipe(sources, recipe, out=out, command="denoise", batch=batch, output=output)
