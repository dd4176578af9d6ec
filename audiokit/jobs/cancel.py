"""Take the far end's echo out of one recording."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np

import audiokit
from audiokit.echo.engines import open_canceller
from audiokit.errors import ItemError, SettingError
from audiokit.files.hash import content_hash
from audiokit.files.read import AudioReader, RawFormat, open_audio
from audiokit.files.resample import Resampler, ResampleSettings
from audiokit.jobs.blocks import BLOCK_SAMPLES
from audiokit.jobs.sinks import Sink, open_places, open_sinks
from audiokit.jobs.task import LengthGuard, Limits, ProcessTask
from audiokit.recipe import Recipe
from audiokit.stage import Block, StreamFormat

__all__ = ["CancelJob", "Reference", "cancel_file"]

Row = dict[str, Any]
Pairs: TypeAlias = Iterator[tuple[Block, Block]]


@dataclass(frozen=True, slots=True)
class Reference:
    """Where the far end is: in a recording of its own, or a channel of the microphone's.

    Args:
        source: A path, a URL or an open binary stream; None where `channel` says it.
        channel: Of the microphone's recording, counted from 0.
        raw: The format of a headerless source.
    """

    source: str | BinaryIO | None = None
    channel: int | None = None
    raw: RawFormat | None = None

    @property
    def name(self) -> str:
        """How the reference is called in rows."""
        if self.channel is not None:
            return f"channel:{self.channel}"
        return self.source if isinstance(self.source, str) else "stdin"


def cancel_file(
    task: ProcessTask,
    reference: Reference,
    *,
    engine: str,
    recipe: Recipe,
    limits: Limits | None = None,
) -> Row:
    """Take the far end's echo out of one recording.

    A reference at another sample rate is resampled, its channels are mixed; where it is too
    short, silence follows.

    Args:
        task: The microphone's recording, and where the result goes.
        reference: The far end.
        engine: One of `audiokit.echo.engines.ENGINES`.
        recipe: How the audio is written; its stages are not run.
        limits: What the recording must keep to.

    Returns:
        Facts about the source, the echo and the result, under their Python names.

    Raises:
        ItemError: A recording or the machine is at fault; nothing half-written stays.
        SettingError: The engine cannot work on this format.
        MissingDeviceError: The engine's library is not installed.
    """
    limits = limits or Limits()
    with open_audio(task.source, raw=task.raw) as near:
        if reference.channel is not None or reference.source is None:
            far: _ChannelFar | _FileFar = _ChannelFar(near, reference.channel or 0)
            return _run(task, near, far, engine=engine, recipe=recipe, limits=limits)
        with _opened(reference.source, reference.raw) as reader:
            far = _FileFar(near, reader, reference.name)
            return _run(task, near, far, engine=engine, recipe=recipe, limits=limits)


@dataclass(frozen=True, slots=True)
class CancelJob:
    """`cancel_file` for a run over many files: picklable, called with one item.

    Args:
        engine: Who does the work.
        recipe: How the audio is written.
        limits: What each recording must keep to.
        out: The folder below which outputs go.
        references: The far end of each source, a path or a channel.
        raw: The format of headerless sources.
    """

    engine: str
    recipe: Recipe
    limits: Limits
    out: Path
    references: Mapping[str, str | int]
    raw: RawFormat | None = None

    def __call__(self, item: Any) -> Row:
        """Process one item, whose payload is a path and its outputs by kind."""
        source, outputs = item.payload
        targets = {kind: self.out / relative for kind, relative in outputs.items()}
        task = ProcessTask(source, targets, name=source, scratch=self.out, raw=self.raw)
        far = self.references[source]
        if isinstance(far, int):
            reference = Reference(channel=far)
        else:
            reference = Reference(far, raw=self.raw)
        row = cancel_file(
            task, reference, engine=self.engine, recipe=self.recipe, limits=self.limits
        )
        return {"hash": content_hash(source), **row, **outputs}


def _opened(source: str | BinaryIO, raw: RawFormat | None) -> AudioReader:
    try:
        return open_audio(source, raw=raw)
    except ItemError as error:
        # Beside the name of the microphone's file, say which of the two is meant.
        raise type(error)(f"reference {error.subject}", error.problem, error.hint) from error


class _ChannelFar:
    """The far end as one channel of the microphone's recording."""

    def __init__(self, near: AudioReader, channel: int) -> None:
        if not 0 <= channel < near.fmt.channels or near.fmt.channels < 2:
            raise SettingError(
                "reference",
                f"channel:{channel}",
                f"a channel of {near.fmt.channels}, counted from 0, beside the microphone's",
            )
        self._near, self._channel = near, channel
        self.fmt = StreamFormat(near.fmt.sample_rate, near.fmt.channels - 1)
        self.warnings: list[str] = []
        self.facts = {"reference": f"channel:{channel}"}

    def pairs(self) -> Pairs:
        for block in self._near.blocks(BLOCK_SAMPLES):
            near = np.delete(block, self._channel, axis=1)
            yield near, np.ascontiguousarray(block[:, self._channel : self._channel + 1])


