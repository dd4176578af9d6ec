"""One file or stream to one file or stream, without a manifest."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from audiokit.cli.console import emit_rows, say
from audiokit.cli.options import BatchOptions, OutputOptions
from audiokit.cli.tables import columns_of
from audiokit.errors import ItemError, SettingError
from audiokit.files.extensions import looks_like_audio

if TYPE_CHECKING:
    from audiokit.recipe import Recipe

__all__ = ["is_file_name", "is_one_file", "run_one"]

Row = dict[str, Any]
_REASONS = {
    "ceiling": "stopped at the peak ceiling",
    "max_gain": "stopped at --max-gain-db",
    "not_reached": "the target was not reached",
    "no_speech": "left as it is: no speech was found",
    "silence": "left as it is: silence",
    "ungated": "measured without gates: shorter than 400 ms",
}


def is_file_name(out: str) -> bool:
    """Return whether a target is meant as a file, not as a folder."""
    return looks_like_audio(out) and not Path(out).is_dir()


def is_one_file(sources: Sequence[str], out: str | None) -> bool:
    """Return whether one file was named for one file."""
    return (
        out is not None and len(sources) == 1 and is_file_name(out) and Path(sources[0]).is_file()
    )


def run_one(
    sources: Sequence[str],
    recipe: Recipe,
    *,
    out: str | None,
    command: str,
    batch: BatchOptions,
    output: OutputOptions,
) -> None:
    """Run one stream or file to one stream or file, without a manifest.

    Args:
        sources: The one source.
        recipe: What to do.
        out: Audio file, ``-`` for stdout, or None to report only.
        command: The command's name.
        batch: How the run goes.
        output: How it reports.

    Raises:
        ItemError: The recording or the machine is at fault.
        SettingError: The target is not one that can be written, or not to be replaced.
    """
    import tempfile

    from audiokit.files.hash import content_hash
    from audiokit.files.raw import parse_raw_format
    from audiokit.jobs.process import Limits, ProcessTask, process_file

    _check_one(sources, recipe, out, batch)
    page = _page(recipe, out)
    if batch.dry_run:
        rows = [{"source": sources[0], "audio": out, **page}]
        emit_rows(rows, output, schema=f"audiokit.{command}/1")
        return
    target = _target(out)
    source: str | BinaryIO = sys.stdin.buffer if sources[0] == "-" else sources[0]
    with tempfile.TemporaryDirectory(prefix="audiokit-") as scratch:
        task = ProcessTask(
            source,
            ({} if target is None else {"audio": target}) | _targets(page),
            name="stdin" if sources[0] == "-" else sources[0],
            scratch=Path(scratch),
            raw=parse_raw_format(batch.raw_format) if batch.raw_format else None,
        )
        limits = Limits(batch.min_duration_s, batch.max_duration_s)
        row: Row = {"source": task.name, "status": "ok", "error": None, "error_type": None}
        failure: ItemError | SettingError | None = None
        try:
            if output.kind is not None:
                row["hash"] = content_hash(source)
            row |= process_file(task, recipe, limits) | page
        except ItemError as error:
            failure = error
            row |= {"status": "failed", "error": str(error), "error_type": type(error).__name__}
        except SettingError as error:
            # The settings by themselves are in order: it is this recording that they misfit.
            name = f"{task.name}: {error.name}"
            failure = SettingError(name, error.value, error.expected, error.hint)
            row |= {"status": "failed", "error": str(failure), "error_type": "SettingError"}
    if (out is None and failure is None) or (output.kind is not None and out != "-"):
        columns = columns_of(command)
        emit_rows([row], output, schema=f"audiokit.{command}/1", columns=columns)
    if failure is not None:
        raise failure
    for warning in row["warnings"]:
        say(f"{task.name}: {warning}", output)
    if out is not None:
        say(_sentence(out, row), output)


def _page(recipe: Recipe, out: str | None) -> Row:
    """Return the name of the page that tells of the audio, beside it; empty where none is due."""
    is_due = "report" in recipe.writes and out is not None
    return {"report": str(Path(out or "").with_suffix(".html"))} if is_due else {}


def _targets(page: Row) -> dict[str, Path]:
    from audiokit.files.atomic import remove_parts

    targets = {kind: Path(name) for kind, name in page.items()}
    for target in targets.values():
        remove_parts(target)
    return targets


def _target(out: str | None) -> Path | BinaryIO | None:
    """Return where the audio goes; what a killed run had begun there is removed."""
    from audiokit.files.atomic import remove_parts

    if out is None:
        return None
    if out == "-":
        return sys.stdout.buffer
    remove_parts(Path(out))
    return Path(out)


def _sentence(out: str, row: Row) -> str:
    """Return what became of one recording."""
    duration_s = row["duration_s"]
    parts = [f"{duration_s:.1f} s" if duration_s >= 1.0 else f"{duration_s:.3f} s"]
    for name, unit in (
        ("out_loudness_lufs", "LUFS"),
        ("out_active_level_dbov", "dBov active"),
        ("out_true_peak_dbtp", "dBTP"),
        ("denoise_mean_reduction_db", "dB mean reduction"),
        ("denoise_learnt_mean_reduction_db", "dB mean reduction"),
    ):
        if row.get(name) is not None:
            parts.append(f"{row[name]:.1f} {unit}")
    said = f"{'stdout' if out == '-' else out}: {', '.join(parts)}"
    for use in ("loudness", "active_level", "rms", "peak", "album"):
        if f"{use}_mode" in row:
            said += f"; {_how(row, use)}"
    if "report" in row:
        said += f"; hear and see both in {row['report']}"
    return f"{said}."


def _how(row: Row, use: str) -> str:
    """Return how a level was reached, and what stood in the way."""
    parts = [f"gain {row[f'{use}_gain_db']:+.1f} dB"]
    if row[f"{use}_mode"] == "limited":
        parts.append(f"peaks limited by up to {row[f'{use}_max_reduction_db']:.1f} dB")
    reason = row[f"{use}_reason"]
    return ", ".join([*parts, *([_REASONS[reason]] if reason else [])])


def _check_one(
    sources: Sequence[str], recipe: Recipe, out: str | None, batch: BatchOptions
) -> None:
    """Refuse what one stream cannot do, and targets that would harm a file."""
    if len(sources) != 1:
        raise SettingError("out", out, "a folder for more than one source")
    if "report" in recipe.writes and out in (None, "-"):
        raise SettingError("out", out, "a file or a folder with --report")
    if out is None or out == "-":
        return
    if "audio" not in recipe.writes:
        raise SettingError("out", out, "none for a stream on stdin", "Use --json.")
    _check_target(sources[0], out, batch)
    for name in _page(recipe, out).values():
        if Path(name).exists() and not batch.overwrite:
            raise SettingError("report", name, "a new file", "Add --overwrite to replace it.")


def _check_target(source: str, out: str, batch: BatchOptions) -> None:
    """Refuse an audio file that cannot be written, or that would be harmed."""
    from audiokit.files.write import container_of

    target = Path(out)
    if source == "-" and not target.suffix:
        raise SettingError("out", out, "a file name or - when the source is -")
    container_of(target)
    if target.exists():
        if source != "-" and target.samefile(source):
            raise SettingError("out", out, "another file than the source")
        if not batch.overwrite:
            raise SettingError("out", out, "a new file", "Add --overwrite to replace it.")
