"""audiokit's meter, asked as the peers are."""

from __future__ import annotations

from ebu_signals import Readings

from audiokit.loudness.meter import LoudnessMeter
from audiokit.stage import StreamFormat


def read(blocks, sample_rate):
    """Return what audiokit reads of a stream.

    Args:
        blocks: Arrays ``(samples, channels)``, float32, of one stream; one or more.
        sample_rate: In Hz.
    """
    meter = _after(blocks, sample_rate)
    said, trace = meter.result(), meter.trace()
    return Readings(
        trace.step_s,
        trace.momentary_lufs,
        trace.short_term_lufs,
        integrated_lufs=said.integrated_lufs,
        range_lu=said.range_lu,
        true_peak_dbtp=said.true_peak_dbtp,
    )


def report(blocks, sample_rate):
    """Return the whole report on a stream, for what peers do not tell.

    Args:
        blocks: As for `read`.
        sample_rate: In Hz.
    """
    return _after(blocks, sample_rate).result()


def _after(blocks, sample_rate):
    first, *others = blocks
    meter = LoudnessMeter(StreamFormat(sample_rate, first.shape[1]))
    for block in (first, *others):
        meter.update(block)
    return meter
