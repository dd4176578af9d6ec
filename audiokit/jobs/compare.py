"""Compare one recording with its reference, in numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import audiokit
from audiokit.errors import EmptyError, ItemError, TooLongError, TooShortError
from audiokit.files.read import AudioReader, RawFormat, open_audio
from audiokit.files.resample import Resampler, ResampleSettings
from audiokit.jobs.blocks import BLOCK_SAMPLES
from audiokit.jobs.task import Limits
from audiokit.quality.reference.pair import PairSettings, compare_pair
from audiokit.quality.reference.report import ReferenceReport
from audiokit.stage import Block, StreamFormat, run_blocks

__all__ = ["COLUMNS", "CompareJob", "compare_files"]

Row = dict[str, Any]
COLUMNS = tuple(
    field.name
    for field in dataclasses.fields(ReferenceReport)
    if field.name not in ("pesq_mode", "reason", "remarks")
)
"""What a gate may ask about a pair."""


def compare_files(
    reference: str,
    recording: str,
    *,
    settings: PairSettings | None = None,
    limits: Limits | None = None,
    raw: RawFormat | None = None,
) -> Row:
    """Compare a recording with its reference.

    Both are held in memory whole. A recording at another rate is brought to that of the
    reference: what it lacks above its own band counts as lost.

    Args:
        reference: A path or URL.
        recording: A path or URL.
        settings: What is measured, and how.
        limits: What both recordings must keep to.
        raw: The format of headerless sources.

    Returns:
        Facts about both and the measures, under their Python names.

    Raises:
        ItemError: A recording cannot be read, or is outside the limits.
        SettingError: The sample rate of the reference is below 4000 Hz.
        MissingExtraError: A package that the settings ask for is not installed.
    """
    limits = limits or Limits()
    try:
        clean, fmt, warnings = _read(reference, limits, raw)
    except ItemError as error:
        # Beside the name of the recording, say which of the two is meant.
        raise type(error)(f"reference {error.subject}", error.problem, error.hint) from error
    other, other_fmt, more = _read(recording, limits, raw)
    row: Row = {
        "reference": reference,
        "duration_s": round(other_fmt.seconds(len(other)), 6),
        "sample_rate": other_fmt.sample_rate,
        "channels": other_fmt.channels,
        "reference_duration_s": round(fmt.seconds(len(clean)), 6),
        "reference_sample_rate": fmt.sample_rate,
        "reference_channels": fmt.channels,
    }
    rate, own_rate = fmt.sample_rate, other_fmt.sample_rate
    report = compare_pair(
        clean,
        _resampled(other, own_rate, rate),
        rate,
        resample=lambda samples, to: _resampled(samples[:, np.newaxis], rate, to)[:, 0],
        settings=settings,
    )
    if own_rate != rate:
        said = f"the recording has {own_rate} Hz, and is compared at {rate} Hz"
        if own_rate < rate:
            said += f": what it lacks above {own_rate // 2} Hz counts as lost"
        report = dataclasses.replace(report, remarks=(said, *report.remarks))
    row |= report.to_row()
    row["warnings"] = [f"reference: {warning}" for warning in warnings] + more
    row["audiokit_version"] = audiokit.__version__
    return row


def _read(
    source: str, limits: Limits, raw: RawFormat | None
) -> tuple[Block, StreamFormat, list[str]]:
    with open_audio(source, raw=raw) as reader:
        block = _all_of(source, reader, limits)
        return block, reader.fmt, list(reader.warnings)


def _all_of(source: str, reader: AudioReader, limits: Limits) -> Block:
    fmt, n_samples = reader.fmt, 0
    blocks = []
    for block in reader.blocks(BLOCK_SAMPLES):
        n_samples += len(block)
        if fmt.seconds(n_samples) > limits.max_duration_s:
            raise TooLongError(
                source,
                f"is longer than {limits.max_duration_s:g} s",
                "Cut it, or raise --max-duration-s: both recordings are held in memory whole.",
            )
        blocks.append(block.copy())
    if not n_samples:
        raise EmptyError(source, "holds no samples", "Record it again.")
    if fmt.seconds(n_samples) < limits.min_duration_s:
        least_s = limits.min_duration_s
        raise TooShortError(
            source,
            f"is {fmt.seconds(n_samples):.3f} s long, expected {least_s:g} s or more",
            "Lower --min-duration-s to take it.",
        )
    return np.concatenate(blocks)


def _resampled(block: Block, sample_rate: int, to: int) -> NDArray[np.float32]:
    if sample_rate == to:
        return block
    fmt = StreamFormat(sample_rate, block.shape[1])
    resampler = Resampler(fmt, ResampleSettings(to))
    return np.concatenate(list(run_blocks(resampler, [np.ascontiguousarray(block)])))


@dataclass(frozen=True, slots=True)
class CompareJob:
    """`compare_files` for a run over many pairs: picklable, called with one item.

    Args:
        references: The reference of each recording, by the recording's path; where it is an
            error, that is what becomes of the pair.
        settings: What is measured, and how.
        limits: What each recording must keep to.
        raw: The format of headerless sources.
    """

    references: Mapping[str, str | ItemError]
    settings: PairSettings
    limits: Limits
    raw: RawFormat | None = None

    def __call__(self, item: Any) -> Row:
        """Compare one item, whose payload is a path and no outputs.

        Raises:
            ItemError: The recording has no reference; or as `compare_files`.
        """
        source, _ = item.payload
        reference = self.references[source]
        if isinstance(reference, ItemError):
            raise reference
        return compare_files(
            reference, source, settings=self.settings, limits=self.limits, raw=self.raw
        )
