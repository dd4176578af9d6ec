"""``audiokit config``: every setting of a command, and where it comes from."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from audiokit.cli.app import COMMANDS, configured_defaults, load_command
from audiokit.cli.console import emit_rows
from audiokit.cli.options import RowOptions, command
from audiokit.errors import SettingError
from audiokit.settings import Origin, find_config, load_toml, parse_assignments, suggestion

EXAMPLES = ("audiokit config process --recipe asr",)

_ORIGINS = {
    "COMMANDLINE": "flag",
    "ENVIRONMENT": "environment",
    "DEFAULT_MAP": "audiokit.toml",
    "DEFAULT": "default",
}


@command
def config(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="COMMAND", help="A command.")] = "process",
    recipe: Annotated[
        str | None, typer.Option("--recipe", "-r", help="Also show this recipe's settings.")
    ] = None,
    *,
    output: RowOptions,
) -> None:
    """Show every setting of a command and where it comes from.

    A flag beats the environment (AUDIOKIT_COMMAND_FLAG), which beats the recipe, which
    beats audiokit.toml, which beats the default.
    """
    if name not in COMMANDS:
        raise SettingError("COMMAND", name, "a command", suggestion(name, COMMANDS))
    rows = _option_rows(context, name)
    if name == "process":
        told = {row["setting"]: row for row in rows}
        overrides = parse_assignments(told["set"]["value"] or [])
        rows += _recipe_rows(recipe or told["recipe"]["value"], overrides, told["set"]["from"])
    emit_rows(rows, output, schema="audiokit.config/1")


def _option_rows(context: typer.Context, name: str) -> list[dict[str, Any]]:
    parent = context.parent
    target = load_command(name)
    defaults = configured_defaults(target)
    own = target.make_context(
        name, [], parent=parent, resilient_parsing=True, default_map=defaults
    )
    rows = []
    for parameter in target.params:
        if parameter.param_type_name != "option" or parameter.name == "help":
            continue
        source = own.get_parameter_source(parameter.name)
        origin = _ORIGINS[source.name] if source is not None else "default"
        flag = max(parameter.opts, key=len).removeprefix("--")
        rows.append({"setting": flag, "value": own.params.get(parameter.name), "from": origin})
    return rows


def _recipe_rows(
    name: str, overrides: dict[str, dict[str, str]], origin: Origin
) -> list[dict[str, Any]]:
    from audiokit.recipe import load_recipe

    path = find_config()
    defaults = load_toml(path).get("stage", {}) if path else {}
    recipe = load_recipe(name, overrides=overrides, defaults=defaults, override_origin=origin)
    return [
        {"setting": setting, "value": value, "from": origin}
        for setting, value, origin in recipe.rows()
    ]
