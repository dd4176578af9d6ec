"""Write docs/reference/cli.md from the commands themselves.

    python docs/make_cli_reference.py [--check]

It reads what ``--help`` reads. With ``--check`` nothing is written, and the exit code is
1 when the page is stale.
"""

# A script beside the pages it writes, no package.
# ruff: noqa: INP001

from __future__ import annotations

import argparse
import importlib
import inspect
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from audiokit.cli.app import COMMANDS, load_command

PAGE = Path(__file__).resolve().parent / "reference" / "cli.md"
HEAD = """# Command line

Made from the commands by `docs/make_cli_reference.py`; change the commands, not this page.

`audiokit COMMAND --help` shows the same. stdout carries data and stderr carries talk; how a
program ends is in [exit codes](exit-codes.md), what rows hold is in [rows](rows.md).
An option can also be set by the environment as `AUDIOKIT_<COMMAND>_<OPTION>`, for example
`AUDIOKIT_PROCESS_JOBS=2`, or in `audiokit.toml`; `audiokit config COMMAND` shows every value
and where it comes from.

| command | what it does |
|---|---|
"""


def choices(annotation: Any) -> str:
    """Return the words that a parameter takes, or nothing where any value may stand."""
    kinds = [annotation, *typing.get_args(annotation)]
    kinds += [inner for kind in kinds for inner in typing.get_args(kind)]
    for kind in kinds:
        if typing.get_origin(kind) is typing.Literal:
            return ", ".join(f"`{word}`" for word in typing.get_args(kind))
    return ""


def is_count(parameter: Any) -> bool:
    """Say whether the option counts how often it is given."""
    return bool(getattr(parameter, "count", False))


def default_text(parameter: Any) -> str:
    """Return what holds when the option is not given."""
    if parameter.required:
        return "required"
    # A flag that is off, a count of nothing: no value worth a word, unlike a plain 0.
    if parameter.default in (None, "", ()) or parameter.default is False or is_count(parameter):
        return ""
    return f"`{parameter.default}`"


def option_row(parameter: Any, annotation: Any) -> str:
    """Return the table row of one option."""
    names = ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])
    words = choices(annotation)
    meaning = str(parameter.help or "") + (f" One of {words}." if words else "")
    return f"| {names} | {meaning} | {default_text(parameter)} |"


def section(name: str) -> Iterator[str]:
    """Yield the lines of one command."""
    command = load_command(name)
    function = getattr(importlib.import_module(f"audiokit.cli.{name}"), name)
    hints = {
        word: parameter.annotation
        for word, parameter in inspect.signature(function).parameters.items()
    }
    arguments = [item for item in command.params if not item.opts[0].startswith("-")]
    options = [item for item in command.params if item.opts[0].startswith("-")]
    words = " ".join(
        (item.metavar or item.name.upper()) + ("..." if item.nargs == -1 else "")
        for item in arguments
    )
    yield f"\n## {name}\n"
    yield f"    audiokit {name} [OPTIONS] {words}".rstrip() + "\n"
    yield inspect.cleandoc(command.help or "") + "\n"
    for item in arguments:
        yield f"- `{item.metavar or item.name.upper()}`: {item.help}"
    yield "\n| option | meaning | default |\n|---|---|---|"
    for item in options:
        yield option_row(item, hints.get(item.name))
    examples = getattr(importlib.import_module(f"audiokit.cli.{name}"), "EXAMPLES", ())
    if examples:
        lines = "\n".join(f"$ {example}" for example in examples)
        yield f"\n```console\n{lines}\n```"


def page() -> str:
    """Return the whole page."""
    index = "".join(f"| [{name}](#{name}) | {line} |\n" for name, line in COMMANDS.items())
    return HEAD + index + "\n".join(line for name in COMMANDS for line in section(name)) + "\n"


def main() -> None:
    """Write the page, or say whether it is stale."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true")
    text = page()
    if not parser.parse_args().check:
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text:
        sys.exit(f"{PAGE.name} is stale. Run: python docs/make_cli_reference.py")


if __name__ == "__main__":
    main()
