"""Where the last pass of a recipe ends: audio, segments, features and scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from audiokit.errors import SettingError
from audiokit.files.atomic import delivering, replacing, replacing_folder, replacing_tree
from audiokit.files.info import AudioInfo
from audiokit.files.write import (
    AudioWriter,
    BitDepth,
    WriteSettings,
    bitrate_within,
    container_of,
    open_writer,
)
from audiokit.jobs.taps import score_facts
from audiokit.jobs.task import ProcessTask
from audiokit.loudness.meter import LoudnessMeter
from audiokit.recipe import Recipe
from audiokit.stage import Block, StreamFormat

if TYPE_CHECKING:
    from audiokit.files.read import AudioReader
    from audiokit.jobs.segment_sink import SegmentView

__all__ = ["Place", "Sink", "audio_settings", "open_places", "open_sinks"]


# A source of the same kind as the result; its bit rate is kept.
_LOSSY_CONTAINERS = {
    ("mp3", "mp3float"): "mp3",
    ("mp3", "mpeg_layer_iii"): "mp3",
    ("mp4", "aac"): "m4a",
    ("ogg", "vorbis"): "ogg",
    ("ogg", "opus"): "opus",
}


class Sink(ABC):
    """Takes the blocks of the last pass and writes one kind of result."""

    @abstractmethod
    def write(self, block: Block) -> None:
        """Take the next block."""

    def finish(self) -> None:  # noqa: B027  a sink with nothing to end leaves it so
        """End the stream."""

    def facts(self) -> dict[str, Any]:
        """Return what the row says about this result."""
        return {}


class _AudioSink(Sink):
    def __init__(self, writer: AudioWriter) -> None:
        self._writer = writer

    def write(self, block: Block) -> None:
        self._writer.write(block)

    def facts(self) -> dict[str, Any]:
        return {"out_clipped_samples": self._writer.n_clipped}


class _ScoreSink(Sink):
    def __init__(self, fmt: StreamFormat, settings: Any, loudness: LoudnessMeter | None) -> None:
        from audiokit.quality.meter import QualityMeter

        self._meter = QualityMeter(fmt, settings)
        self._loudness = loudness

    def write(self, block: Block) -> None:
        self._meter.update(block)
        if self._loudness is not None:
            self._loudness.update(block)

    def facts(self) -> dict[str, Any]:
        loudness = None if self._loudness is None else self._loudness.result()
        return score_facts(self._meter.result(), loudness)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a result belongs, and where it is written until all results are complete."""

    target: Path | BinaryIO
    temporary: Path | BinaryIO


@contextmanager
def open_places(task: ProcessTask, *, is_retried: bool) -> Iterator[dict[str, Place]]:
    """Make room for every result that the task names.

    All results appear under their names together when the context ends well, and none
    when it ends in an error.

    Args:
        task: Where results go.
        is_retried: Whether a result may be written more than once: what goes to a stream
            then waits in a file until it is final.
    """
    with ExitStack() as names:
        places = {}
        for kind, target in task.outputs.items():
            if isinstance(target, Path):
                temporary: Path | BinaryIO = names.enter_context(_replacing(kind, target))
            elif is_retried:
                temporary = names.enter_context(delivering(target, task.scratch))
            else:
                temporary = target
            places[kind] = Place(target, temporary)
        yield places


def _replacing(kind: str, target: Path) -> AbstractContextManager[Path]:
    if kind == "cuts":
        from audiokit.jobs.cuts import is_cut_name

        return replacing_folder(target, is_ours=is_cut_name)
    return replacing_tree(target) if target.suffix == ".zarr" else replacing(target)


@contextmanager
def open_sinks(
    task: ProcessTask,
    recipe: Recipe,
    fmt: StreamFormat,
    reader: AudioReader,
    *,
    places: Mapping[str, Place],
) -> Iterator[list[Sink]]:
    """Open every result that the recipe writes and there is a place for.

    Args:
        task: What is read.
        recipe: What to write.
        fmt: Format of the last pass.
        reader: Whose tags the audio inherits.
        places: Where to.
    """
    with ExitStack() as stack:
        yield list(_sinks(stack, places, task, recipe, fmt, reader))


def _sinks(
    stack: ExitStack,
    places: Mapping[str, Place],
    task: ProcessTask,
    recipe: Recipe,
    fmt: StreamFormat,
    reader: AudioReader,
) -> Iterator[Sink]:
    if "scores" in recipe.writes:
        # Of audio that is written, the loudness is measured as it is decoded.
        loudness = None if "audio" in recipe.writes else LoudnessMeter(fmt)
        yield _ScoreSink(fmt, recipe.write_settings("scores"), loudness)
    if "segments" in recipe.writes:
        yield _segment_sink(stack, places, task, recipe, fmt, reader)
    if "features" in recipe.writes:
        from audiokit.jobs.feature_sink import has_feature_place, open_feature_sink

        if has_feature_place(places):
            yield open_feature_sink(
                stack,
                places,
                task,
                recipe,
                fmt,
                warn=lambda sentence: _add_new(reader.warnings, [sentence]),
            )
    if "audio" in recipe.writes and "audio" in places:
        place = places["audio"]
        settings = audio_settings(recipe, place.target, reader.info, fmt)
        writer = open_writer(
            place.temporary, fmt, settings, tags=reader.info.tags, cover=reader.cover()
        )
        # Only when it is closed does a writer know all that it could not keep.
        stack.callback(_add_new, reader.warnings, writer.warnings)
        yield _AudioSink(stack.enter_context(writer))


