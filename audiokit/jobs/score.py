"""Score one recording without a reference, with further opinions where asked for."""

from __future__ import annotations

import io
import sys
import tempfile
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from audiokit.files.read import RawFormat, open_audio
from audiokit.files.resample import Resampler, ResampleSettings
from audiokit.jobs.blocks import BLOCK_SAMPLES
from audiokit.jobs.process import Limits, ProcessJob, ProcessTask, process_file
from audiokit.quality.dnsmos_engine import RATE_HZ, DnsmosMeter, DnsmosReport
from audiokit.quality.report import QualityReport
from audiokit.recipe import Recipe
from audiokit.stage import StreamFormat, run_blocks

__all__ = ["DNSMOS_COLUMNS", "SCORE_PREFIX", "ScoreJob", "StdinScoreJob", "score_columns"]

Row = dict[str, Any]
SCORE_PREFIX = "score_"
"""What stands before the name of each score in a row."""
_DNSMOS = "dnsmos_"
DNSMOS_COLUMNS = tuple(_DNSMOS + name for name in DnsmosReport(None, None, None, None).to_row())
"""What a row holds of DNSMOS."""


def score_columns(recipe: Recipe) -> tuple[str, ...]:
    """Return the names in a row of all scores that are numbers or facts, in their order.

    A second of silence is scored: its row holds every name.

    Args:
        recipe: One that writes scores.
    """
    words = {
        SCORE_PREFIX + name
        for name, hint in typing.get_type_hints(QualityReport).items()
        if not {float, int, bool} & set(typing.get_args(hint) or [hint])
    }
    raw = RawFormat("s16le", RATE_HZ)
    with tempfile.TemporaryDirectory(prefix="audiokit-") as scratch:
        silence = io.BytesIO(bytes(2 * RATE_HZ))
        task = ProcessTask(silence, {}, name="silence", scratch=Path(scratch), raw=raw)
        row = process_file(task, recipe)
    return tuple(name for name in row if name.startswith(SCORE_PREFIX) and name not in words)


@dataclass(frozen=True, slots=True)
class ScoreJob:
    """Score recordings of a run over many: picklable, called with one item.

    Args:
        recipe: One that writes scores.
        limits: What each recording must keep to.
        has_dnsmos: Whether DNSMOS is asked too: reads each recording a second time.
        raw: The format of headerless sources.
    """

    recipe: Recipe
    limits: Limits
    has_dnsmos: bool = False
    raw: RawFormat | None = None

    def __call__(self, item: Any) -> Row:
        """Score one item, whose payload is a path and no outputs."""
        row = ProcessJob(self.recipe, self.limits, None, self.raw)(item)
        source, _ = item.payload
        return row | (_dnsmos_facts(source, self.raw) if self.has_dnsmos else {})


@dataclass(frozen=True, slots=True)
class StdinScoreJob:
    """Score what comes on standard input; called with an item that only has its name.

    Args:
        recipe: One that writes scores.
        limits: What the recording must keep to.
        raw: The format of a headerless stream.
    """

    recipe: Recipe
    limits: Limits
    raw: RawFormat | None = None

    def __call__(self, item: Any) -> Row:
        """Score the stream."""
        name, _ = item.payload
        with tempfile.TemporaryDirectory(prefix="audiokit-") as scratch:
            task = ProcessTask(
                sys.stdin.buffer, {}, name=name, scratch=Path(scratch), raw=self.raw
            )
            return process_file(task, self.recipe, self.limits)


def _dnsmos_facts(source: str, raw: RawFormat | None) -> Row:
    with open_audio(source, raw=raw) as reader:
        mono = StreamFormat(reader.fmt.sample_rate)
        meter = DnsmosMeter(StreamFormat(RATE_HZ))
        means = (
            block.mean(axis=1, keepdims=True, dtype=np.float32)
            for block in reader.blocks(BLOCK_SAMPLES)
        )
        for block in run_blocks(Resampler(mono, ResampleSettings(RATE_HZ)), means):
            meter.update(block)
    return {_DNSMOS + name: value for name, value in meter.result().to_row().items()}
