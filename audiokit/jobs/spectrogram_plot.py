"""A picture of a recording: waveform, mel spectrogram, and its pitch where that is known."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiokit.jobs.envelope import Envelope
from audiokit.jobs.feature_spans import FrameTimes
from audiokit.jobs.overview import Overview, brightest_db, check_drawing, row_of_hz
from audiokit.stage import Block, StreamFormat

__all__ = ["SpectrogramPlot", "SpectrogramSettings"]

_DPI = 100
_SIZE_IN, _HEIGHTS = (12.0, 5.6), (1.0, 3.2)
_WAVE, _PITCH, _PITCH_TEXT, _SOFT = "#3b4252", "#00e5ff", "#00707f", "#5c5c66"
_SHOWN_DB = 75.0
# What is quieter is drawn as if it had this peak, so that silence stays flat.
_LOWEST_PEAK = 1e-3
_TICKS_HZ = (100, 250, 500, 1000, 2000, 4000, 8000, 16000, 32000)
_PITCH_COLUMN = "f0_hz"
_PITCH_TOP_HZ = 400.0
_MOST_POINTS = 2400


@dataclass(frozen=True, slots=True)
class SpectrogramSettings:
    """How the picture is drawn."""

    def check_installed(self) -> None:
        """Import what draws.

        Raises:
            MissingExtraError: matplotlib is not installed, or its installation is broken.
        """
        check_drawing()


class SpectrogramPlot:
    """Gather the outline of a stream; draw it as a PNG, 1200 pixels wide.

    The bands are the picture's own, of the sound itself, whatever the features are. Where a
    column ``f0_hz`` is among those, a line shows it, with a scale of its own at the right.

    Args:
        fmt: Format of the stream.
        target: Where to.
        title: What the recording is called.
        columns: Names of the feature columns.
        times: Where the frames of the features lie.
    """

    def __init__(
        self,
        fmt: StreamFormat,
        target: Path,
        *,
        title: str,
        columns: tuple[str, ...],
        times: FrameTimes,
    ) -> None:
        self._envelope, self._overview = Envelope(fmt), Overview(fmt)
        self._target, self._title, self._times = target, title, times
        self._pitch_at = columns.index(_PITCH_COLUMN) if _PITCH_COLUMN in columns else None
        self._pitch_hz: list[NDArray[np.float32]] = []

    def write(self, block: Block, rows: NDArray[np.float32]) -> None:
        """Take the next block, and the feature rows that are final since."""
        self._envelope.update(block)
        self._overview.update(block)
        self._keep_pitch(rows)

    def finish(self, rows: NDArray[np.float32]) -> None:
        """Take the last feature rows, and draw.

        Raises:
            MissingExtraError: matplotlib is not installed.
        """
        check_drawing()
        from matplotlib.figure import Figure

        self._keep_pitch(rows)
        self._overview.finish()
        duration_s = max(self._envelope.fmt.seconds(self._envelope.n_samples), 1e-4)
        figure = Figure(figsize=_SIZE_IN, dpi=_DPI, layout="constrained")
        wave, bands = figure.subplots(2, sharex=True, height_ratios=_HEIGHTS)
        _draw_wave(wave, self._envelope)
        image = _draw_bands(bands, self._overview)
        if self._pitch_at is not None:
            _draw_pitch(bands.twinx(), np.concatenate(self._pitch_hz), self._times)
        # Beside both, so that their time axes stay one above the other.
        bar = figure.colorbar(image, ax=[wave, bands], pad=0.01, aspect=40)
        bar.set_label("level, dB", fontsize=9)
        bar.ax.tick_params(labelsize=8, colors=_SOFT)
        _label(wave, bands, self._title, duration_s)
        with warnings.catch_warnings():
            # A name may hold signs that no font here has: they are drawn as boxes.
            warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
            # No version and no date: the same recording gives the same bytes.
            figure.savefig(self._target, format="png", metadata={"Software": None})

    def _keep_pitch(self, rows: NDArray[np.float32]) -> None:
        if self._pitch_at is not None:
            self._pitch_hz.append(rows[:, self._pitch_at].copy())


def _draw_wave(axes: Any, envelope: Envelope) -> None:
    lows, highs = envelope.columns()
    low, high = lows.min(axis=1), highs.max(axis=1)
    starts_s = np.arange(len(low)) * envelope.column_s
    # Steps, so that a recording of one sample is seen too.
    edges_s = np.append(starts_s, starts_s[-1] + envelope.column_s if len(starts_s) else 0.0)
    axes.fill_between(
        edges_s, np.append(low, low[-1:]), np.append(high, high[-1:]),
        step="post", color=_WAVE, linewidth=0.3,
    )  # fmt: skip
    peak = max(_LOWEST_PEAK, float(np.abs([low.min(), high.max()]).max()))
    axes.set_ylim(-1.05 * peak, 1.05 * peak)
    axes.set_yticks([-peak, 0.0, peak], [f"{-peak:.2g}", "0", f"{peak:.2g}"])


def _draw_bands(axes: Any, overview: Overview) -> Any:
    levels_db, rate = overview.spectrogram_db(), overview.fmt.sample_rate
    top_db = brightest_db(levels_db)
    # A frame is centred on its place.
    start_s = -overview.hop_s / 2.0
    end_s = start_s + levels_db.shape[1] * overview.column_s
    image = axes.imshow(
        levels_db, origin="lower", aspect="auto", interpolation="nearest", cmap="magma",
        extent=(start_s, end_s, 0.0, 1.0), vmin=top_db - _SHOWN_DB, vmax=top_db,
    )  # fmt: skip
    ticks_hz = [hz for hz in _TICKS_HZ if hz <= rate / 2.0]
    axes.set_yticks([row_of_hz(hz, rate) for hz in ticks_hz], [_hz(hz) for hz in ticks_hz])
    axes.set_ylabel("mel spectrogram, Hz", fontsize=9)
    return image


def _draw_pitch(axes: Any, pitch_hz: NDArray[np.float32], times: FrameTimes) -> None:
    """Draw a line over the bands, on a scale of its own; it breaks where there is no voice."""
    from matplotlib.patheffects import Normal, Stroke

    n_merged = max(1, -(-len(pitch_hz) // _MOST_POINTS))
    line_hz = _merged_pitch(pitch_hz, n_merged)
    middle_s = times.first_s + (n_merged - 1) / 2.0 * times.hop_s
    times_s = middle_s + np.arange(len(line_hz)) * n_merged * times.hop_s
    outline = [Stroke(linewidth=3.4, foreground="black"), Normal()]
    axes.plot(times_s, line_hz, color=_PITCH, linewidth=1.8, path_effects=outline)
    highest_hz = float(np.max(line_hz, initial=0.0, where=~np.isnan(line_hz)))
    axes.set_ylim(0.0, max(_PITCH_TOP_HZ, 1.15 * highest_hz))
    # In the line's own hue, dark enough to be read: this scale is the line's, not the bands'.
    axes.set_ylabel("pitch (the line), Hz", fontsize=9, color=_PITCH_TEXT)
    axes.tick_params(labelsize=8, colors=_PITCH_TEXT)
    axes.spines[["top"]].set_visible(False)


def _merged_pitch(pitch_hz: NDArray[np.float32], n_merged: int) -> NDArray[np.float64]:
    """Return the median of the voiced frames of each group; NaN where most have no voice."""
    n_groups = -(-len(pitch_hz) // n_merged)
    padded = np.zeros(n_groups * n_merged)
    padded[: len(pitch_hz)] = pitch_hz
    groups = padded.reshape(n_groups, n_merged)
    line_hz = np.full(n_groups, np.nan)
    is_voiced = 2 * np.count_nonzero(groups, axis=1) > n_merged
    line_hz[is_voiced] = [np.median(group[group > 0.0]) for group in groups[is_voiced]]
    return line_hz


def _label(wave: Any, bands: Any, title: str, duration_s: float) -> None:
    from matplotlib.ticker import FuncFormatter

    bands.set_xlim(0.0, duration_s)
    if duration_s > 120.0:
        bands.xaxis.set_major_formatter(FuncFormatter(_clock))
        bands.set_xlabel("minutes : seconds", fontsize=9)
    else:
        bands.set_xlabel("seconds", fontsize=9)
    for axes in (wave, bands):
        axes.tick_params(labelsize=8, colors=_SOFT)
        axes.spines[["top", "right"]].set_visible(False)
    # A name may hold what is no text, and what matplotlib takes for mathematics.
    readable = title.encode("utf-8", "backslashreplace").decode()
    wave.set_title(readable, loc="left", fontsize=11, parse_math=False)
    wave.set_ylabel("sample", fontsize=9)


def _hz(value_hz: float) -> str:
    return f"{value_hz / 1000:g}k" if value_hz >= 1000 else f"{value_hz:g}"


def _clock(time_s: float, _place: int | None) -> str:
    minutes, seconds = divmod(round(time_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
