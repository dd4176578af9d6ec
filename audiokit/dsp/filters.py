"""High-pass and low-pass: Butterworth, by the bilinear transform."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.iir import RecursiveFilter
from audiokit.errors import SettingError
from audiokit.stage import Block, Fact, Processor, StreamFormat

__all__ = [
    "Highpass",
    "HighpassSettings",
    "Lowpass",
    "LowpassSettings",
    "butterworth_highpass",
    "butterworth_lowpass",
]

Sections = NDArray[np.float64]

_MAX_ORDER = 12


@dataclass(frozen=True, slots=True)
class HighpassSettings:
    """What `Highpass` does.

    Args:
        cutoff_hz: Where the response is 3 dB down, in Hz; above 0, below half the
            sample rate.
        order: Slope in steps of 6 dB per octave; 1 to 12.
    """

    cutoff_hz: float = 80.0
    order: int = 2

    def __post_init__(self) -> None:
        _check(self.cutoff_hz, self.order)


@dataclass(frozen=True, slots=True)
class LowpassSettings:
    """What `Lowpass` does.

    Args:
        cutoff_hz: Where the response is 3 dB down, in Hz; above 0. At or above half the
            sample rate there is nothing to take away, and the filter stands aside.
        order: Slope in steps of 6 dB per octave; 1 to 12.
    """

    cutoff_hz: float = 7500.0
    order: int = 4

    def __post_init__(self) -> None:
        _check(self.cutoff_hz, self.order)


class Highpass(Processor):
    """Take away what lies below the voice: rumble, handling noise, DC.

    Delays nothing and holds nothing back; the phase turns near the cut-off, as in any
    analog filter.

    Args:
        fmt: Format of the stream.
        settings: Cut-off and slope.

    Raises:
        SettingError: The cut-off is at or above half the sample rate: nothing would be
            left.
    """

    def __init__(self, fmt: StreamFormat, settings: HighpassSettings | None = None) -> None:
        self.fmt = fmt
        self.settings = settings or HighpassSettings()
        if self.settings.cutoff_hz >= fmt.sample_rate / 2:
            raise SettingError(
                "cutoff_hz",
                self.settings.cutoff_hz,
                f"less than {fmt.sample_rate / 2:g} Hz, half the sample rate",
                "Lower the cut-off or raise the sample rate.",
            )
        sections = butterworth_highpass(
            self.settings.cutoff_hz, fmt.sample_rate, order=self.settings.order
        )
        self._filter = RecursiveFilter(sections, fmt.channels)

    def process(self, block: Block) -> Block:
        return self._filter.process(block)

    def flush(self) -> Block:
        return self.fmt.silence(0)

    def reset(self) -> None:
        self._filter.reset()


class Lowpass(Processor):
    """Take away what lies above the voice.

    Delays nothing and holds nothing back. Where the cut-off is at or above half the
    sample rate the stream passes untouched, and `facts` says so: one recipe serves every
    sample rate.

    Args:
        fmt: Format of the stream.
        settings: Cut-off and slope.
    """

    def __init__(self, fmt: StreamFormat, settings: LowpassSettings | None = None) -> None:
        self.fmt = fmt
        self.settings = settings or LowpassSettings()
        self._filter: RecursiveFilter | None = None
        if self.settings.cutoff_hz < fmt.sample_rate / 2:
            sections = butterworth_lowpass(
                self.settings.cutoff_hz, fmt.sample_rate, order=self.settings.order
            )
            self._filter = RecursiveFilter(sections, fmt.channels)

    def process(self, block: Block) -> Block:
        if self._filter is None:
            return block
        return self._filter.process(block)

    def flush(self) -> Block:
        return self.fmt.silence(0)

    def reset(self) -> None:
        if self._filter is not None:
            self._filter.reset()

    def facts(self) -> Mapping[str, Fact]:
        return {"active": self._filter is not None}


def butterworth_lowpass(cutoff_hz: float, sample_rate: int, *, order: int) -> Sections:
    """Design a Butterworth low-pass.

    The analog poles of order N lie on a circle, at angles (2k + 1)·π / 2N; each pair is
    one section with Q = 1 / (2·sin(angle)). The bilinear transform, warped to meet at
    the cut-off, keeps them stable.

    Args:
        cutoff_hz: Where the response is 3 dB down; below half the sample rate.
        sample_rate: In Hz.
        order: Steps of 6 dB per octave.

    Returns:
        ``(sections, 6)``: b0, b1, b2, a0, a1, a2 of each.

    References:
        S. Butterworth, "On the theory of filter amplifiers", Experimental Wireless 7,
        1930. A. Oppenheim and R. Schafer, Discrete-Time Signal Processing, 7.1.2.
    """
    k = math.tan(math.pi * cutoff_hz / sample_rate)
    return _butterworth(k, order, gain=k, zero=1.0)


def butterworth_highpass(cutoff_hz: float, sample_rate: int, *, order: int) -> Sections:
    """Design a Butterworth high-pass: the low-pass with its zeros moved to 0 Hz.

    Args:
        cutoff_hz: Where the response is 3 dB down; below half the sample rate.
        sample_rate: In Hz.
        order: Steps of 6 dB per octave.

    Returns:
        ``(sections, 6)``: b0, b1, b2, a0, a1, a2 of each.
    """
    k = math.tan(math.pi * cutoff_hz / sample_rate)
    return _butterworth(k, order, gain=1.0, zero=-1.0)


def _butterworth(k: float, order: int, *, gain: float, zero: float) -> Sections:
    """Return the sections with poles at the warped cut-off `k` and zeros at ``z = -zero``."""
    rows = []
    for pair in range(order // 2):
        damping = 2.0 * k * math.sin((2 * pair + 1) * math.pi / (2 * order))
        top = [gain * gain, 2.0 * zero * gain * gain, gain * gain]
        rows.append([*top, 1.0 + damping + k * k, 2.0 * (k * k - 1.0), 1.0 - damping + k * k])
    if order % 2:
        # An odd order has one pole on the real axis.
        rows.append([gain, zero * gain, 0.0, 1.0 + k, k - 1.0, 0.0])
    return np.array(rows)


def _check(cutoff_hz: float, order: int) -> None:
    if not 0.0 < cutoff_hz < math.inf:
        raise SettingError("cutoff_hz", cutoff_hz, "more than 0 Hz")
    if not 1 <= order <= _MAX_ORDER:
        raise SettingError("order", order, f"1 to {_MAX_ORDER}")
