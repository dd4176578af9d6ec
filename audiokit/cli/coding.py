"""How `encode` and `decode` run: one file, a pipe, or folders of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiokit.cli.console import emit_rows, say
from audiokit.cli.one import is_folder
from audiokit.cli.options import BatchOptions, OutputOptions
from audiokit.cli.run import batch_settings, found_sources, run_folder
from audiokit.cli.tables import columns_of
from audiokit.errors import AudiokitError, ItemError, SettingError

if TYPE_CHECKING:
    from audiokit.jobs.coding import CodingJob

__all__ = ["Coding", "limits_of", "raw_of", "run_coding"]

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Coding:
    """What a command does to each file.

    Args:
        command: Its name.
        job: Does it.
        extension: Of the results in a folder.
        is_name: Returns whether a target is meant as one file.
        libopus: The version of the library that does it; another one does it anew.
    """

    command: str
    job: CodingJob
    extension: str
    is_name: Callable[[str], bool]
    libopus: str


def limits_of(batch: BatchOptions) -> Any:
    """Return what each recording must keep to."""
    from audiokit.jobs.task import Limits

    return Limits(batch.min_duration_s, batch.max_duration_s)


def raw_of(batch: BatchOptions) -> Any:
    """Return the format of headerless sources, if one was given."""
    from audiokit.files.raw import parse_raw_format

    return parse_raw_format(batch.raw_format) if batch.raw_format else None


def run_coding(
    sources: Sequence[str], out: str, coding: Coding, *, batch: BatchOptions, output: OutputOptions
) -> None:
    """Run sources through a job and report.

    Args:
        sources: As the user gave them.
        out: Folder, file, or ``-`` for stdout.
        coding: What to do.
        batch: How the run goes.
        output: How it reports.

    Raises:
        AudiokitError: As documented for each exit code.
    """
    if out == "":
        raise SettingError("out", out, "a folder, a file or -")
    is_name = out != "-" and not is_folder(out) and coding.is_name(out)
    is_alone = len(sources) == 1 and (is_name and Path(sources[0]).is_file())
    if list(sources) == ["-"] or out == "-" or is_alone:
        _run_one(sources, out, coding, batch, output)
        return
    if is_name:
        # Where nothing is found, that is the fault to tell.
        next(found_sources(sources, batch, None), None)
        raise SettingError("out", out, "a folder for more than one source")
    _run_many(sources, Path(out), coding, batch, output)


def _run_one(
    sources: Sequence[str], out: str, coding: Coding, batch: BatchOptions, output: OutputOptions
) -> None:
    """Run one file or stream to one file or stream."""
    import tempfile

    from audiokit.files.atomic import remove_parts
    from audiokit.jobs.task import ProcessTask

    _check_one(sources, out, coding, batch)
    schema = f"audiokit.{coding.command}/1"
    if batch.dry_run:
        emit_rows([{"source": sources[0], "audio": out}], output, schema=schema)
        return
    if out != "-":
        remove_parts(Path(out))
    name = "stdin" if sources[0] == "-" else sources[0]
    failure: AudiokitError | None = None
    row: Row = {"source": name, "status": "ok", "error": None, "error_type": None}
    with tempfile.TemporaryDirectory(prefix="audiokit-") as scratch:
        task = ProcessTask(
            sys.stdin.buffer if sources[0] == "-" else sources[0],
            {"audio": sys.stdout.buffer if out == "-" else Path(out)},
            name=name,
            scratch=Path(scratch),
            raw=raw_of(batch),
        )
        try:
            row |= coding.job.run(task) | {"audio": out}
        except ItemError as error:
            failure = error
        except SettingError as error:
            # The settings by themselves are in order: it is this recording that they misfit.
            about = f"{name}: {error.name}"
            failure = SettingError(about, error.value, error.expected, error.hint)
    if failure is not None:
        row |= {"status": "failed", "error": str(failure), "error_type": type(failure).__name__}
    if output.kind is not None and out != "-":
        emit_rows([row], output, schema=schema, columns=columns_of(coding.command))
    if failure is not None:
        raise failure
    for warning in row["warnings"]:
        say(f"{name}: {warning}", output)
    say(_sentence(out, row), output)


def _check_one(sources: Sequence[str], out: str, coding: Coding, batch: BatchOptions) -> None:
    """Refuse what one stream cannot do, and targets that would harm a file."""
    if len(sources) != 1:
        raise SettingError("out", out, "a folder for more than one source")
    if out == "-":
        return
    if not coding.is_name(out):
        raise SettingError("out", out, "a file name or - when the source is -")
    target = Path(out)
    if not target.exists():
        return
    if sources[0] != "-" and target.samefile(sources[0]):
        raise SettingError("out", out, "another file than the source")
    if not batch.overwrite:
        raise SettingError("out", out, "a new file", "Add --overwrite to replace it.")


def _run_many(
    sources: Sequence[str], out: Path, coding: Coding, batch: BatchOptions, output: OutputOptions
) -> None:
    """Run files and folders into a folder."""
    from audiokit import __version__
    from audiokit.batch.folder import FolderRun

    job = replace(coding.job, out=out)
    run = FolderRun(
        found_sources(sources, batch, out),
        job,
        out=out,
        kinds={"audio": ("", coding.extension)},
        # Settings are frozen: their text tells them apart.
        fingerprint=f"{coding.command}:{__version__}:{coding.libopus}:{coding.job!r}",
        settings=batch_settings(batch),
    )
    run_folder(run, command=coding.command, batch=batch, output=output)


def _sentence(out: str, row: Row) -> str:
    """Return what became of one recording."""
    parts = [f"{row['duration_s']:.2f} s", f"{row['bitrate_bps'] / 1000:.1f} kbit/s"]
    if row["n_packets"] is not None:
        parts.append(f"{row['n_packets']} packets")
    if row.get("lost_s"):
        parts.append(f"{row['lost_s']:.2f} s lost")
    return f"{'stdout' if out == '-' else out}: {', '.join(parts)}."