def _segment_sink(
    stack: ExitStack,
    places: Mapping[str, Place],
    task: ProcessTask,
    recipe: Recipe,
    fmt: StreamFormat,
    reader: AudioReader,
) -> Sink:
    from audiokit.jobs.segment_sink import LabelFile, SegmentSink

    settings = recipe.write_settings("segments")
    kinds = dict(zip(recipe.result_names("segments"), recipe.formats("segments"), strict=True))
    files = [
        LabelFile(kinds[name], place.temporary) for name, place in places.items() if name in kinds
    ]
    views = list(_views(places, task, recipe, fmt, reader))
    for view in views:
        stack.callback(view.close)
    return SegmentSink(
        fmt,
        settings,
        task.name,
        files=files,
        views=views,
        warn=lambda sentence: _add_new(reader.warnings, [sentence]),
    )


def _views(
    places: Mapping[str, Place],
    task: ProcessTask,
    recipe: Recipe,
    fmt: StreamFormat,
    reader: AudioReader,
) -> Iterator[SegmentView]:
    """Yield what shows segments and has a place."""
    title = Path(task.name).name
    if "cuts" in recipe.writes and "cuts" in places:
        from audiokit.jobs.cuts import CutWriter

        cuts = recipe.write_settings("cuts")
        # No fade reaches the speech: it ends within what was added around it.
        fade_ms = min(cuts.fade_ms, recipe.write_settings("segments").pad_ms)
        yield CutWriter(
            fmt,
            _path(places, "cuts"),
            scratch=task.scratch,
            settings=WriteSettings(
                cuts.container, bit_depth=_depth_as_it_was(reader.info, cuts.container)
            ),
            fade_s=fade_ms / 1000.0,
        )
    if "trim" in recipe.writes and "trim" in places:
        from audiokit.jobs.trim import TrimWriter

        trim = recipe.write_settings("trim")
        depth = _depth_as_it_was(reader.info, trim.container)
        yield TrimWriter(
            fmt,
            _path(places, "trim"),
            time_map=_path(places, "trim_map") if "trim_map" in places else None,
            scratch=task.scratch,
            write_settings=WriteSettings(trim.container, bit_depth=depth),
            settings=trim,
        )
    if "plot" in recipe.writes and "plot" in places:
        from audiokit.jobs.segment_plot import SegmentPlot

        yield SegmentPlot(fmt, _path(places, "plot"), title=title)
    if "page" in recipe.writes and "page" in places:
        from audiokit.jobs.segment_page import SegmentPage

        yield SegmentPage(
            fmt,
            recipe.write_settings("page"),
            target=_path(places, "page"),
            title=title,
            claimed_samples=reader.info.n_samples,
        )


def _path(places: Mapping[str, Place], kind: str) -> Path:
    temporary = places[kind].temporary
    if not isinstance(temporary, Path):
        raise SettingError(f"write.{kind}", "a stream", "a file or a folder to go to")
    return temporary


def _add_new(warnings: list[str], more: list[str]) -> None:
    # A result may be written more than once.
    warnings += [warning for warning in more if warning not in warnings]


def audio_settings(
    recipe: Recipe, target: Path | BinaryIO, info: AudioInfo, fmt: StreamFormat
) -> WriteSettings:
    """Return how to write: the container by the target's name, the rest as it was.

    What the recipe names wins.

    Args:
        recipe: What it says of the audio.
        target: Where to.
        info: How the source was written.
        fmt: What is to be written.
    """
    settings: WriteSettings = recipe.write_settings("audio")
    if isinstance(target, Path):
        settings = replace(settings, container=container_of(target))
    given = recipe.writes["audio"]
    if given["bit_depth"].origin == "default":
        settings = replace(settings, bit_depth=_depth_as_it_was(info, settings.container))
    is_alike = (info.sample_rate, info.channels) == (fmt.sample_rate, fmt.channels)
    if given["bitrate_bps"].origin == "default" and is_alike and info.bitrate_bps is not None:
        lossy = _LOSSY_CONTAINERS.get((info.container, info.codec))
        if lossy == settings.container:
            settings = replace(settings, bitrate_bps=bitrate_within(info.bitrate_bps))
    return settings


def _depth_as_it_was(info: AudioInfo, container: str) -> BitDepth:
    """Return the bit depth that loses least of a source, in a container."""
    is_float = info.codec in ("float", "double") or info.codec.startswith("pcm_f")
    if container == "wav" and is_float:
        return "float"
    if is_float or info.bit_depth == 24:
        return 24
    if info.bit_depth == 32:
        return 32 if container == "wav" else 24
    return 16
