"""``audiokit echo``: take the far end's echo out of a microphone."""

from __future__ import annotations

import glob
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from audiokit.cli.console import emit_rows, say
from audiokit.cli.one import is_file_name, is_one_file
from audiokit.cli.options import BatchOptions, RowOptions, Sources, command
from audiokit.cli.run import Container, audio_tables, batch_settings, found_sources, run_folder
from audiokit.errors import AudiokitError, ItemError, SettingError

if TYPE_CHECKING:
    from audiokit.files.find import Source
    from audiokit.jobs.cancel import Reference
    from audiokit.recipe import Recipe

EXAMPLES = (
    "audiokit echo mic.wav --reference far.wav -o clean.wav",
    "audiokit echo mics/ --reference fars/ -o clean/",
    "audiokit echo mics/ --reference 'fars/{stem}_ref.flac' -o clean/",
    "audiokit echo call.wav --reference channel:1 -o clean.wav --json",
    "audiokit echo - --reference far.wav -o - < mic.wav > clean.wav",
)
Row = dict[str, Any]
_COLUMNS = ("source", "status", "duration_s", "state", "delay_ms", "erle_db", "audio", "error")
_SCHEMA = "audiokit.echo/1"
# Source names that we can write as they are; any other becomes WAV.
_WRITTEN = {
    ".wav": "wav", ".flac": "flac", ".ogg": "ogg", ".oga": "ogg", ".opus": "opus",
    ".mp3": "mp3", ".m4a": "m4a", ".mp4": "m4a",
}  # fmt: skip


@command
def echo(
    sources: Sources,
    reference: Annotated[
        str,
        typer.Option(
            help="What the loudspeaker played: a file, - for stdin, a folder of the same names, "
            "a pattern with {stem}, or channel:N of the microphone's file, counted from 0."
        ),
    ],
    out: Annotated[str, typer.Option("--out", "-o", help="Folder, file, or - for stdout.")],
    engine: Annotated[
        Literal["audiokit", "nlms", "speex"], typer.Option(help="Who does the work.")
    ] = "audiokit",
    container: Container = None,
    *,
    batch: BatchOptions,
    output: RowOptions,
) -> None:
    """Take the far end's echo out of a microphone.

    Needs both recordings of a call: the microphone's, and what the loudspeaker played
    meanwhile. Where no echo is found, the microphone stays as it is, and the row says so.
    """
    from audiokit.recipe import make_recipe

    recipe = make_recipe("echo", {"stage": [], "write": audio_tables(container, out)})
    recipe.check()
    if out == "":
        raise SettingError("out", out, "a folder, a file or -")
    if list(sources) == ["-"] or out == "-" or is_one_file(sources, out):
        _run_one(sources, reference, recipe, out, engine, batch, output)
        return
    if is_file_name(out):
        raise SettingError("out", out, "a folder for more than one source")
    _run_many(sources, reference, recipe, Path(out), engine, batch, output)


def _run_one(
    sources: Sequence[str],
    reference: str,
    recipe: Recipe,
    out: str,
    engine: str,
    batch: BatchOptions,
    output: RowOptions,
) -> None:
    """Run one pair to one file or stream."""
    import tempfile

    from audiokit.files.raw import parse_raw_format
    from audiokit.jobs.cancel import cancel_file
    from audiokit.jobs.task import Limits, ProcessTask

    _check_one(sources, reference, out, batch)
    if batch.dry_run:
        row: Row = {"source": sources[0], "reference": reference, "audio": out}
        emit_rows([row], output, schema=_SCHEMA)
        return
    name = "stdin" if sources[0] == "-" else sources[0]
    failure: AudiokitError | None = None
    row = {"source": name, "status": "ok", "error": None, "error_type": None}
    with tempfile.TemporaryDirectory(prefix="audiokit-") as scratch:
        task = ProcessTask(
            sys.stdin.buffer if sources[0] == "-" else sources[0],
            {"audio": sys.stdout.buffer if out == "-" else Path(out)},
            name=name,
            scratch=Path(scratch),
            raw=parse_raw_format(batch.raw_format) if batch.raw_format else None,
        )
        limits = Limits(batch.min_duration_s, batch.max_duration_s)
        far = _reference(reference, batch)
        try:
            row |= cancel_file(task, far, engine=engine, recipe=recipe, limits=limits)
        except (ItemError, SettingError) as error:
            failure = error
            row |= {"status": "failed", "error": str(error), "error_type": type(error).__name__}
    if output.kind is not None and out != "-":
        emit_rows([row], output, schema=_SCHEMA, columns=_COLUMNS)
    if failure is not None:
        raise failure
    for warning in row["warnings"]:
        say(f"{name}: {warning}", output)
    say(_sentence(out, row), output)


def _reference(reference: str, batch: BatchOptions) -> Reference:
    from audiokit.files.raw import parse_raw_format
    from audiokit.jobs.cancel import Reference

    channel = _channel(reference)
    if channel is not None:
        return Reference(channel=channel)
    raw = parse_raw_format(batch.raw_format) if batch.raw_format else None
    return Reference(sys.stdin.buffer if reference == "-" else reference, raw=raw)


