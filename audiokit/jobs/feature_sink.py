"""Where features are extracted, normalised, summed up, and given to their files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError, TooShortError
from audiokit.features.column_statistics import StatisticsMeter
from audiokit.features.extractor import FeatureExtractor
from audiokit.features.windows import WindowSummary
from audiokit.jobs.feature_file import FeatureFile, open_feature_file
from audiokit.jobs.feature_labels import labels_of
from audiokit.jobs.feature_layout import frame_rule_of, layout_of
from audiokit.jobs.feature_spans import FrameRows, FrameTimes, RowMaker, Span, SpanRows, WindowRows
from audiokit.jobs.feature_statistics import SavedStatistics, read_statistics, speaker_of
from audiokit.jobs.feature_steps import RowStep, normalizer_of, whisper_step
from audiokit.jobs.sinks import Place, Sink
from audiokit.registry import COMPANIONS
from audiokit.stage import Block, StreamFormat

if TYPE_CHECKING:
    from audiokit.jobs.feature_write import FeatureWriteSettings
    from audiokit.jobs.segmentation import Segmentation
    from audiokit.jobs.spectrogram_plot import SpectrogramPlot
    from audiokit.jobs.task import ProcessTask
    from audiokit.recipe import Recipe

__all__ = ["FeatureSink", "has_feature_place", "open_feature_sink"]

Rows = NDArray[np.float32]


@dataclass
class _Parts:
    """What a sink is made of: what the rows pass, and where they end."""

    maker: RowMaker
    before: list[RowStep] = field(default_factory=list)
    after: list[RowStep] = field(default_factory=list)
    files: list[FeatureFile] = field(default_factory=list)
    meter: StatisticsMeter | None = None
    meter_target: Path | None = None
    segmentation: Segmentation | None = None
    plot: SpectrogramPlot | None = None


class FeatureSink(Sink):
    """Extracts features and gives them to whatever is written of them.

    Args:
        extractor: Makes the rows.
        settings: What becomes of them.
        name: How the recording is called.
        parts: What the rows pass, and where they end.
        warn: Takes each sentence that the user should read.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        settings: FeatureWriteSettings,
        name: str,
        *,
        parts: _Parts,
        warn: Callable[[str], None],
    ) -> None:
        self._extractor, self._settings, self._name = extractor, settings, name
        self._parts, self._warn = parts, warn
        self._n_frames = self._n_samples = self._n_rows = 0

    def write(self, block: Block) -> None:
        self._n_samples += len(block)
        rows = self._extractor.process(block)
        if self._parts.segmentation is not None:
            self._parts.segmentation.process(block)
        if self._parts.plot is not None:
            self._parts.plot.write(block, rows)
        self._take(rows)

    def finish(self) -> None:
        rows = self._extractor.flush()
        self._take(rows)
        if self._n_frames == 0:
            raise self._too_short()
        parts = self._parts
        for index, step in enumerate(parts.before):
            self._pass(step.finish(), parts.before[index + 1 :], self._measure)
        for index, step in enumerate(parts.after):
            self._pass(step.finish(), parts.after[index + 1 :], self._make)
        for spans, made in parts.maker.finish(self._segments(), self._duration_s):
            self._put(spans, made)
        for warning in parts.maker.warnings:
            self._warn(warning)
        if parts.meter is not None and parts.meter_target is not None:
            self._save(parts.meter, parts.meter_target)
        if parts.plot is not None:
            parts.plot.finish(rows)

    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = {"n_frames": self._n_frames}
        return facts if self._settings.per == "frame" else facts | {"n_rows": self._n_rows}

    @property
    def _duration_s(self) -> float:
        return self._extractor.fmt.seconds(self._n_samples)

    def _take(self, rows: Rows) -> None:
        self._n_frames += len(rows)
        self._pass([rows], self._parts.before, self._measure)

    def _pass(
        self, pieces: Iterable[Rows], steps: Sequence[RowStep], end: Callable[[Rows], None]
    ) -> None:
        """Take rows through the steps, one after the other."""
        for rows in pieces:
            if steps:
                self._pass(steps[0].push(rows), steps[1:], end)
            else:
                end(rows)

    def _measure(self, rows: Rows) -> None:
        """Take rows that nothing was done to yet."""
        if self._parts.meter is not None:
            self._parts.meter.push(rows)
        self._pass([rows], self._parts.after, self._make)

    def _make(self, rows: Rows) -> None:
        for spans, made in self._parts.maker.push(rows):
            self._put(spans, made)

    def _put(self, spans: Sequence[Span], rows: Rows) -> None:
        self._n_rows += len(rows)
        for file in self._parts.files:
            file.append(rows, spans)

    def _segments(self) -> Sequence[Any]:
        if self._settings.labels is not None:
            return labels_of(self._name, self._settings.labels, warn=self._warn)
        if self._parts.segmentation is None:
            return ()
        report = self._parts.segmentation.finish()
        for warning in report.warnings:
            self._warn(warning)
        return report.segments

    def _save(self, meter: StatisticsMeter, target: Path) -> None:
        speaker = speaker_of(self._name, self._settings.speakers)
        rule, columns = frame_rule_of(self._extractor), tuple(self._extractor.columns)
        SavedStatistics(rule, columns, {speaker: meter.result()}).write(target)

    def _too_short(self) -> TooShortError:
        grid = self._extractor.grid
        least_ms = 1000.0 * grid.fewest_samples / grid.sample_rate
        problem = f"is shorter than a frame, expected {least_ms:g} ms or more"
        return TooShortError(self._name, problem, "Choose a shorter --window-ms")


