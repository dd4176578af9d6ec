"""What a codec left behind: the steps of G.711, a telephone's band, a lossy cut-off."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from audiokit.quality.bandwidth import BandwidthReport
from audiokit.quality.frames import Stretch
from audiokit.stage import StreamFormat

__all__ = ["CodecReport", "CompandingSteps", "find_codec"]

# So many samples in a second: a law's steps show in any.
_LOOKS_HZ = 1200
_SCALE = 32768
# From here on, steps are so wide that one sample in 16 lies on one by chance.
_LOUD = 512
_FEWEST_LOUD = 100
_TELEPHONE_HZ = (2900.0, 3900.0)
_TELEPHONE_LOWEST_HZ = 180.0
_TELEPHONE_RATE = 11025
_SURE_DROP_DB = 20.0
_LOSSY_HZ = (10_000.0, 20_600.0)
_LOSSY_RATE = 32_000
# A resampler's edge lies up to 8 % below half the former rate.
_FORMER_RATES = (22050, 24000, 32000, 44100)
_RESAMPLER_SLOPE = 0.08


@dataclass(frozen=True, slots=True)
class CodecReport:
    """Traces of a codec, where they are beyond doubt."""

    codec: str | None
    """``mu-law``, ``a-law``, ``telephone``, ``mp3-like`` or None."""
    reason: str | None
    """What shows it; None without a trace. No trace does not mean that there was no codec."""


class CompandingSteps:
    """Whether all samples lie on the steps of G.711.

    Any change of gain or rate moves the samples off the steps, and the law is not found.

    Args:
        fmt: Format of the stream.

    References:
        ITU-T G.711 (11/1988), tables 1 and 2.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        self._every = max(1, fmt.sample_rate // _LOOKS_HZ)
        self._n_loud = 0
        self._n_on_steps = np.zeros(2, np.int64)

    def add(self, stretch: Stretch) -> None:
        """Hear the next stretch."""
        if self._n_loud > _FEWEST_LOUD and self._n_on_steps.max() < self._n_loud:
            return
        scaled = stretch.samples[:: self._every, 0].astype(np.float64) * _SCALE
        scaled = scaled[(np.abs(scaled) >= _LOUD) & (np.abs(scaled) <= _SCALE)]
        whole = scaled.astype(np.int64)
        self._n_loud += len(whole)
        whole = np.abs(whole[whole == scaled])
        self._n_on_steps += [int(np.count_nonzero(law[whole])) for law in _laws()]

    def law(self) -> str | None:
        """Return the name of the law whose steps all loud samples so far lie on."""
        if self._n_loud < _FEWEST_LOUD:
            return None
        is_all = self._n_on_steps == self._n_loud
        return ("mu-law", "a-law")[int(np.argmax(is_all))] if is_all.any() else None


def find_codec(law: str | None, bandwidth: BandwidthReport, sample_rate: int) -> CodecReport:
    """Return the trace of a codec, if there is one beyond doubt.

    Args:
        law: Whose steps the samples lie on; None for neither.
        bandwidth: Of the recording.
        sample_rate: Of the recording, in Hz.
    """
    if law:
        return CodecReport(law, "all samples lie on the steps of G.711")
    edge_hz, lowest_hz = bandwidth.bandwidth_hz, bandwidth.lowest_hz
    if edge_hz is None or lowest_hz is None or (bandwidth.drop_db or 0.0) < _SURE_DROP_DB:
        return CodecReport(None, None)
    low_hz, high_hz = _TELEPHONE_HZ
    is_band = low_hz <= edge_hz <= high_hz and lowest_hz >= _TELEPHONE_LOWEST_HZ
    if is_band and sample_rate >= _TELEPHONE_RATE:
        return CodecReport("telephone", f"only {lowest_hz:.0f} to {edge_hz:.0f} Hz are left")
    low_hz, high_hz = _LOSSY_HZ
    halves_hz = [rate / 2.0 for rate in _FORMER_RATES]
    was_resampled = any(half * (1.0 - _RESAMPLER_SLOPE) <= edge_hz <= half for half in halves_hz)
    if low_hz <= edge_hz <= high_hz and sample_rate >= _LOSSY_RATE and not was_resampled:
        return CodecReport("mp3-like", f"cut off at {edge_hz:.0f} Hz, as lossy codecs do")
    return CodecReport(None, None)


@lru_cache(maxsize=1)
def _laws() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which sizes, 0 to 32768 at 16 bits, the decoders of G.711 give."""
    mantissa, exponent = np.meshgrid(np.arange(16), np.arange(8))
    mu = ((mantissa * 8 + 132) << exponent) - 132
    # A-law's lowest segment is linear; its decoders give the middle of each step.
    a_law = np.where(
        exponent > 0, (mantissa * 16 + 264) << np.maximum(exponent - 1, 0), mantissa * 16 + 8
    )
    tables = []
    for sizes in (mu, a_law):
        table = np.zeros(_SCALE + 1, bool)
        table[sizes.ravel()] = True
        tables.append(table)
    return tables[0], tables[1]
