"""``audiokit encode``: Opus or G.711."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from audiokit.cli.coding import Coding, limits_of, raw_of, run_coding
from audiokit.cli.options import BatchOptions, RowOptions, Sources, command
from audiokit.cli.opus_options import OpusOptions
from audiokit.errors import SettingError

EXAMPLES = (
    "audiokit encode talk.wav -o talk.opus",
    "audiokit encode takes/ -o opus/ --resample 16000 --channels mono --json",
    "audiokit encode song.flac -o song.opus --application audio --bitrate-bps 96000",
    "audiokit encode call.wav -o call-ulaw.wav --codec ulaw",
    "audiokit encode call.wav -o call.al --codec alaw --resample 8000",
)

_Codec = Literal["opus", "ulaw", "alaw"]
_ENDINGS = {
    "ogg": ("opus", "ogg", "oga"),
    "wav": ("wav", "wave"),
    "ulaw": ("ul", "ulaw", "mulaw"),
    "alaw": ("al", "alaw"),
}


@command
def encode(
    sources: Sources,
    out: Annotated[str, typer.Option("--out", "-o", help="Folder, file, or - for stdout.")],
    codec: Annotated[_Codec, typer.Option(help="Opus, or G.711 by μ-law or A-law.")] = "opus",
    container: Annotated[
        Literal["ogg", "wav", "raw"] | None,
        typer.Option(help="Ogg for Opus; WAV, or none, for G.711. By the name if not given."),
    ] = None,
    resample: Annotated[
        int | None, typer.Option(help="Sample rate in Hz to bring it to; its own if not given.")
    ] = None,
    channels: Annotated[
        Literal["keep", "mono", "stereo"], typer.Option(help="As they are, their mean, or two.")
    ] = "keep",
    *,
    opus: OpusOptions,
    batch: BatchOptions,
    output: RowOptions,
) -> None:
    """Encode speech: Opus in Ogg, or G.711 in WAV or bare.

    The defaults are those of the live client, for speech over a lossy network. What decodes
    has as many samples as went in, each in its place.
    """
    from audiokit.codec.opus_library import find_libopus
    from audiokit.jobs.encode import EncodeJob, EncodeSettings

    if (codec == "opus") != (container == "ogg") and container is not None:
        expected = "ogg for opus" if codec == "opus" else f"wav or raw for {codec}"
        raise SettingError("container", container, expected)
    kind = _kind_of(out, codec, container)
    settings = EncodeSettings(
        codec=codec,
        is_raw=kind in {"ulaw", "alaw"},
        resample=resample,
        channels=channels,
        opus=opus.settings(),
        opus_library=opus.opus_library,
    )
    job = EncodeJob(limits_of(batch), Path(), raw_of(batch), settings)
    endings = _ENDINGS[kind]
    # Told before the first recording where there is none.
    libopus = find_libopus(opus.opus_library).version if codec == "opus" else ""
    coding = Coding("encode", job, endings[0], lambda name: _ending(name) in endings, libopus)
    run_coding(sources, out, coding, batch=batch, output=output)


def _kind_of(out: str, codec: str, container: str | None) -> str:
    """Return what is written: ``ogg``, ``wav``, or bare codes by their law.

    Raises:
        SettingError: The target's name is that of another kind of file.
    """
    if codec == "opus":
        wanted: tuple[str, ...] = ("ogg",)
    elif container is not None:
        wanted = ("wav",) if container == "wav" else (codec,)
    else:
        wanted = ("wav", codec)
    named = next((kind for kind, endings in _ENDINGS.items() if _ending(out) in endings), None)
    if named is None or Path(out).is_dir():
        return wanted[0]
    if named not in wanted:
        endings = [f".{ending}" for kind in wanted for ending in _ENDINGS[kind]]
        expected = f"a name ending in {', '.join(endings)} for {codec}"
        hint = "" if named == "ogg" else "Say --codec ulaw or alaw for G.711."
        raise SettingError("out", out, expected, hint)
    return named


def _ending(name: str) -> str:
    return Path(name).suffix.lower().removeprefix(".")
