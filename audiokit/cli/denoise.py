"""``audiokit denoise``: take away what is not the voice."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from audiokit.cli.options import BatchOptions, RowOptions, Sources, command
from audiokit.cli.run import Container, audio_tables, run_recipe
from audiokit.errors import SettingError
from audiokit.recipe import make_recipe
from audiokit.registry import STAGES
from audiokit.settings import suggestion

# What can be taken away and the stage that does it, in the order in which it is done: what is
# broken is mended before it is judged, and noise comes last, which all others leave or make.
_STAGES = {
    "clipping": "clipping",
    "clicks": "clicks",
    "hum": "hum",
    "wind": "wind",
    "room": "room",
    "noise": "denoise",
}
# Files can wait: hum is then gone from the first second too.
_FURTHER: dict[str, dict[str, Any]] = {"hum": {"lookahead_ms": 500.0}}
# Engines that are ways of one stage; any other is a stage of that name.
_OWN = ("network", "classic")
# Where a flag was given on purpose; audiokit.toml speaks of where it means something.
_ON_PURPOSE = ("COMMANDLINE", "ENVIRONMENT")

EXAMPLES = (
    "audiokit denoise takes/ -o clean/",
    "audiokit denoise a.wav -o b.wav --strength 0.6",
    "audiokit denoise a.wav -o b.wav --remove hum,clicks,noise --report",
    "audiokit denoise a.wav -o b.wav --noise-profile room-tone.wav --noise stationary",
    "audiokit denoise a.wav -o noise.wav --keep noise",
    "cat a.wav | audiokit denoise - -o - > b.wav",
)


@command
def denoise(
    context: typer.Context,
    sources: Sources,
    out: Annotated[str, typer.Option("--out", "-o", help="Folder, file, or - for stdout.")],
    engine: Annotated[
        Literal["network", "classic", "spectral", "noisereduce", "rnnoise", "webrtc", "speex"],
        typer.Option(help="Who takes the noise away."),
    ] = "network",
    strength: Annotated[
        float | None, typer.Option(help="0 leaves all, 1 takes all: the default.")
    ] = None,
    floor_db: Annotated[
        float | None,
        typer.Option(help="How much softer noise gets at most, in dB: -40, classic -25."),
    ] = None,
    window_ms: Annotated[
        float | None,
        typer.Option(help="Length of the window in ms: 32, the default; 48 where late is fine."),
    ] = None,
    noise: Annotated[
        Literal["moving", "stationary"] | None,
        typer.Option(
            help="Noise that rises and falls, or the same throughout: "
            "needs --engine classic or a profile."
        ),
    ] = None,
    noise_profile: Annotated[
        str | None, typer.Option(metavar="FILE", help="A recording of the noise alone.")
    ] = None,
    learn_noise: Annotated[
        bool, typer.Option("--learn-noise", help="Hear the whole recording first; learn there.")
    ] = False,
    remove: Annotated[
        str,
        typer.Option(help=f"What goes: {', '.join(reversed(_STAGES))}; commas between; or all."),
    ] = "noise",
    keep: Annotated[
        Literal["speech", "noise"],
        typer.Option(help="Write what is left, or what was taken away."),
    ] = "speech",
    report: Annotated[
        bool, typer.Option("--report", help="Write a page beside each file, to hear and see both.")
    ] = False,
    container: Container = None,
    *,
    batch: BatchOptions,
    output: RowOptions,
) -> None:
    """Take away noise, hum, wind, clicks, clipping and the room.

    Works at the recording's own rate, each channel by itself. The samples of a pipe are those
    of the file.
    """
    removed = _removed(remove)
    given = {
        name: (value, flag)
        for name, value, flag in (
            ("strength", strength, "strength"),
            ("floor_db", floor_db, "floor_db"),
            ("window_ms", window_ms, "window_ms"),
            ("noise", noise, "noise"),
            ("profile_db", noise_profile, "noise_profile"),
            ("learn", learn_noise or None, "learn_noise"),
        )
        if value is not None
    }
    if "noise" not in removed:
        _refuse(context, ["engine", *(flag for _, flag in given.values())], "without noise")
        given = {}
    stages = [
        _noise_stage(context, engine, given, batch)
        if name == "noise"
        else {"use": use, **_FURTHER.get(use, {})}
        for name, use in _STAGES.items()
        if name in removed
    ]
    writes = audio_tables(container, out)
    if keep == "noise":
        writes["audio"]["keep"] = "removed"
    if report:
        writes["report"] = {}
    recipe = make_recipe("denoise", {"stage": stages, "write": writes})
    run_recipe(sources, recipe, out=out, command="denoise", batch=batch, output=output)


def _removed(text: str) -> set[str]:
    """Return what is to go.

    Raises:
        SettingError: It is nothing, or no one can take it away.
    """
    if text == "all":
        return set(_STAGES)
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in _STAGES:
            expected = f"{', '.join(reversed(_STAGES))}, commas between; or all"
            raise SettingError("remove", text, expected, suggestion(name, _STAGES))
    return set(names)


def _noise_stage(
    context: typer.Context,
    engine: str,
    given: dict[str, tuple[Any, str]],
    batch: BatchOptions,
) -> dict[str, Any]:
    """Return the stage of an engine, with what it can be told.

    Raises:
        SettingError: A flag means nothing to it.
        SourceError: There is no noise in the file that should hold it.
    """
    values = {name: value for name, (value, _) in given.items()}
    learns = bool(values.pop("learn", False)) and engine in _OWN
    if learns and "profile_db" in values:
        hint = "The noise is known then."
        raise SettingError("learn_noise", True, "nothing of it beside --noise-profile", hint)
    use = ("denoise_learnt" if learns else "denoise") if engine in _OWN else engine
    known = {*_field_names(use), "learn" if engine in _OWN else ""}
    if "stationary" in known:
        known.add("noise")
    strange = [flag for name, (_, flag) in given.items() if name not in known]
    _refuse(context, strange, f"with --engine {engine}")
    values = {name: value for name, value in values.items() if name in known}
    if "stationary" in known and "noise" in values:
        # noisereduce has another word for it.
        values["stationary"] = values.pop("noise") == "stationary"
    if "profile_db" in values:
        values["profile_db"] = _profile(values["profile_db"], batch)
    own = {"engine": engine} if engine in _OWN else {}
    return {"use": use, **own, **values}


def _field_names(use: str) -> list[str]:
    import dataclasses

    return [field.name for field in dataclasses.fields(STAGES[use].settings_type())]


def _profile(source: str, batch: BatchOptions) -> tuple[float, ...]:
    from audiokit.files.raw import parse_raw_format
    from audiokit.jobs.noise_profile import profile_file

    raw = parse_raw_format(batch.raw_format) if batch.raw_format else None
    return profile_file(source, raw=raw).levels_db


def _refuse(context: typer.Context, flags: list[str], where: str) -> None:
    """Refuse flags that were given and would do nothing."""
    for flag in flags:
        source = context.get_parameter_source(flag)
        if source is not None and source.name in _ON_PURPOSE:
            raise SettingError(flag, context.params[flag], f"nothing of it {where}")
