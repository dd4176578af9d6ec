"""``audiokit features``: extract features."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from audiokit.cli.options import BatchOptions, OutputOptions, Sources, command
from audiokit.cli.run import run_recipe
from audiokit.recipe import make_recipe

EXAMPLES = (
    "audiokit features takes/ -o feats/ --families mel,mfcc --hop-ms 10",
    "audiokit features takes/ -o feats/ --preset whisper --n-mels 128",
    "audiokit features takes/ -o feats/ --preset pyaudioanalysis --deltas 1",
    "audiokit features takes/ -o feats/ --engine librosa",
)

_RATES_HZ = {"whisper": 16000}
"""Of presets that are defined for one rate."""


@command
def features(
    sources: Sources,
    out: Annotated[str, typer.Option("--out", "-o", help="Folder for the feature files.")],
    families: Annotated[
        str | None,
        typer.Option(help="Families, separated by commas; mel,mfcc,energy,spectral if not given."),
    ] = None,
    preset: Annotated[
        str,
        typer.Option(
            help="Whose numbers: librosa, kaldi, whisper (16 kHz), htk or pyaudioanalysis."
        ),
    ] = "librosa",
    levels: Annotated[
        str | None,
        typer.Option(help="Mel bands and spectrum in db, ln, log10, or as power."),
    ] = None,
    file_format: Annotated[
        str,
        typer.Option(
            "--format", envvar="AUDIOKIT_FEATURES_FORMAT", help="Feature files: npz, parquet."
        ),
    ] = "npz",
    window_ms: Annotated[
        float | None, typer.Option(help="Length of a frame; 25 if not given.")
    ] = None,
    hop_ms: Annotated[
        float | None, typer.Option(help="From frame to frame; 10 if not given.")
    ] = None,
    n_mels: Annotated[
        int | None, typer.Option(help="Number of mel bands; 80, or as the preset has it.")
    ] = None,
    deltas: Annotated[
        int | None,
        typer.Option(help="Derivatives of mfcc or short_term; as the preset has it."),
    ] = None,
    sample_rate: Annotated[
        int | None, typer.Option(help="Resample to this many Hz first.")
    ] = None,
    pitch_engine: Annotated[
        str, typer.Option(help="Who tracks pitch: ours, or pyin or yin of librosa.")
    ] = "ours",
    pitch_fmin_hz: Annotated[
        float | None, typer.Option(help="Lowest pitch in Hz; 65 if not given.")
    ] = None,
    pitch_fmax_hz: Annotated[
        float | None, typer.Option(help="Highest pitch in Hz; 500 if not given.")
    ] = None,
    engine: Annotated[
        Literal["fast", "librosa", "pyaudioanalysis", "torch"],
        typer.Option(help="Who computes; all but fast need the whole recording in memory."),
    ] = "fast",
    device: Annotated[
        Literal["cpu", "cuda"], typer.Option(help="Where the engine torch computes.")
    ] = "cpu",
    *,
    batch: BatchOptions,
    output: OutputOptions,
) -> None:
    """Extract mel, MFCC, energy, spectral and other features.

    An .npz holds an array a family, (frames, columns), with column names, the time of
    the first frame and the hop; a Parquet file has a row a frame, the time first.
    """
    stages: list[dict[str, object]] = [{"use": "channels", "mode": "mono"}]
    rate = sample_rate or _RATES_HZ.get(preset)
    if rate is not None:
        stages.append({"use": "resample", "sample_rate": rate})
    if preset == "pyaudioanalysis" and engine == "fast":
        # The package does this by itself, and needs the whole recording for it.
        stages.append({"use": "unit_peak"})
    wanted = {
        "families": families and tuple(word.strip() for word in families.split(",")),
        "preset": preset,
        "levels": levels,
        "window_ms": window_ms,
        "hop_ms": hop_ms,
        "n_mels": n_mels,
        "pitch_engine": pitch_engine,
        "pitch_fmin_hz": pitch_fmin_hz,
        "pitch_fmax_hz": pitch_fmax_hz,
        "deltas": deltas,
        "engine": engine,
        "device": device,
        "format": file_format,
    }
    settings = {name: value for name, value in wanted.items() if value is not None}
    recipe = make_recipe("features", {"stage": stages, "write": {"features": settings}})
    run_recipe(sources, recipe, out=out, command="features", batch=batch, output=output)
