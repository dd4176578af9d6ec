"""libebur128, through ctypes: the meter that others are compared with.

Momentary and short-term loudness are asked for every 10 ms, as often as the library's
user likes; its own programmes ask ten times a second.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from itertools import pairwise

import numpy as np
from ebu_signals import Readings

STEP_S = 0.01
# From the library's header, version 1.2.
_MODE_SHORT_TERM, _MODE_INTEGRATED, _MODE_RANGE, _MODE_TRUE_PEAK = 3, 5, 11, 49
_TRACED = {"momentary_lufs": "momentary", "short_term_lufs": "shortterm"}


def find():
    """Return the path of the shared library, or None where it is not installed."""
    return ctypes.util.find_library("ebur128")


def read(block, sample_rate, wanted):
    """Return what libebur128 says about a stream.

    Args:
        block: ``(samples, channels)``, float32.
        sample_rate: In Hz.
        wanted: The fields of `Readings` that are asked for; the others cost time.
    """
    library = ctypes.CDLL(find())
    library.ebur128_init.restype = ctypes.c_void_p
    # A short-term reading needs its mode even where nobody traces it: range does.
    mode = _MODE_SHORT_TERM | _MODE_INTEGRATED | _MODE_RANGE
    mode |= _MODE_TRUE_PEAK if "true_peak_dbtp" in wanted else 0
    n_channels = block.shape[1]
    state = ctypes.c_void_p(
        library.ebur128_init(ctypes.c_uint(n_channels), ctypes.c_ulong(sample_rate), mode)
    )
    if not state:
        raise MemoryError("libebur128 gives no state")
    try:
        traces = _feed(library, state, block, sample_rate, wanted)
        peaks = [_ask(library.ebur128_true_peak, state, c) for c in range(n_channels)]
        return Readings(
            STEP_S,
            *(np.array(traces[name]) for name in _TRACED),
            integrated_lufs=_finite(_ask(library.ebur128_loudness_global, state)),
            range_lu=_finite(_ask(library.ebur128_loudness_range, state)),
            true_peak_dbtp=20.0 * np.log10(max(peaks)) if max(peaks) > 0.0 else None,
        )
    finally:
        library.ebur128_destroy(ctypes.byref(state))


def _feed(library, state, block, sample_rate, wanted):
    """Pass the whole stream on; return the traces that are wanted, by name."""
    traces = {name: [] for name in _TRACED}
    step = sample_rate * STEP_S
    edges = np.round(np.arange(0, len(block) / step + 1) * step).astype(int)
    block = np.ascontiguousarray(block, np.float32)
    for start, stop in pairwise(np.minimum(edges, len(block))):
        piece = block[start:stop]
        library.ebur128_add_frames_float(
            state, ctypes.c_void_p(piece.ctypes.data), ctypes.c_size_t(len(piece))
        )
        for name in traces.keys() & wanted:
            value = _ask(getattr(library, f"ebur128_loudness_{_TRACED[name]}"), state)
            traces[name].append(_finite(value) if np.isfinite(value) else np.nan)
    return traces


def _ask(function, state, *arguments):
    value = ctypes.c_double()
    function(state, *arguments, ctypes.byref(value))
    return value.value


def _finite(value):
    return value if np.isfinite(value) else None
