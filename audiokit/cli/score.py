"""``audiokit score``: rate recordings without a reference."""

from __future__ import annotations

from audiokit.cli.options import BatchOptions, RowOptions, Sources, command
from audiokit.cli.run import run_recipe
from audiokit.recipe import make_recipe

EXAMPLES = (
    "audiokit score takes/",
    "audiokit score takes/ --format csv > scores.csv",
)


@command
def score(sources: Sources, *, batch: BatchOptions, output: RowOptions) -> None:
    """Rate the quality of recordings, without a reference.

    0 to 100 overall, and each component with its unit; null where a measure does not
    apply.
    """
    recipe = make_recipe("score", {"write": {"scores": {}}})
    run_recipe(sources, recipe, out=None, command="score", batch=batch, output=output)
