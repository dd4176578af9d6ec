"""``audiokit process``: a folder of recordings in, a dataset out."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.cli.options import BatchOptions, RowOptions, Sources, command
from audiokit.cli.run import run_recipe
from audiokit.recipe import load_recipe
from audiokit.settings import find_config, load_toml, parse_assignments

EXAMPLES = (
    "audiokit process takes/ -o dataset",
    "audiokit process takes/ -o out -r podcast --set loudness.target_lufs=-14",
    "find . -name '*.wav' | audiokit process @- -o out",
)


@command
def process(
    sources: Sources,
    out: Annotated[
        str, typer.Option("--out", "-o", help="Folder for the dataset; - for audio on stdout.")
    ],
    recipe: Annotated[
        str,
        typer.Option("--recipe", "--preset", "-r", help="A recipe's name, or a .toml file."),
    ] = "speech",
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            envvar="AUDIOKIT_PROCESS_SET",
            help="Change one setting of the recipe: loudness.target_lufs=-16.",
        ),
    ] = None,
    *,
    batch: BatchOptions,
    output: RowOptions,
) -> None:
    """Turn a folder of recordings into a dataset of clean speech.

    Writes audio, speech segments, features and one manifest. An interrupted run goes on
    where it was; what is done and unchanged is not done again.
    """
    path = find_config()
    defaults = load_toml(path).get("stage", {}) if path else {}
    chosen = load_recipe(recipe, overrides=parse_assignments(set_ or []), defaults=defaults)
    run_recipe(sources, chosen, out=out, command="process", batch=batch, output=output)