def _channel(reference: str) -> int | None:
    """Return the channel that a reference names, if it names one."""
    kind, colon, number = reference.partition(":")
    if kind != "channel" or not colon:
        return None
    if not (number.isascii() and number.isdigit()):
        raise SettingError("reference", reference, "channel:N, counted from 0")
    return int(number)


def _check_one(sources: Sequence[str], reference: str, out: str, batch: BatchOptions) -> None:
    """Refuse what one stream cannot do, and targets that would harm a file."""
    from audiokit.files.write import container_of

    if len(sources) != 1:
        raise SettingError("out", out, "a folder for more than one source")
    if sources[0] == "-" and reference == "-":
        raise SettingError("reference", "-", "a file when the microphone comes on stdin")
    if "{stem}" in reference or (reference != "-" and Path(reference).is_dir()):
        raise SettingError("reference", reference, "a file for one source")
    if out == "-":
        return
    target = Path(out)
    if sources[0] == "-" and not target.suffix:
        raise SettingError("out", out, "a file name or - when the source is -")
    container_of(target)
    if not target.exists():
        return
    for source in (sources[0], reference):
        if Path(source).exists() and target.samefile(source):
            raise SettingError("out", out, "another file than the source")
    if not batch.overwrite:
        raise SettingError("out", out, "a new file", "Add --overwrite to replace it.")


def _sentence(out: str, row: Row) -> str:
    """Return what became of one recording."""
    parts = [f"{row['duration_s']:.1f} s", row["state"].replace("_", " ")]
    if row["delay_ms"] is not None:
        parts.append(f"delay {row['delay_ms']:.1f} ms")
    if row["erle_db"] is not None:
        parts.append(f"echo {row['erle_db']:.1f} dB lower")
    return f"{'stdout' if out == '-' else out}: {', '.join(parts)}."


def _run_many(
    sources: Sequence[str],
    reference: str,
    recipe: Recipe,
    out: Path,
    engine: str,
    batch: BatchOptions,
    output: RowOptions,
) -> None:
    """Run a folder of microphones."""
    from audiokit import __version__
    from audiokit.batch.folder import FolderRun
    from audiokit.files.raw import parse_raw_format
    from audiokit.jobs.cancel import CancelJob
    from audiokit.jobs.task import Limits

    if reference == "-":
        raise SettingError("sources", "-", "files and folders", "- is read alone, not by this.")
    found = list(found_sources(sources, batch, out))
    references = {source.path: _reference_of(source, reference) for source in found}
    # Where both lie in one folder, a far end is no microphone.
    taken = {str(Path(far).resolve()) for far in references.values() if isinstance(far, str)}
    found = [source for source in found if str(Path(source.path).resolve()) not in taken]
    job = CancelJob(
        engine,
        recipe,
        Limits(batch.min_duration_s, batch.max_duration_s),
        out=out,
        references={source.path: references[source.path] for source in found},
        raw=parse_raw_format(batch.raw_format) if batch.raw_format else None,
    )
    stamps = hashlib.sha256(repr(sorted(map(_stamp, job.references.values()))).encode())
    run = FolderRun(
        found,
        job,
        out=out,
        kinds={"audio": ("", _extension(recipe))},
        fingerprint=f"echo:{engine}:{__version__}:{recipe.fingerprint()}:{stamps.hexdigest()}",
        settings=batch_settings(batch),
    )
    run_folder(run, command="echo", batch=batch, output=output, columns=_COLUMNS)


def _extension(recipe: Recipe) -> Any:
    """Return the results' extension: what the user named, else the source's where we write it."""
    given = recipe.writes["audio"]["container"]
    if given.origin != "default":
        return given.value
    return lambda suffix: _WRITTEN.get(suffix.lower(), "wav")


def _reference_of(source: Source, reference: str) -> str | int:
    """Return the far end of one microphone: a path, or a channel of its own file."""
    channel = _channel(reference)
    if channel is not None:
        return channel
    if "{stem}" in reference:
        return reference.replace("{stem}", str(source.relative.with_suffix("")))
    folder = Path(reference)
    if not folder.is_dir():
        if Path(source.path).is_file() and folder.is_file():
            return reference
        expected = "a folder, a pattern with {stem} or channel:N for more than one source"
        raise SettingError("reference", reference, expected)
    exact = folder / source.relative
    if exact.is_file():
        return str(exact)
    alike = sorted(exact.parent.glob(f"{glob.escape(exact.stem)}.*"))
    return str(alike[0]) if alike else str(exact)


def _stamp(reference: str | int) -> tuple[str, int, int]:
    """Return what changes when a reference does, so that its microphone is done again."""
    if isinstance(reference, int):
        return (f"channel:{reference}", 0, 0)
    path = Path(reference)
    if not path.is_file():
        return (reference, 0, 0)
    status = path.stat()
    return (reference, status.st_size, status.st_mtime_ns)
