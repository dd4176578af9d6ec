"""``audiokit features``: extract features."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from audiokit.cli.one import is_folder
from audiokit.cli.options import BatchOptions, OutputOptions, Sources, command
from audiokit.cli.run import run_recipe
from audiokit.errors import SettingError
from audiokit.features import FAMILY_NAMES
from audiokit.features.summary import DEFAULT_SUMMARIES
from audiokit.recipe import make_recipe
from audiokit.registry import FORMATS, kinds_by_suffix

EXAMPLES = (
    "audiokit features takes/ -o feats/ --families mel,mfcc --hop-ms 10",
    "audiokit features takes/ -o feats/ --preset whisper --n-mels 128",
    "audiokit features takes/ -o feats/ --preset pyaudioanalysis --deltas 1",
    "audiokit features takes/ -o feats/ --engine librosa",
    "audiokit features takes/ -o feats/ --per file --format parquet",
    "audiokit features takes/ -o feats/ --normalize sliding --plot",
    "audiokit features takes/ --save-stats stats.json",
    "audiokit features takes/ -o feats/ --normalize speaker --stats stats.json",
    "arecord -t raw -f S16_LE -r 16000 | audiokit features - --raw-format s16le:16000",
)

_RATES_HZ = {"whisper": 16000}
"""Of presets that are defined for one rate."""

_FORMATS = FORMATS["features"]
_KINDS = kinds_by_suffix("features")
_KNOWN = ", ".join(FAMILY_NAMES)
_SOUGHT, _SCALED = "What is extracted", "Normalising"
_SUMMED, _WRITTEN = "What a row is", "What is written"
_SUMMARIES = ",".join(DEFAULT_SUMMARIES)


def _option(*names: str, panel: str, help_text: str, **more: Any) -> Any:
    return typer.Option(*names, rich_help_panel=panel, help=help_text, **more)


@command
def features(
    context: typer.Context,
    sources: Sources,
    out: Annotated[
        str | None,
        _option(
            "--out", "-o", panel=_WRITTEN, help_text="Folder, file, or - for JSON Lines on stdout."
        ),
    ] = None,
    file_format: Annotated[
        str,
        _option(
            "--format",
            panel=_WRITTEN,
            envvar="AUDIOKIT_FEATURES_FORMAT",
            help_text=f"Feature files: {', '.join(_FORMATS)}; commas between.",
        ),
    ] = _FORMATS[0],
    plot: Annotated[
        bool,
        _option(
            "--plot",
            panel=_WRITTEN,
            help_text="Draw waveform and spectrogram, and pitch where it is extracted, as PNG.",
        ),
    ] = False,
    families: Annotated[
        str | None,
        _option(
            "--families",
            panel=_SOUGHT,
            help_text=f"Commas between, of {_KNOWN}; mel,mfcc,energy,spectral if not given, or "
            "what the preset has.",
        ),
    ] = None,
    preset: Annotated[
        str,
        _option(
            "--preset",
            panel=_SOUGHT,
            help_text="Whose numbers: librosa, kaldi, whisper (16 kHz), htk, pyaudioanalysis.",
        ),
    ] = "librosa",
    levels: Annotated[
        str | None,
        _option(
            "--levels", panel=_SOUGHT, help_text="Mel bands, spectrum in db, ln, log10 or power."
        ),
    ] = None,
    window_ms: Annotated[
        float | None,
        _option("--window-ms", panel=_SOUGHT, help_text="Length of a frame; 25, or the preset's."),
    ] = None,
    hop_ms: Annotated[
        float | None,
        _option("--hop-ms", panel=_SOUGHT, help_text="From frame to frame; 10, or the preset's."),
    ] = None,
    n_mels: Annotated[
        int | None,
        _option("--n-mels", panel=_SOUGHT, help_text="Mel bands; 80, or the preset's."),
    ] = None,
    n_mfcc: Annotated[
        int | None,
        _option(
            "--n-mfcc", panel=_SOUGHT, help_text="Cepstral coefficients; 20, or the preset's."
        ),
    ] = None,
    fmin_hz: Annotated[
        float | None,
        _option(
            "--fmin-hz", panel=_SOUGHT, help_text="Where mel bands begin; 0, or the preset's."
        ),
    ] = None,
    fmax_hz: Annotated[
        float | None,
        _option("--fmax-hz", panel=_SOUGHT, help_text="Where they end; half the sample rate."),
    ] = None,
    deltas: Annotated[
        int | None,
        _option("--deltas", panel=_SOUGHT, help_text="Derivatives of mfcc or short_term."),
    ] = None,
    sample_rate: Annotated[
        int | None,
        _option(
            "--sample-rate", panel=_SOUGHT, min=1, help_text="Resample to this many Hz first."
        ),
    ] = None,
    pitch_engine: Annotated[
        str,
        _option(
            "--pitch-engine",
            panel=_SOUGHT,
            help_text="Who tracks pitch: ours, or pyin or yin of librosa.",
        ),
    ] = "ours",
    pitch_fmin_hz: Annotated[
        float | None,
        _option("--pitch-fmin-hz", panel=_SOUGHT, help_text="Lowest pitch; 65 if not given."),
    ] = None,
    pitch_fmax_hz: Annotated[
        float | None,
        _option("--pitch-fmax-hz", panel=_SOUGHT, help_text="Highest pitch; 500 if not given."),
    ] = None,
    engine: Annotated[
        Literal["fast", "librosa", "pyaudioanalysis", "torch"],
        _option(
            "--engine",
            panel=_SOUGHT,
            help_text="Who computes; all but fast need the whole recording in memory.",
        ),
    ] = "fast",
    device: Annotated[
        Literal["cpu", "cuda"],
        _option("--device", panel=_SOUGHT, help_text="Where the engine torch computes."),
    ] = "cpu",
    normalize: Annotated[
        Literal["none", "utterance", "speaker", "sliding", "minmax", "zscore"],
        _option(
            "--normalize",
            panel=_SCALED,
            metavar="WAY",
            help_text="Scale columns: utterance, speaker, sliding, minmax or zscore.",
        ),
    ] = "none",
    mean_only: Annotated[
        bool,
        _option("--mean-only", panel=_SCALED, help_text="Subtract the mean; do not divide."),
    ] = False,
    normalize_window_s: Annotated[
        float | None,
        _option("--normalize-window-s", panel=_SCALED, help_text="Window of sliding; 3."),
    ] = None,
    stats: Annotated[
        str | None,
        _option(
            "--stats", panel=_SCALED, help_text="Statistics of speaker, zscore, minmax, sliding."
        ),
    ] = None,
    save_stats: Annotated[
        str | None,
        _option("--save-stats", panel=_SCALED, help_text="Write them to this file, as JSON."),
    ] = None,
    speakers: Annotated[
        str | None,
        _option(
            "--speakers",
            panel=_SCALED,
            help_text="Who speaks: FILE.csv:COLUMN; the parent folder if not given.",
        ),
    ] = None,
    per: Annotated[
        Literal["frame", "file", "segment", "window"],
        _option("--per", panel=_SUMMED, help_text="One row for each of these."),
    ] = "frame",
    window_s: Annotated[
        float | None, _option("--window-s", panel=_SUMMED, help_text="Length of a window; 1.")
    ] = None,
    labels: Annotated[
        str | None,
        _option(
            "--labels",
            panel=_SUMMED,
            help_text="Segments: RTTM, CSV, JSON, or a folder of them; detected if not given.",
        ),
    ] = None,
    summary: Annotated[
        str | None,
        _option(
            "--summary",
            panel=_SUMMED,
            help_text=f"How columns are summed up, of min, max, p00 to p99 too; {_SUMMARIES} if "
            "not given.",
        ),
    ] = None,
    *,
    batch: BatchOptions,
    output: OutputOptions,
) -> None:
    """Extract mel, MFCC, energy, spectral and other features.

    Files hold columns by name with their unit, times, and the rule of the frames.
    """
    out, file_format = _target(context, sources, out, file_format, save_stats)
    stages: list[dict[str, object]] = [{"use": "channels", "mode": "mono"}]
    rate = _RATES_HZ.get(preset) if sample_rate is None else sample_rate
    if rate is not None:
        stages.append({"use": "resample", "sample_rate": rate})
    if preset == "pyaudioanalysis" and engine == "fast":
        # The package does this by itself, and needs the whole recording for it.
        stages.append({"use": "unit_peak"})
    wanted: dict[str, Any] = {
        "families": families and _words(families),
        "preset": preset,
        "levels": levels,
        "window_ms": window_ms,
        "hop_ms": hop_ms,
        "n_mels": n_mels,
        "n_mfcc": n_mfcc,
        "fmin_hz": fmin_hz,
        "fmax_hz": fmax_hz,
        "deltas": deltas,
        "pitch_engine": pitch_engine,
        "pitch_fmin_hz": pitch_fmin_hz,
        "pitch_fmax_hz": pitch_fmax_hz,
        "engine": engine,
        "device": device,
        "format": file_format,
        "normalize": normalize,
        "mean_only": mean_only,
        "normalize_window_s": normalize_window_s,
        "stats": stats,
        "speakers": speakers,
        "per": per,
        "window_s": window_s,
        "labels": labels,
        "summary": summary and _words(summary),
    }
    writes: dict[str, Any] = {
        "features": {name: value for name, value in wanted.items() if value is not None}
    }
    if plot:
        _check_plot(out)
        writes["spectrogram"] = {}
    if save_stats is None:
        recipe = make_recipe("features", {"stage": stages, "write": writes})
        run_recipe(sources, recipe, out=out, command="features", batch=batch, output=output)
        return
    writes["statistics"] = {"alone": out is None}
    recipe = make_recipe("features", {"stage": stages, "write": writes})
    _check_statistics(save_stats, is_replaced=batch.overwrite)
    with tempfile.TemporaryDirectory(prefix="audiokit-") as folder:
        run_recipe(
            sources,
            recipe,
            out=out or folder,
            command="features",
            batch=batch,
            output=output,
            statistics=Path(save_stats),
        )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(","))


def _target(
    context: typer.Context,
    sources: list[str],
    out: str | None,
    file_format: str,
    save_stats: str | None,
) -> tuple[str | None, str]:
    """Return where features go, and as what: a file's name says its own kind.

    Raises:
        SettingError: Nowhere is named, or the name says one kind and the flag another.
    """
    source = context.get_parameter_source("file_format")
    is_chosen = source is not None and source.name == "COMMANDLINE"
    if out is None and save_stats is None:
        is_stream = sources == ["-"] or (len(sources) == 1 and Path(sources[0]).is_file())
        if not (is_stream and (file_format == "jsonl" or (sources == ["-"] and not is_chosen))):
            hint = "Add -o FOLDER; or, for one recording, --format jsonl."
            raise SettingError("out", out, "a folder, a file or -", hint)
        out = "-"
    if save_stats is not None and (out == "-" or "-" in sources):
        raise SettingError("save_stats", save_stats, "none where features come or go by a pipe")
    named = None if out is None else _KINDS.get(Path(out).suffix.removeprefix(".").lower())
    named = "jsonl" if out == "-" else named
    if out is None or named is None or is_folder(out):
        return out, file_format
    if is_chosen and file_format.strip() != named:
        raise SettingError("format", file_format, f"{named}, as in {out}")
    if save_stats is not None:
        raise SettingError("out", out, "a folder with --save-stats")
    return out, named


def _check_plot(out: str | None) -> None:
    if out in (None, "-"):
        raise SettingError("out", out, "a folder or a feature file with --plot")


def _check_statistics(save_stats: str, *, is_replaced: bool) -> None:
    """Refuse to replace a file.

    Raises:
        SettingError: It is there.
    """
    if Path(save_stats).exists() and not is_replaced:
        hint = "Add --overwrite to replace it."
        raise SettingError("save_stats", save_stats, "a new file", hint)
