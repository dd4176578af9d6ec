"""``audiokit recipes``: list the recipes, or show one."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.cli.console import emit_rows, emit_text
from audiokit.cli.options import RowOptions, command
from audiokit.recipe import load_recipe, recipe_names, recipe_path
from audiokit.settings import user_folder

EXAMPLES = (
    "audiokit recipes",
    "audiokit recipes speech > mine.toml",
)


@command
def recipes(
    name: Annotated[str | None, typer.Argument(help="Show this recipe as TOML.")] = None,
    *,
    output: RowOptions,
) -> None:
    """List the recipes, or show one.

    A .toml file in the recipes folder of the user's audiokit configuration is a recipe
    by its name; any other by its path.
    """
    if name is not None:
        emit_text(recipe_path(name).read_text(encoding="utf-8"))
        return
    own = user_folder() / "recipes"
    rows = []
    for word, path in recipe_names().items():
        recipe = load_recipe(str(path))
        rows.append(
            {
                "recipe": word,
                "description": recipe.description,
                "stages": [stage.use for stage in recipe.stages],
                "writes": list(recipe.writes),
                "from": "user" if path.parent == own else "audiokit",
            }
        )
    emit_rows(rows, output, schema="audiokit.recipes/1")
