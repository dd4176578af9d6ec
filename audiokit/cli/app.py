"""The ``audiokit`` program: its commands, loaded when they are called.

Typing ``audiokit --help`` imports none of them, so it answers at once whatever they
need.
"""

from __future__ import annotations

import importlib
import inspect
import io
import os
import sys
from types import TracebackType
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from audiokit import __version__
from audiokit.errors import AudiokitError, SettingError

__all__ = ["COMMANDS", "app", "configured_defaults", "load_command", "run"]

COMMANDS = {
    "process": "Turn a folder of recordings into a dataset of clean speech.",
    "normalize": "Bring files to a loudness, a speech level, a peak or an RMS level.",
    "convert": "Change container, sample rate, bit depth or channels.",
    "encode": "Encode speech: Opus in Ogg, or G.711 in WAV or bare.",
    "decode": "Decode Opus or G.711; what was lost is concealed.",
    "simulate": "Hear what speech sounds like behind a network, and measure it.",
    "denoise": "Take away noise, hum, wind, clicks, clipping and the room.",
    "echo": "Take the far end's echo out of a microphone.",
    "segment": "Find where people speak, and write labels.",
    "features": "Extract mel, MFCC, energy, spectral and other features.",
    "score": "Rate the quality of recordings, without a reference.",
    "compare": "Measure recordings against their references.",
    "info": "Show what files are: format, duration, tags, loudness.",
    "report": "Make a page about a folder: scores, the worst, before and after.",
    "devices": "List microphones and loudspeakers.",
    "record": "Record a microphone to a file, whatever becomes of it.",
    "stream": "Send a microphone to a server, whatever the network does.",
    "listen": "Receive what `stream` sends, and write it to WAV files.",
    "latency": "Measure the delay of devices, codec and network.",
    "recipes": "List the recipes, or show one.",
    "doctor": "Show which libraries and extras were found, and what they can do.",
    "config": "Show every setting of a command and where it comes from.",
}
"""Every command, in the order of the help page, with its one line."""

_EPILOG = "Start with: audiokit process FOLDER -o OUT. Each command has its own --help."


def load_command(name: str) -> Any:
    """Import one command and return it ready for parsing."""
    module = importlib.import_module(f"audiokit.cli.{name}")
    function = getattr(module, name)
    single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    examples = "\n\n".join(["Examples:", *module.EXAMPLES])
    single.command(name, help=_unwrapped(function.__doc__), epilog=examples)(function)
    command: Any = typer.main.get_command(single)
    command.name = name
    for parameter in command.params:
        # Every flag has its variable, by one rule; `config` tells it once.
        if parameter.param_type_name == "option":
            parameter.show_envvar = False
    return command


def _unwrapped(text: str) -> str:
    """Return a docstring with each paragraph on one line: the terminal wraps it."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


class _LazyGroup(TyperGroup):
    """A group that knows its commands' names and lines, and imports what is called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  the parent's signature
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  likewise
        if cmd_name not in COMMANDS:
            return None
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name])

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str, Any, list[str]]:
        # The parent suggests near names from this table alone.
        self.commands = {name: self.get_command(ctx, name) for name in COMMANDS}
        name, _, rest = super().resolve_command(ctx, args)
        command = load_command(str(name))
        ctx.default_map = {name: configured_defaults(command)}
        return str(name), command, rest


def configured_defaults(command: Any) -> dict[str, Any]:
    """Return what ``audiokit.toml`` says for a command, by the names of its parameters.

    Raises:
        SettingError: A table or a key that no one knows.
    """
    from audiokit.settings import find_config, load_toml, suggestion

    path = find_config()
    tables = load_toml(path) if path else {}
    for name, table in tables.items():
        if name not in {*COMMANDS, "stage"}:
            raise SettingError(
                f"{path}: {name}", "a table", "a command", suggestion(name, COMMANDS)
            )
        if not isinstance(table, dict):
            raise SettingError(f"{path}: {name}", table, "a table")
    flags = {
        flag.removeprefix("--"): parameter.name
        for parameter in command.params
        for flag in parameter.opts
    }
    defaults = {}
    for key, value in tables.get(command.name, {}).items():
        flag = key.replace("_", "-")
        if flag not in flags:
            hint = suggestion(flag, flags)
            raise SettingError(f"{path}: {command.name}.{key}", value, "a flag", hint)
        defaults[flags[flag]] = value
    return defaults


app = typer.Typer(
    cls=_LazyGroup,
    no_args_is_help=True,
    rich_markup_mode=None,  # plain: rendering panels takes longer than all the rest
    pretty_exceptions_enable=False,
    epilog=_EPILOG,
    context_settings={"auto_envvar_prefix": "AUDIOKIT", "help_option_names": ["--help", "-h"]},
)


def _show_version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"audiokit {__version__}\n")
        raise typer.Exit


@app.callback()
def audiokit(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version.", callback=_show_version, show_envvar=False
        ),
    ] = False,
) -> None:
    """Speech audio from the command line: files, folders and streams."""
    del version


def run() -> None:
    """Run the program; every end has its documented exit code and at most one line."""
    sys.excepthook = _one_line
    _open_what_is_closed()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A file name need not be text; what is not is printed as an escape.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        # Not `app()`: that would put Typer's own hook in place of ours.
        typer.main.get_command(app)(prog_name="audiokit")
    except AudiokitError as error:
        sys.stderr.write(f"audiokit: {error}\n")
        sys.exit(error.exit_code)


def _open_what_is_closed() -> None:
    """Give a closed stdout or stderr (``>&-``) a sink; Python leaves None in its place.

    Else the next file that is opened would have its number, and take what is printed.
    """
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            sink = os.open(os.devnull, os.O_WRONLY)
            if sink != number:
                os.dup2(sink, number)
                os.close(sink)
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8"))


def _one_line(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Say an unforeseen error in one line; ``--debug`` shows the rest."""
    if issubclass(kind, KeyboardInterrupt):
        return
    if "--debug" in sys.argv:
        sys.__excepthook__(kind, error, traceback)
        return
    sys.stderr.write(
        f"audiokit: unexpected {kind.__name__}: {error}. "
        "This is a fault of audiokit; run again with --debug and report it.\n"
    )
