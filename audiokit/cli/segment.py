"""``audiokit segment``: find where people speak."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from audiokit.cli.options import BatchOptions, OutputOptions, Sources, command
from audiokit.cli.run import run_recipe
from audiokit.errors import SettingError
from audiokit.recipe import make_recipe
from audiokit.registry import FORMATS, kinds_by_suffix

EXAMPLES = (
    "audiokit segment a.wav",
    "audiokit segment takes/ -o labels/ --format textgrid,rttm",
    "audiokit segment a.wav -o a.srt",
    "audiokit segment a.wav --format rttm > a.rttm",
    "audiokit segment takes/ -o seg/ --cuts flac --plot --page",
    "audiokit segment takes/ -o seg/ --trim flac --max-pause-ms 500",
    "audiokit segment meeting.wav --speakers 0 --format rttm,textgrid -o seg/",
    "audiokit segment call.wav --per-channel --json",
)

_FORMATS = FORMATS["segments"]
_KINDS = kinds_by_suffix("segments")
_FOUND, _SHOWN = "What a segment is", "What is written"


def _option(*names: str, panel: str, help_text: str, **more: Any) -> Any:
    return typer.Option(*names, rich_help_panel=panel, help=help_text, **more)


@command
def segment(
    context: typer.Context,
    sources: Sources,
    out: Annotated[
        str | None,
        _option("--out", "-o", panel=_SHOWN, help_text="Folder, label file, or - for stdout."),
    ] = None,
    label_format: Annotated[
        str,
        _option(
            "--format",
            panel=_SHOWN,
            envvar="AUDIOKIT_SEGMENT_FORMAT",
            help_text=f"Label files: {', '.join(_FORMATS)}; commas between. txt is Audacity's.",
        ),
    ] = _FORMATS[0],
    cuts: Annotated[
        Literal["wav", "flac", "ogg", "opus", "mp3", "m4a"] | None,
        _option("--cuts", panel=_SHOWN, help_text="Write each segment as a file of this kind."),
    ] = None,
    trim: Annotated[
        Literal["wav", "flac", "ogg", "opus", "mp3", "m4a"] | None,
        _option("--trim", panel=_SHOWN, help_text="Write each recording without silent ends."),
    ] = None,
    max_pause_ms: Annotated[
        float,
        _option("--max-pause-ms", panel=_SHOWN, help_text="With --trim, shorten longer pauses."),
    ] = 0.0,
    plot: Annotated[
        bool, _option("--plot", panel=_SHOWN, help_text="Draw each recording, as PNG.")
    ] = False,
    page: Annotated[
        bool,
        _option("--page", panel=_SHOWN, help_text="Write a page that plays a segment at a click."),
    ] = False,
    engine: Annotated[
        Literal["network", "energy", "webrtc", "silero", "pyaudioanalysis"],
        _option("--engine", panel=_FOUND, help_text="Who says how likely speech is."),
    ] = "network",
    threshold: Annotated[
        float,
        _option("--threshold", panel=_FOUND, help_text="Where speech begins; lower finds more."),
    ] = 0.5,
    level: Annotated[
        Literal["speech", "phrase", "utterance"],
        _option(
            "--level", panel=_FOUND, help_text="Speech between pauses, phrases or utterances."
        ),
    ] = "speech",
    min_speech_ms: Annotated[
        float, _option("--min-speech-ms", panel=_FOUND, help_text="Shorter speech is dropped.")
    ] = 100.0,
    min_pause_ms: Annotated[
        float, _option("--min-pause-ms", panel=_FOUND, help_text="Shorter pauses are bridged.")
    ] = 200.0,
    pad_ms: Annotated[
        float, _option("--pad-ms", panel=_FOUND, help_text="Kept on both sides.")
    ] = 30.0,
    max_speech_s: Annotated[
        float,
        _option("--max-speech-s", panel=_FOUND, help_text="Longer speech is cut; 0: left whole."),
    ] = 0.0,
    per_channel: Annotated[
        bool,
        _option("--per-channel", panel=_FOUND, help_text="Each channel holds somebody else."),
    ] = False,
    speakers: Annotated[
        int, _option("--speakers", panel=_FOUND, help_text="How many speak; 0: find out.")
    ] = 1,
    overlap: Annotated[
        Literal["mark", "drop", "keep"],
        _option(
            "--overlap", panel=_FOUND, help_text="Speech of two at once: of both, none or one."
        ),
    ] = "mark",
    *,
    batch: BatchOptions,
    output: OutputOptions,
) -> None:
    """Find where people speak, and write labels.

    One file alone is answered with a table of its segments; several with a row each.
    """
    settings: dict[str, Any] = {
        "engine": engine,
        "threshold": threshold,
        "level": level,
        "min_speech_ms": min_speech_ms,
        "min_pause_ms": min_pause_ms,
        "pad_ms": pad_ms,
        "max_speech_s": max_speech_s,
        "per_channel": per_channel,
        "speakers": speakers,
        "overlap": overlap,
    }
    shown: dict[str, Any] = {
        name: table
        for name, table, is_due in (
            ("cuts", {"container": cuts}, cuts is not None),
            ("trim", {"container": trim, "max_pause_ms": max_pause_ms}, trim is not None),
            ("plot", {}, plot),
            ("page", {}, page),
        )
        if is_due
    }
    out = _out(context, sources, out, is_json=output.kind is not None)
    if shown and out in (None, "-"):
        expected = f"a folder or a label file with --{next(iter(shown))}"
        raise SettingError("out", out, expected)
    settings["format"] = _format(context, out, label_format)
    recipe = make_recipe("segment", {"write": {"segments": settings, **shown}})
    run_recipe(sources, recipe, out=out, command="segment", batch=batch, output=output)


def _out(
    context: typer.Context, sources: list[str], out: str | None, *, is_json: bool
) -> str | None:
    """Return where results go: who asks for a kind of label and no place wants to read it."""
    wants_text = out is None and len(sources) == 1 and not is_json and _is_chosen(context)
    return "-" if wants_text and not Path(sources[0]).is_dir() else out


def _format(context: typer.Context, out: str | None, label_format: str) -> str:
    """Return the kinds of label file: a file's name says its own.

    Raises:
        SettingError: The name says one and the flag another, or stdout would get two.
    """
    named = _KINDS.get(Path(out or "").suffix.removeprefix(".").lower())
    if out is not None and named is not None and not Path(out).is_dir():
        if _is_chosen(context) and label_format.strip() != named:
            raise SettingError("format", label_format, f"{named}, as in {out}")
        return named
    if out == "-" and "," in label_format:
        raise SettingError("format", label_format, "one kind for stdout")
    return label_format


def _is_chosen(context: typer.Context) -> bool:
    source = context.get_parameter_source("label_format")
    return source is not None and source.name == "COMMANDLINE"
