"""``audiokit features``: extract features."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.cli.options import BatchOptions, OutputOptions, Sources, command
from audiokit.cli.run import run_recipe
from audiokit.recipe import make_recipe

EXAMPLES = ("audiokit features takes/ -o feats/ --families mel,mfcc --hop-ms 10",)


@command
def features(
    sources: Sources,
    out: Annotated[str, typer.Option("--out", "-o", help="Folder for the feature files.")],
    families: Annotated[
        str, typer.Option(help="Families, separated by commas.")
    ] = "mel,mfcc,energy,spectral",
    file_format: Annotated[
        str,
        typer.Option(
            "--format", envvar="AUDIOKIT_FEATURES_FORMAT", help="Feature files: npz, parquet."
        ),
    ] = "npz",
    window_ms: Annotated[float, typer.Option(help="Length of a frame.")] = 25.0,
    hop_ms: Annotated[float, typer.Option(help="From frame to frame.")] = 10.0,
    sample_rate: Annotated[
        int | None, typer.Option(help="Resample to this many Hz first.")
    ] = None,
    *,
    batch: BatchOptions,
    output: OutputOptions,
) -> None:
    """Extract mel, MFCC, energy and spectral features.

    An .npz holds an array a family, (frames, columns), with column names, the time of
    the first frame and the hop; a Parquet file has a row a frame, the time first.
    """
    stages: list[dict[str, object]] = [{"use": "channels", "mode": "mono"}]
    if sample_rate is not None:
        stages.append({"use": "resample", "sample_rate": sample_rate})
    settings = {
        "families": tuple(word.strip() for word in families.split(",")),
        "window_ms": window_ms,
        "hop_ms": hop_ms,
        "format": file_format,
    }
    recipe = make_recipe("features", {"stage": stages, "write": {"features": settings}})
    run_recipe(sources, recipe, out=out, command="features", batch=batch, output=output)
