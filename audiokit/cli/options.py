"""Options that commands share, declared once.

A command names a whole group in its signature (``output: OutputOptions``); `command`
unfolds the group into single options for Typer and folds the values again.
"""

from __future__ import annotations

import _thread
import dataclasses
import errno
import functools
import inspect
import logging
import os
import sys
import threading
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from audiokit.errors import AudiokitError, InterruptedRunError

__all__ = [
    "BatchOptions",
    "GateOptions",
    "OutputOptions",
    "PairOptions",
    "RowOptions",
    "Sources",
    "TableOptions",
    "command",
    "discard_stdout",
]

Sources = Annotated[
    list[str],
    typer.Argument(
        help="Files, folders, quoted globs, URLs, @list.txt, or - for audio on stdin.",
        show_default=False,
    ),
]
_BATCH, _OUTPUT, _GATES = "Running", "Reporting", "Gates"


def _option(*names: str, panel: str, help_text: str, **more: Any) -> Any:
    return typer.Option(*names, rich_help_panel=panel, help=help_text, **more)


@dataclasses.dataclass(frozen=True, slots=True)
class OutputOptions:
    """How a command reports: data on stdout, talk on stderr."""

    json: Annotated[
        bool, _option("--json", panel=_OUTPUT, help_text="Print the rows as JSON on stdout.")
    ] = False
    quiet: Annotated[
        bool, _option("--quiet", "-q", panel=_OUTPUT, help_text="Only errors on stderr.")
    ] = False
    verbose: Annotated[
        int, _option("--verbose", "-v", panel=_OUTPUT, help_text="Say more; -vv all.", count=True)
    ] = 0
    debug: Annotated[bool, _option("--debug", panel=_OUTPUT, help_text="Show tracebacks.")] = False

    @property
    def kind(self) -> str | None:
        """The format asked for, if any."""
        return "json" if self.json else None


@dataclasses.dataclass(frozen=True, slots=True)
class RowOptions(OutputOptions):
    """How a command reports whose rows come in any format."""

    format: Annotated[
        Literal["table", "json", "jsonl", "csv"] | None,
        _option("--format", panel=_OUTPUT, help_text="How to print the rows on stdout."),
    ] = None

    @property
    def kind(self) -> str | None:
        """The format asked for, if any."""
        return "json" if self.json else self.format


@dataclasses.dataclass(frozen=True, slots=True)
class TableOptions(RowOptions):
    """How a command reports whose rows are sorted, and may go to a file."""

    format: Annotated[
        Literal["table", "json", "jsonl", "csv", "parquet"] | None,
        _option("--format", panel=_OUTPUT, help_text="How to write the rows; parquet needs -o."),
    ] = None  # type: ignore[assignment]  # one more choice than the parent's
    out: Annotated[
        str | None,
        _option(
            *("--out", "-o"),
            panel=_OUTPUT,
            help_text="File for the rows instead of stdout; its ending tells the format.",
        ),
    ] = None
    sort: Annotated[
        str | None,
        _option(
            "--sort", panel=_OUTPUT, help_text="Lowest first by a column; highest by -column."
        ),
    ] = None
    top: Annotated[
        int | None,
        _option("--top", panel=_OUTPUT, help_text="Only the N highest, best first.", min=1),
    ] = None
    bottom: Annotated[
        int | None,
        _option("--bottom", panel=_OUTPUT, help_text="Only the N lowest, worst first.", min=1),
    ] = None


@dataclasses.dataclass(frozen=True, slots=True)
class GateOptions:
    """What every row must reach; where one does not, the exit code is 4."""

    fail_under: Annotated[
        str | None,
        _option(
            "--fail-under",
            panel=_GATES,
            help_text="Fail where a value is lower, as overall=60,snr_db=15.",
        ),
    ] = None
    fail_over: Annotated[
        str | None,
        _option(
            "--fail-over",
            panel=_GATES,
            help_text="Fail where a value is higher, as clipping_ratio=0.001.",
        ),
    ] = None
    baseline: Annotated[
        Path | None,
        _option("--baseline", panel=_GATES, help_text="Rows of an earlier run, as JSON."),
    ] = None
    max_drop: Annotated[
        str | None,
        _option(
            "--max-drop",
            panel=_GATES,
            help_text="Fail where a value fell further below the baseline: 2, or snr_db=3.",
        ),
    ] = None
    allow_missing: Annotated[
        bool,
        _option("--allow-missing", panel=_GATES, help_text="A value that is not there may pass."),
    ] = False
    junit: Annotated[
        Path | None,
        _option("--junit", panel=_GATES, help_text="Write the verdicts as JUnit XML."),
    ] = None
    annotations: Annotated[
        Literal["github"] | None,
        _option("--annotations", panel=_GATES, help_text="Say failures as workflow commands."),
    ] = None


