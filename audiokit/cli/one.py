"""One file or stream to one file or stream, without a manifest."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from audiokit.cli.console import emit_rows, say
from audiokit.cli.options import BatchOptions, OutputOptions
from audiokit.cli.results import beside_features
from audiokit.cli.tables import columns_of, details_of
from audiokit.errors import ItemError, SettingError
from audiokit.files.extensions import looks_like_audio
from audiokit.registry import SHOWN_SEGMENTS, kinds_by_suffix

if TYPE_CHECKING:
    from audiokit.recipe import Recipe

__all__ = ["is_file_name", "is_folder", "is_one_file", "run_one"]

Row = dict[str, Any]
_BESIDE = ("plot", "page", "cuts", "trim", "spectrogram")
_REASONS = {
    "ceiling": "stopped at the peak ceiling",
    "max_gain": "stopped at --max-gain-db",
    "not_reached": "the target was not reached",
    "no_speech": "left as it is: no speech was found",
    "silence": "left as it is: silence",
    "ungated": "measured without gates: shorter than 400 ms",
}


def is_file_name(out: str, recipe: Recipe | None = None) -> bool:
    """Return whether a target is meant as a file, not as a folder.

    Args:
        out: As the user gave it.
        recipe: Where it writes labels or features and no audio, their names are files' too.
    """
    if is_folder(out):
        return False
    is_other = recipe is not None and _main(recipe) != "audio" and _is_name_of(recipe, out)
    return is_other or looks_like_audio(out)


def is_folder(out: str) -> bool:
    """Return whether a target is a folder for results; a Zarr folder is a result itself."""
    return Path(out).is_dir() and not (Path(out) / "zarr.json").is_file()


def is_one_file(sources: Sequence[str], out: str | None, recipe: Recipe | None = None) -> bool:
    """Return whether one file was named for one file."""
    if out is None or len(sources) != 1:
        return False
    return is_file_name(out, recipe) and Path(sources[0]).is_file()


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
    main, beside = _main(recipe), _beside(recipe, out)
    if batch.dry_run:
        rows = [{"source": sources[0], main: out, **beside}]
        emit_rows(rows, output, schema=f"audiokit.{command}/1")
        return
    target = _target(out)
    is_live = main == "features" and sources[0] == "-" and out == "-"
    # Unbuffered, so that what has come is taken without waiting for more.
    stdin = cast("Any", sys.stdin.buffer).raw if is_live else sys.stdin.buffer
    source: str | BinaryIO = stdin if sources[0] == "-" else sources[0]
    with tempfile.TemporaryDirectory(prefix="audiokit-") as scratch:
        task = ProcessTask(
            source,
            ({} if target is None else {main: target}) | _targets(beside),
            name="stdin" if sources[0] == "-" else sources[0],
            scratch=Path(scratch),
            raw=parse_raw_format(batch.raw_format) if batch.raw_format else None,
            is_live=is_live,
        )
        limits = Limits(batch.min_duration_s, batch.max_duration_s)
        row: Row = {"source": task.name, "status": "ok", "error": None, "error_type": None}
        failure: ItemError | SettingError | None = None
        try:
            if output.kind is not None:
                row["hash"] = content_hash(source)
            row |= process_file(task, recipe, limits) | beside
        except ItemError as error:
            failure = error
            row |= {"status": "failed", "error": str(error), "error_type": type(error).__name__}
        except SettingError as error:
            # The settings by themselves are in order: it is this recording that they misfit.
            name = f"{task.name}: {error.name}"
            failure = SettingError(name, error.value, error.expected, error.hint)
            row |= {"status": "failed", "error": str(failure), "error_type": "SettingError"}
    if (out is None and failure is None) or (output.kind is not None and out != "-"):
        _emit(row, command, output)
    if failure is not None:
        raise failure
    for warning in row["warnings"]:
        say(f"{task.name}: {warning}", output)
    if out is not None or details_of(command) is not None:
        say(_sentence(out or task.name, row), output)


def _emit(row: Row, command: str, output: OutputOptions) -> None:
    """Print a row; for a person, what it lists line by line, where it lists something."""
    schema, details = f"audiokit.{command}/1", details_of(command)
    if output.kind is None and details is not None:
        emit_rows(row[details], output, schema=schema)
        return
    emit_rows([row], output, schema=schema, columns=columns_of(command))


def _main(recipe: Recipe) -> str:
    """Return what goes to the one target that was named."""
    others = [what for what in ("segments", "features") if what in recipe.writes]
    return others[0] if others and "audio" not in recipe.writes else "audio"


def _is_name_of(recipe: Recipe, out: str) -> bool:
    """Return whether a name ends as that of a label or feature file does."""
    return Path(out).suffix.removeprefix(".").lower() in kinds_by_suffix(_main(recipe))


def _beside(recipe: Recipe, out: str | None) -> Row:
    """Return the names of what lies beside the target: pages, a picture, a folder of cuts."""
    if out in (None, "-"):
        return {}
    endings = {"report": ".html"} if "report" in recipe.writes else {}
    if "trim" in recipe.writes:
        endings["trim"] = f".trim.{recipe.writes['trim']['container'].value}"
        endings["trim_map"] = ".trim.json"
    for what, extension in SHOWN_SEGMENTS.items():
        if what in recipe.writes and what != "trim":
            ending = f".{extension}" if extension else ""
            endings[what] = f".{what}{ending}" if ending in endings.values() else ending
    endings |= {what: f".{ending}" for what, ending in beside_features(recipe).items()}
    return {what: str(Path(out or "").with_suffix(ending)) for what, ending in endings.items()}


def _targets(beside: Row) -> dict[str, Path]:
    from audiokit.files.atomic import remove_parts

    targets = {kind: Path(name) for kind, name in beside.items()}
    for target in targets.values():
        remove_parts(target)
    return targets


def _target(out: str | None) -> Path | BinaryIO | None:
    """Return where the result goes; what a killed run had begun there is removed."""
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
    if "n_segments" in row:
        noun = "segment" if row["n_segments"] == 1 else "segments"
        parts.append(f"{row['n_segments']} {noun}, {row['speech_s']:.1f} s of speech")
    if "n_frames" in row:
        counted = "row" if "n_rows" in row else "frame"
        n_counted = row[f"n_{counted}s"]
        parts.append(f"{n_counted} {counted if n_counted == 1 else f'{counted}s'}")
    said = f"{'stdout' if out == '-' else out}: {', '.join(parts)}"
    for use in ("loudness", "active_level", "rms", "peak", "album"):
        if f"{use}_mode" in row:
            said += f"; {_how(row, use)}"
    if "report" in row:
        said += f"; hear and see both in {row['report']}"
    beside = [row[name] for name in _BESIDE if name in row]
    if beside:
        said += f"; beside it {', '.join(beside)}"
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
    if sources[0] == "-" and not Path(out).suffix:
        raise SettingError("out", out, "a file name or - when the source is -")
    _check_kind(recipe, out)
    _check_target(sources[0], out, batch)
    for what, name in _beside(recipe, out).items():
        if Path(name).exists() and not batch.overwrite:
            raise SettingError(what, name, "a new file", "Add --overwrite to replace it.")


def _check_kind(recipe: Recipe, out: str) -> None:
    """Refuse a target whose name ends like nothing that the recipe writes into one file."""
    from audiokit.files.write import container_of

    if (main := _main(recipe)) != "audio":
        if not _is_name_of(recipe, out):
            endings = ", ".join(f".{suffix}" for suffix in kinds_by_suffix(main))
            raise SettingError("out", out, f"-, or a name ending in {endings}")
        return
    if "audio" not in recipe.writes:
        raise SettingError("out", out, "none for a stream on stdin", "Use --json.")
    container_of(Path(out))


def _check_target(source: str, out: str, batch: BatchOptions) -> None:
    """Refuse a file that would be harmed."""
    target = Path(out)
    if target.exists():
        if source != "-" and target.samefile(source):
            raise SettingError("out", out, "another file than the source")
        if not batch.overwrite:
            raise SettingError("out", out, "a new file", "Add --overwrite to replace it.")