class _FileFar:
    """The far end as a recording of its own."""

    def __init__(self, near: AudioReader, far: AudioReader, name: str) -> None:
        self._near, self._far = near, far
        self.fmt = near.fmt
        self.warnings: list[str] = []
        self.facts: Row = {"reference": name, "reference_sample_rate": far.fmt.sample_rate}
        rate = near.fmt.sample_rate
        if far.fmt.sample_rate != rate:
            said = f"reference resampled from {far.fmt.sample_rate} to {rate} Hz"
            self.warnings.append(said)

    def pairs(self) -> Pairs:
        far = self._mixed()
        waiting: list[Block] = []
        n_far = n_near = 0
        has_ended = False
        for near in self._near.blocks(BLOCK_SAMPLES):
            n_near += len(near)
            while n_far < n_near and not has_ended:
                piece = next(far, None)
                if piece is None:
                    has_ended = True
                    self._say_short(n_far)
                    break
                waiting.append(piece)
                n_far += len(piece)
            if has_ended and n_far < n_near:
                waiting.append(np.zeros((n_near - n_far, 1), np.float32))
                n_far = n_near
            yield near, np.concatenate(waiting) if waiting else np.zeros((0, 1), np.float32)
            waiting = []

    def _mixed(self) -> Iterator[Block]:
        """Yield the far end, one channel at the microphone's rate."""
        mono = StreamFormat(self._far.fmt.sample_rate)
        resampler = Resampler(mono, ResampleSettings(self._near.fmt.sample_rate))
        for block in self._far.blocks(BLOCK_SAMPLES):
            yield resampler.process(block.mean(axis=1, keepdims=True, dtype=np.float32))
        yield resampler.flush()

    def _say_short(self, n_samples: int) -> None:
        duration_s = self._near.fmt.seconds(n_samples)
        self.warnings.append(f"reference ends at {duration_s:.2f} s; silence follows")


def _run(
    task: ProcessTask,
    near: AudioReader,
    far: _ChannelFar | _FileFar,
    *,
    engine: str,
    recipe: Recipe,
    limits: Limits,
) -> Row:
    canceller = open_canceller(engine, far.fmt)
    length = LengthGuard(task.name, near.fmt, limits)
    with (
        open_places(task, is_retried=False) as places,
        open_sinks(task, recipe, far.fmt, near, places=places) as sinks,
    ):
        for block, far_block in far.pairs():
            length.count(len(block))
            _write(sinks, canceller.process(block, far_block))
        length.finish()
        _write(sinks, canceller.flush())
    facts = dict(canceller.facts())
    row: Row = {
        "duration_s": round(length.duration_s, 6),
        "sample_rate": near.fmt.sample_rate,
        "channels": far.fmt.channels,
        "container": near.info.container,
        "codec": near.info.codec,
        **far.facts,
        "engine": engine,
        **facts,
    }
    for sink in sinks:
        row |= sink.facts()
    row["warnings"] = [*near.warnings, *far.warnings, *_doubts(facts)]
    return row | {"settings": recipe.fingerprint(), "audiokit_version": audiokit.__version__}


def _write(sinks: list[Sink], block: Block) -> None:
    for sink in sinks:
        sink.write(block)


def _doubts(facts: Mapping[str, Any]) -> list[str]:
    said = {
        "idle": "the reference is silent; nothing was done",
        "searching": "no echo was found yet; nothing was done",
        "no_echo_found": "no echo of the reference was found; nothing was done",
    }
    # Only our own engine can tell: the others run whatever they hear.
    return [said[facts["state"]]] if facts["state"] in said else []
