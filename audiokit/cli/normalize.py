"""``audiokit normalize``: bring files to a level."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audiokit.cli.options import BatchOptions, RowOptions, Sources, command
from audiokit.cli.run import (
    Container,
    audio_tables,
    prepare_report,
    report_rows,
    run_folder,
    run_recipe,
)
from audiokit.errors import SettingError
from audiokit.settings import suggestion

if TYPE_CHECKING:
    from audiokit.recipe import Recipe

# Where a value may come from, the strongest first.
_RANKS = {"COMMANDLINE": 0, "ENVIRONMENT": 1, "DEFAULT_MAP": 2}

EXAMPLES = (
    "audiokit normalize takes/ -o level/",
    "audiokit normalize a.wav -o b.wav --target-lufs podcast",
    "audiokit normalize calls/ -o level/ --target-active-dbov -26",
    "audiokit normalize album/ -o level/ --together",
    "audiokit normalize takes/ --measure-only",
    "audiokit normalize - -o - < a.wav > b.wav",
)


@command
def normalize(
    context: typer.Context,
    sources: Sources,
    out: Annotated[
        str | None, typer.Option("--out", "-o", help="Folder, file, or - for stdout.")
    ] = None,
    target_lufs: Annotated[
        str,
        typer.Option(
            help="Integrated loudness in LUFS, or ebu (-23), asr (-20), podcast (-16), "
            "stream (-14).",
        ),
    ] = "ebu",
    target_active_dbov: Annotated[
        float | None, typer.Option(help="Set the active speech level (P.56) instead, in dBov.")
    ] = None,
    rms_dbfs: Annotated[
        float | None, typer.Option(help="Set the mean power instead, in dBFS.")
    ] = None,
    peak_dbfs: Annotated[
        float | None, typer.Option(help="Set the sample peak instead, in dBFS.")
    ] = None,
    ceiling_dbtp: Annotated[
        float, typer.Option(help="Highest true peak, in dBTP; not with --peak-dbfs.")
    ] = -1.0,
    limit: Annotated[
        bool,
        typer.Option(
            "--limit/--no-limit", help="Limit peaks above the ceiling, or stop the gain there."
        ),
    ] = True,
    max_gain_db: Annotated[
        float, typer.Option(help="Most that a quiet file is raised, in dB; not with --peak-dbfs.")
    ] = 40.0,
    together: Annotated[
        bool, typer.Option("--together", help="One gain for all files, as for an album.")
    ] = False,
    measure_only: Annotated[
        bool, typer.Option("--measure-only", help="Report levels and the gain; write nothing.")
    ] = False,
    container: Container = None,
    *,
    batch: BatchOptions,
    output: RowOptions,
) -> None:
    """Bring files to a loudness, a speech level, a peak or an RMS level.

    One gain for the whole file; a true-peak limiter only where the ceiling asks for it,
    and the row says so. The result is within 0.1 LU of the target.
    """
    stage = _level_stage(
        context,
        {
            "loudness": ("target_lufs", target_lufs),
            "active_level": ("target_active_dbov", target_active_dbov),
            "rms": ("rms_dbfs", rms_dbfs),
            "peak": ("peak_dbfs", peak_dbfs),
        },
    )
    held = {"ceiling_dbtp": ceiling_dbtp, "limit": limit, "max_gain_db": max_gain_db}
    if stage["use"] == "peak":
        _refuse_beside_peak(held)
    else:
        stage |= held
    if out is None and not measure_only:
        hint = "Or add --measure-only to write nothing."
        raise SettingError("out", out, "a folder, a file or -", hint)
    if measure_only and (out is not None or together):
        name, value = ("out", out) if out is not None else ("together", True)
        raise SettingError(name, value, "nothing of it beside --measure-only")
    recipe = _recipe([stage], audio_tables(container, out or ""))
    if measure_only:
        _measure(sources, recipe, batch, output)
        return
    if together and not batch.dry_run:
        recipe = _album_recipe(sources, recipe, out or "", batch, output)
    run_recipe(sources, recipe, out=out, command="normalize", batch=batch, output=output)


def _refuse_beside_peak(held: dict[str, Any]) -> None:
    """Refuse what has no meaning where the highest sample is the target."""
    for name, default in (("ceiling_dbtp", -1.0), ("limit", True), ("max_gain_db", 40.0)):
        if held[name] != default:
            raise SettingError(name, held[name], "nothing of it beside --peak-dbfs")


def _level_stage(context: typer.Context, targets: dict[str, tuple[str, Any]]) -> dict[str, Any]:
    """Return the stage of the one target that was given; the loudness of EBU R 128 if none.

    A flag beats the environment, and that beats audiokit.toml, another target's too.
    """
    ranked: dict[int, list[str]] = {}
    for use, (name, _) in targets.items():
        source = context.get_parameter_source(name)
        rank = _RANKS.get("" if source is None else source.name)
        if rank is not None:
            ranked.setdefault(rank, []).append(use)
    given = ranked[min(ranked)] if ranked else ["loudness"]
    if len(given) > 1:
        (name, value), (second, _) = (targets[use] for use in given[:2])
        flag = f"--{second.replace('_', '-')}"
        raise SettingError(name, value, f"no {flag} beside it", "Choose one.")
    name, value = targets[given[0]]
    return {"use": given[0], name: _lufs(value) if given[0] == "loudness" else value}


def _lufs(text: str) -> float:
    from audiokit.loudness.targets import TARGETS_LUFS

    if text in TARGETS_LUFS:
        return TARGETS_LUFS[text]
    try:
        return float(text)
    except ValueError as error:
        expected = f"a number, or one of {', '.join(TARGETS_LUFS)}"
        hint = suggestion(text, TARGETS_LUFS)
        raise SettingError("target_lufs", text, expected, hint) from error


def _recipe(stages: list[dict[str, Any]], writes: dict[str, Any]) -> Recipe:
    from audiokit.recipe import make_recipe

    recipe = make_recipe("normalize", {"stage": stages, "write": writes})
    recipe.check()
    return recipe


def _measure(sources: list[str], recipe: Recipe, batch: BatchOptions, output: RowOptions) -> None:
    from audiokit.files.raw import parse_raw_format
    from audiokit.jobs.measure import MeasureJob

    raw = parse_raw_format(batch.raw_format) if batch.raw_format else None
    run = prepare_report(sources, MeasureJob(recipe.stages[0], raw=raw), batch=batch)
    run_folder(run, command="measure", batch=batch, output=output)


def _album_recipe(
    sources: list[str], recipe: Recipe, out: str, batch: BatchOptions, output: RowOptions
) -> Recipe:
    """Return the recipe that applies one gain to all: the sources are heard first."""
    import dataclasses

    from audiokit.batch.album import album_stage
    from audiokit.files.raw import parse_raw_format

    for source in sources:
        if source in ("-", "@-"):
            hint = "Its files are read more than once."
            raise SettingError("sources", source, "files and folders with --together", hint)
    spec = recipe.stages[0]
    raw = parse_raw_format(batch.raw_format) if batch.raw_format else None

    def run(job: Any) -> Iterator[dict[str, Any]]:
        return report_rows(sources, job, batch=batch, output=output, exclude=Path(out))

    return dataclasses.replace(recipe, stages=(album_stage(spec, run, raw=raw),))