def has_feature_place(places: Mapping[str, Place]) -> bool:
    """Return whether anything that features are needed for has a place."""
    return any(_is_feature(name) for name in places) or bool(
        {"statistics", "spectrogram"} & set(places)
    )


def open_feature_sink(
    stack: ExitStack,
    places: Mapping[str, Place],
    task: ProcessTask,
    recipe: Recipe,
    fmt: StreamFormat,
    *,
    warn: Callable[[str], None],
) -> Sink:
    """Return what extracts features and writes what there is a place for.

    Args:
        stack: Closes what is opened.
        places: Where to.
        task: What is read.
        recipe: What to write.
        fmt: Format of the stream.
        warn: Takes each sentence that the user should read.

    Raises:
        SettingError: The rate cannot give what is asked for, statistics do not fit, or a
            place is a stream that must be a file.
    """
    settings: FeatureWriteSettings = recipe.write_settings("features")
    extractor = FeatureExtractor(fmt, settings)
    parts = _Parts(_maker_of(extractor, settings, task.scratch))
    stack.callback(parts.maker.close)
    saved = _saved(extractor, settings)
    speaker = ""
    if settings.normalize == "speaker":
        speaker = speaker_of(task.name, settings.speakers)
    first = whisper_step(extractor, task.scratch)
    second = normalizer_of(extractor, settings, task.scratch, saved=saved, speaker=speaker)
    for step, steps in ((first, parts.before), (second, parts.after)):
        if step is not None:
            stack.callback(step.close)
            steps.append(step)
    layout = layout_of(extractor, settings, source=task.name, place=task.place)
    for form, name in zip(
        recipe.formats("features"), recipe.result_names("features"), strict=True
    ):
        if name in places:
            beside = _beside(places, form, name)
            opened = open_feature_file(
                places[name].temporary, layout, task.scratch, form=form, beside=beside
            )
            parts.files.append(stack.enter_context(opened))
    if "statistics" in places:
        parts.meter = StatisticsMeter(tuple(extractor.columns))
        parts.meter_target = _file(places, "statistics")
    if settings.per == "segment" and settings.labels is None:
        parts.segmentation = _segmentation(recipe, fmt)
    if "spectrogram" in places:
        from audiokit.jobs.spectrogram_plot import SpectrogramPlot

        parts.plot = SpectrogramPlot(
            fmt,
            _file(places, "spectrogram"),
            title=Path(task.name).name,
            columns=tuple(extractor.columns),
            times=FrameTimes(extractor.frame_time_s(0), extractor.hop_s),
        )
    return FeatureSink(extractor, settings, task.name, parts=parts, warn=warn)


def _maker_of(
    extractor: FeatureExtractor, settings: FeatureWriteSettings, scratch: Path
) -> RowMaker:
    columns = tuple(extractor.columns)
    times = FrameTimes(extractor.frame_time_s(0), extractor.hop_s)
    if settings.per == "frame":
        return FrameRows()
    if settings.per == "window":
        windows = WindowSummary(
            columns,
            settings.summaries,
            window_s=settings.row_window_s,
            hop_s=times.hop_s,
            first_s=times.first_s,
        )
        return WindowRows(windows, window_s=settings.row_window_s)
    is_whole = settings.per == "file"
    return SpanRows(columns, settings.summaries, times=times, scratch=scratch, is_whole=is_whole)


def _saved(extractor: FeatureExtractor, settings: FeatureWriteSettings) -> SavedStatistics | None:
    if settings.stats is None:
        return None
    saved = read_statistics(Path(settings.stats))
    saved.check_fit(frame_rule_of(extractor), tuple(extractor.columns))
    return saved


def _segmentation(recipe: Recipe, fmt: StreamFormat) -> Segmentation:
    """Return what finds segments: as the recipe has them, or by its defaults."""
    from audiokit.jobs.segmentation import Segmentation, SegmentSettings

    is_set = "segments" in recipe.writes
    return Segmentation(fmt, recipe.write_settings("segments") if is_set else SegmentSettings())


def _beside(places: Mapping[str, Place], form: str, name: str) -> dict[str, tuple[Path, Path]]:
    """Return what lies beside a file of this kind, by its ending."""
    target = places[name].target
    return {
        word: (_file(places, f"{name}_{word}"), target if isinstance(target, Path) else Path())
        for word in COMPANIONS.get(form, {})
        if f"{name}_{word}" in places
    }


def _file(places: Mapping[str, Place], name: str) -> Path:
    temporary: Path | BinaryIO = places[name].temporary
    if not isinstance(temporary, Path):
        raise SettingError(f"write.{name}", "a stream", "a file to go to")
    return temporary


def _is_feature(name: str) -> bool:
    return name.partition("_")[0] == "features"
