"""Run one recording through a recipe: audio, segments, features and scores out.

The whole job in constant memory: blocks flow from the reader through a chain; a stage
that must hear the whole stream first (`TwoPass`) ends one pass, and the stream waits
in a spool for the next.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import audiokit
from audiokit.errors import EmptyError, TooLongError, TooShortError
from audiokit.files.read import AudioReader, RawFormat, open_audio
from audiokit.files.spool import BlockSpool
from audiokit.jobs.sinks import Sink, open_sinks
from audiokit.jobs.taps import Taps
from audiokit.recipe import Recipe, StageSpec
from audiokit.stage import Block, Chain, Processor, StreamFormat, run_blocks

__all__ = [
    "SCHEMA",
    "Limits",
    "ProcessJob",
    "ProcessTask",
    "Row",
    "content_hash",
    "process_file",
]

SCHEMA = "audiokit.process/1"
BLOCK_S = 4.0
"""Seconds per block: long enough to hide per-call costs, short enough for the cache."""

Row = dict[str, Any]
# Stages that only bring the stream to its working format; quality is judged after them.
_FORMAT_STAGES = ("channels", "resample")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a recording must keep to.

    Args:
        min_duration_s: Shorter is a failure.
        max_duration_s: Longer, or claiming to be, is a failure.
    """

    min_duration_s: float = 0.0
    max_duration_s: float = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class ProcessTask:
    """One recording and where its results go.

    Args:
        source: A path, a URL, or an open binary stream.
        outputs: Where to write, by kind: ``audio``, ``segments``, ``features``. What the
            recipe writes but is not named here is left out.
        name: How the source is called in rows and messages.
        raw: The format of a headerless source.
        scratch: Folder for temporary files.
    """

    source: str | BinaryIO
    outputs: Mapping[str, Path | BinaryIO]
    name: str
    scratch: Path
    raw: RawFormat | None = None


def process_file(task: ProcessTask, recipe: Recipe, limits: Limits | None = None) -> Row:
    """Run one recording through a recipe.

    Args:
        task: What to read and where to write.
        recipe: Stages and settings.
        limits: What the recording must keep to.

    Returns:
        Facts about the source, the stages and the result, under their Python names.

    Raises:
        ItemError: The recording or the machine is at fault; nothing half-written stays.
        SettingError: A stage cannot work on this format.
    """
    limits = limits or Limits()
    row: Row = {"hash": content_hash(task.source)}
    with open_audio(task.source, raw=task.raw) as reader:
        run = _Run(task, recipe, limits, reader)
        run.finish()
        row |= run.facts
        row["warnings"] = list(reader.warnings)
    row |= {"recipe": recipe.name, "settings": recipe.fingerprint()}
    row["audiokit_version"] = audiokit.__version__
    return row


@dataclass(frozen=True, slots=True)
class ProcessJob:
    """`process_file` for a run over many files: picklable, called with one item.

    Args:
        recipe: Stages and settings.
        limits: What each recording must keep to.
        out: The folder below which outputs go, if there are any.
        raw: The format of headerless sources.
    """

    recipe: Recipe
    limits: Limits
    out: Path | None
    raw: RawFormat | None = None

    def __call__(self, item: Any) -> Row:
        """Process one item, whose payload is a path and its outputs by kind."""
        source, outputs = item.payload
        folder = self.out or Path()
        targets = {kind: folder / relative for kind, relative in outputs.items()}
        scratch = self.out or Path(tempfile.gettempdir())
        task = ProcessTask(source, targets, name=source, scratch=scratch, raw=self.raw)
        return process_file(task, self.recipe, self.limits) | dict(outputs)


