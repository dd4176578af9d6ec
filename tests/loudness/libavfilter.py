"""FFmpeg's ebur128 filter, from the library inside PyAV: no program needed.

It reads ten times a second and nothing in between; figures come as its metadata, to three
decimals.
"""

from __future__ import annotations

import contextlib

import av
import numpy as np
from ebu_signals import Readings

STEP_S = 0.1
_LAYOUTS = {1: "mono", 2: "stereo", 5: "5.0", 6: "5.1"}
_PUSHED_SAMPLES = 1 << 16
# What the filter says of digital silence and of windows that are not full.
_SILENCE_LUFS = -120.0


def can_read():
    """Return whether this PyAV hands out what filters say."""
    return hasattr(av.AudioFrame, "metadata")


def read(blocks, sample_rate):
    """Return what FFmpeg's meter says about a stream.

    Args:
        blocks: Arrays ``(samples, channels)``, float32, of one stream.
        sample_rate: In Hz.
    """
    said = [metadata for block in _run(blocks, sample_rate) for metadata in block]
    if not said:
        return Readings(STEP_S, np.zeros(0), np.zeros(0))
    last = {name.rpartition(".")[2]: float(value) for name, value in said[-1].items()}
    momentary, short_term = (
        np.array([float(metadata[f"lavfi.r128.{letter}"]) for metadata in said]) for letter in "MS"
    )
    # Windows fill up from silence; the standard wants them full.
    short_term[: round(3.0 / STEP_S) - 1] = np.nan
    momentary[: round(0.4 / STEP_S) - 1] = np.nan
    peak = last["true_peak"]
    return Readings(
        STEP_S,
        np.where(momentary > _SILENCE_LUFS, momentary, np.nan),
        np.where(short_term > _SILENCE_LUFS, short_term, np.nan),
        integrated_lufs=last["I"] if last["I"] > -70.0 else None,
        range_lu=last["LRA"],
        true_peak_dbtp=20.0 * np.log10(peak) if peak > 0.0 else None,
    )


def _run(blocks, sample_rate):
    """Yield, for each piece pushed, the list of what the filter says."""
    graph = source = sink = None
    n_pushed = 0
    for block in blocks:
        for start in range(0, len(block), _PUSHED_SAMPLES):
            piece = np.ascontiguousarray(block[start : start + _PUSHED_SAMPLES], np.float32)
            layout = _LAYOUTS[piece.shape[1]]
            if graph is None:
                graph, source, sink = _build(sample_rate, layout)
            frame = av.AudioFrame.from_ndarray(piece.reshape(1, -1), "flt", layout)
            frame.sample_rate, frame.pts = sample_rate, n_pushed
            n_pushed += len(piece)
            source.push(frame)
            yield _drain(sink)
    if graph is not None:
        source.push(None)
        yield _drain(sink)


def _build(sample_rate, layout):
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=sample_rate, format="flt", layout=layout)
    meter = graph.add("ebur128", "metadata=1:peak=true:framelog=quiet")
    sink = graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    return graph, source, sink


def _drain(sink):
    """Return the metadata of every frame that is ready."""
    said = []
    with contextlib.suppress(av.BlockingIOError, av.EOFError):
        while True:
            said.append(dict(sink.pull().metadata))
    return [metadata for metadata in said if metadata]