@dataclasses.dataclass(frozen=True, slots=True)
class BatchOptions:
    """How a run over many files goes."""

    jobs: Annotated[
        int,
        _option("--jobs", "-j", panel=_BATCH, help_text="Worker processes; 0: one a core.", min=0),
    ] = 0
    backend: Annotated[
        Literal["loky", "threading"],
        _option("--backend", panel=_BATCH, help_text="Processes (loky) or threads."),
    ] = "loky"
    timeout_s: Annotated[
        float,
        _option(
            "--timeout-s",
            panel=_BATCH,
            help_text="Seconds a file of a folder may take; 0: no end.",
            min=0,
        ),
    ] = 3600.0
    memory_mb: Annotated[
        int,
        _option(
            "--memory-mb",
            panel=_BATCH,
            help_text="Megabytes a file of a folder may take; 0: no cap.",
            min=0,
        ),
    ] = 2000
    retries: Annotated[
        int,
        _option(
            "--retries", panel=_BATCH, help_text="Further tries after a passing fault.", min=0
        ),
    ] = 1
    min_duration_s: Annotated[
        float, _option("--min-duration-s", panel=_BATCH, help_text="Shorter files fail.", min=0)
    ] = 0.0
    max_duration_s: Annotated[
        float, _option("--max-duration-s", panel=_BATCH, help_text="Longer files fail.", min=0)
    ] = 86400.0
    include: Annotated[
        list[str] | None,
        _option("--include", panel=_BATCH, help_text="Only names like this, as '*.wav'."),
    ] = None
    raw_format: Annotated[
        str | None,
        _option(
            "--raw-format", panel=_BATCH, help_text="Format of headerless files: s16le:16000:1."
        ),
    ] = None
    dry_run: Annotated[
        bool, _option("--dry-run", panel=_BATCH, help_text="Say what would be done; do nothing.")
    ] = False
    fail_fast: Annotated[
        bool, _option("--fail-fast", panel=_BATCH, help_text="Stop at the first failure.")
    ] = False
    overwrite: Annotated[
        bool, _option("--overwrite", panel=_BATCH, help_text="Do again what is done.")
    ] = False


@dataclasses.dataclass(frozen=True, slots=True)
class PairOptions(BatchOptions):
    """How a run goes that holds its recordings in memory whole."""

    max_duration_s: Annotated[
        float, _option("--max-duration-s", panel=_BATCH, help_text="Longer files fail.", min=0)
    ] = 600.0


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Make a function a command: unfold option groups, turn errors into exit codes."""
    hints = {
        name: _without_added_none(hint)
        for name, hint in typing.get_type_hints(function, include_extras=True).items()
    }
    signature = inspect.signature(function)
    groups: dict[str, type[Any]] = {
        name: hint
        for name, hint in hints.items()
        if isinstance(hint, type) and dataclasses.is_dataclass(hint)
    }
    parameters = []
    for name, parameter in signature.parameters.items():
        if name in groups:
            parameters += _unfolded(groups[name])
        else:
            parameters.append(
                parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
            )

    @functools.wraps(function)
    def call(**values: Any) -> None:
        folded = {
            name: kind(**{f.name: values.pop(f.name) for f in dataclasses.fields(kind)})
            for name, kind in groups.items()
        }
        output = next(item for item in folded.values() if isinstance(item, OutputOptions))
        _configure_logging(output)
        _run_to_exit_code(functools.partial(function, **values, **folded), debug=output.debug)

    call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # Typer reads it
    call.__annotations__ = {item.name: item.annotation for item in parameters}
    return call


def _without_added_none(hint: Any) -> Any:
    """Return a hint as written: Python 3.10 wraps those of parameters that default to None."""
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is typing.Union and typing.get_origin(arguments[0]) is Annotated:
        return arguments[0]
    return hint


def _unfolded(kind: type[Any]) -> list[inspect.Parameter]:
    hints = typing.get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=hints[field.name],
        )
        for field in dataclasses.fields(kind)
    ]


def _run_to_exit_code(call: Callable[[], None], *, debug: bool) -> None:
    sys.unraisablehook = lost = _LostInterrupts()
    try:
        call()
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stderr.write("audiokit: interrupted.\n")
        raise typer.Exit(InterruptedRunError.exit_code) from None
    except BrokenPipeError:
        discard_stdout()
        raise typer.Exit from None
    except OSError as error:
        if debug or error.errno != errno.ENOSPC:
            raise
        # Whoever writes a file says which; what is left is what the shell opened.
        sys.stderr.write("audiokit: stdout: no space is left on the device. Free some.\n")
        discard_stdout()
        raise typer.Exit(1) from None
    except AudiokitError as error:
        if lost.any:
            sys.stderr.write("audiokit: interrupted.\n")
            raise typer.Exit(InterruptedRunError.exit_code) from None
        if debug:
            raise
        sys.stderr.write(f"audiokit: {error}\n")
        raise typer.Exit(error.exit_code) from None


def discard_stdout() -> None:
    """Let go of a stdout that takes no more: Python must not complain again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _LostInterrupts:
    """Repeats a Ctrl-C that fell into a callback from C, which would be the end of it.

    Attributes:
        any: Whether one did: what failed since, failed because of it.
    """

    any = False

    def __call__(self, unraisable: sys.UnraisableHookArgs) -> None:
        """Take what Python could not raise: a `sys.unraisablehook`."""
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            sys.__unraisablehook__(unraisable)
            return
        self.any = True
        # Not at once: the callback is still running.
        threading.Timer(0.02, _thread.interrupt_main).start()


def _configure_logging(output: OutputOptions) -> None:
    level = logging.ERROR if output.quiet else logging.WARNING - 10 * output.verbose
    logging.basicConfig(level=max(level, logging.DEBUG), format="audiokit: %(message)s")