class _Run:
    """The state of one recording on its way through a recipe."""

    def __init__(
        self, task: ProcessTask, recipe: Recipe, limits: Limits, reader: AudioReader
    ) -> None:
        self.task, self.recipe, self.limits, self.reader = task, recipe, limits, reader
        self.facts: Row = {}
        self._n_samples = 0
        self._stages: list[tuple[str, Processor]] = []
        _check_claim(task.name, reader, limits)

    def finish(self) -> None:
        """Pull the whole recording through, and gather the facts."""
        specs = list(self.recipe.stages)
        n_head = _leading_format_stages(specs)
        taps = Taps(self.recipe, is_changed=len(specs) > n_head)
        with ExitStack() as stack:
            blocks = taps.listen("source", "loudness", self.reader.fmt, self._read())
            blocks, fmt = self._passes(stack, specs[:n_head], blocks, self.reader.fmt)
            blocks = taps.listen("source", "quality", fmt, blocks)
            blocks, fmt = self._passes(stack, specs[n_head:], blocks, fmt)
            blocks = taps.listen("out", "loudness", fmt, blocks)
            sinks = stack.enter_context(open_sinks(self.task, self.recipe, fmt, self.reader))
            _pour(blocks, sinks)
            self._check_length()
            for sink in sinks:
                sink.finish()
        self.facts |= self._source_facts() | taps.facts("source")
        for use, stage in self._stages:
            self.facts |= {f"{use}_{name}": value for name, value in stage.facts().items()}
        if "audio" in self.recipe.writes:
            self.facts |= {"out_sample_rate": fmt.sample_rate, "out_channels": fmt.channels}
        self.facts |= taps.facts("out")
        for sink in sinks:
            self.facts |= sink.facts()

    def _passes(
        self,
        stack: ExitStack,
        specs: list[StageSpec],
        blocks: Iterator[Block],
        fmt: StreamFormat,
    ) -> tuple[Iterator[Block], StreamFormat]:
        """Run all but the last pass; return the stream of the last and its format."""
        ready: list[tuple[str, Processor]] = []
        for spec in specs:
            stage = spec.build(ready[-1][1].out_fmt if ready else fmt)
            if isinstance(stage, Processor):
                ready.append((spec.use, stage))
                continue
            spool = stack.enter_context(BlockSpool(stage.fmt, self.task.scratch))
            for block in self._through(ready, fmt, blocks):
                stage.meter.update(block)
                spool.write(block)
            blocks = spool.blocks(_block_samples(stage.fmt))
            fmt, ready = stage.fmt, [(spec.use, stage.build(stage.meter.result()))]
        out_fmt = ready[-1][1].out_fmt if ready else fmt
        return self._through(ready, fmt, blocks), out_fmt

    def _through(
        self, ready: list[tuple[str, Processor]], fmt: StreamFormat, blocks: Iterable[Block]
    ) -> Iterator[Block]:
        self._stages += ready
        return run_blocks(Chain(fmt, [stage for _, stage in ready]), blocks)

    def _read(self) -> Iterator[Block]:
        most = self.limits.max_duration_s * self.reader.fmt.sample_rate
        for block in self.reader.blocks(_block_samples(self.reader.fmt)):
            self._n_samples += len(block)
            if self._n_samples > most:
                raise TooLongError(
                    self.task.name,
                    f"is longer than {self.limits.max_duration_s:g} s",
                    "Raise --max-duration-s to take it.",
                )
            yield block

    def _check_length(self) -> None:
        if self._n_samples == 0:
            raise EmptyError(self.task.name, "holds no samples", "Record it again.")
        duration_s = self.reader.fmt.seconds(self._n_samples)
        if duration_s < self.limits.min_duration_s:
            raise TooShortError(
                self.task.name,
                f"is {duration_s:.3f} s long, expected {self.limits.min_duration_s:g} s or more",
                "Lower --min-duration-s to take it.",
            )

    def _source_facts(self) -> Row:
        info = self.reader.info
        return {
            "duration_s": round(self.reader.fmt.seconds(self._n_samples), 6),
            "sample_rate": self.reader.fmt.sample_rate,
            "channels": self.reader.fmt.channels,
            "container": info.container,
            "codec": info.codec,
        }


def _pour(blocks: Iterable[Block], sinks: Iterable[Sink]) -> None:
    for block in blocks:
        for sink in sinks:
            sink.write(block)


def _check_claim(name: str, reader: AudioReader, limits: Limits) -> None:
    claimed = reader.info.n_samples
    if claimed is not None and claimed > limits.max_duration_s * reader.fmt.sample_rate:
        raise TooLongError(
            name,
            f"claims {claimed / reader.fmt.sample_rate:.0f} s, "
            f"expected {limits.max_duration_s:g} s or less",
            "Raise --max-duration-s to take it.",
        )


def _leading_format_stages(stages: list[StageSpec]) -> int:
    count = 0
    while count < len(stages) and stages[count].use in _FORMAT_STAGES:
        count += 1
    return count


def _block_samples(fmt: StreamFormat) -> int:
    return max(1, round(BLOCK_S * fmt.sample_rate))


def content_hash(source: str | BinaryIO) -> str | None:
    """Return the SHA-256 of a local file, in hexadecimal; None for anything else."""
    # A named pipe must not be drained for its hash.
    if not isinstance(source, str) or not Path(source).is_file():
        return None
    digest = hashlib.sha256()
    try:
        with Path(source).open("rb") as stream:
            while piece := stream.read(1 << 20):
                digest.update(piece)
    except OSError:
        return None  # opening it as audio says what is wrong
    return digest.hexdigest()
