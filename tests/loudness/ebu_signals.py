"""The synthetic test signals of EBU Tech 3341 and Tech 3342, at any rate.

Every signal is made from its published description, with what a meter must read and how
far it may be off. Cases 7 and 8 of Tech 3341, which are 5 and 6 of Tech 3342, are film
sound and not here.

References:
    EBU Tech 3341 v4.0 (2023), table 1; EBU Tech 3342 v4.0 (2023), table 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise

import numpy as np

SAMPLE_RATES = (8000, 16000, 44100, 48000, 96000)
TONE_HZ = 1000
SILENCE = None
STEREO = (0.0, 0.0)
# "The total duration of the synthesized tone does not matter."
PEAK_TONE_S = 0.5
TAPER_S = 0.01


@dataclass(frozen=True, slots=True)
class Readings:
    """What a meter says about one stream.

    Args:
        step_s: Reading k of the two arrays was taken, or is the loudest, until
            ``(k + 1) * step_s``.
        momentary_lufs: NaN where there is none; empty from a meter that cannot tell.
        short_term_lufs: Likewise.
        integrated_lufs: None from a meter that cannot tell; so the other two.
        range_lu: Loudness range.
        true_peak_dbtp: Highest of all channels.
    """

    step_s: float
    momentary_lufs: np.ndarray
    short_term_lufs: np.ndarray
    integrated_lufs: float | None = None
    range_lu: float | None = None
    true_peak_dbtp: float | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """A reading that the documents ask for.

    Args:
        quantity: A field of `Readings`.
        expected: What the meter must read, in the field's unit.
        above: How much more it may read.
        below: How much less.
        until_s: For the two arrays: the loudest until then is looked at, or of all.
        constant_since_s: For the two arrays: every reading from then on, not the loudest.
    """

    quantity: str
    expected: float
    above: float = 0.1
    below: float = 0.1
    until_s: float | None = None
    constant_since_s: float | None = None

    def measured(self, readings):
        """Return the lowest and the highest value that count, or None if there is none."""
        value = getattr(readings, self.quantity)
        if value is None or np.size(value) == 0:
            return None
        values = np.atleast_1d(value)
        if self.constant_since_s is not None:
            values = values[round(self.constant_since_s / readings.step_s) :]
        elif self.until_s is not None:
            values = values[: round(self.until_s / readings.step_s)]
        if np.isnan(values).all():
            return None
        lowest, highest = float(np.nanmin(values)), float(np.nanmax(values))
        return (highest if self.constant_since_s is None else lowest), highest

    def passes(self, readings):
        """Return whether the meter reads what it should."""
        measured = self.measured(readings)
        if measured is None:
            return False
        lowest, highest = measured
        return self.expected - self.below <= lowest and highest <= self.expected + self.above


@dataclass(frozen=True, slots=True)
class Signal:
    """One stream of a case.

    Args:
        case: Document and number: ``3341-13``.
        checks: What a meter must read.
        render: Takes a sample rate in Hz, returns ``(samples, channels)`` as float32.
        part: Which of the streams of its case, from 0.
    """

    case: str
    checks: tuple[Check, ...]
    render: Callable[[int], np.ndarray]
    part: int = 0


def tones(sample_rate, steps, channels_db=STEREO):
    """Return a 1000 Hz sine through steps of level.

    Args:
        sample_rate: In Hz.
        steps: Pairs of seconds and peak level in dBFS; `SILENCE` for none.
        channels_db: Level of each channel relative to the steps.
    """
    edges = np.round(np.cumsum([0.0] + [s for s, _ in steps]) * sample_rate).astype(int)
    # A whole number of periods, repeated: faster than a minute of sines.
    period = np.arange(sample_rate // math.gcd(sample_rate, TONE_HZ))
    mono = np.resize(np.sin(period * (2.0 * np.pi * TONE_HZ / sample_rate)), edges[-1])
    for (start, stop), (_, level_dbfs) in zip(pairwise(edges), steps, strict=True):
        mono[start:stop] *= 0.0 if level_dbfs is SILENCE else 10.0 ** (level_dbfs / 20.0)
    gains = 10.0 ** (np.array(channels_db) / 20.0)
    block = np.empty((len(mono), len(gains)), np.float32)
    for channel, gain in enumerate(gains):
        np.multiply(mono, gain, out=block[:, channel], casting="same_kind")
    return block


def peak_tone(sample_rate, *, divisor, phase_degrees, amplitude=0.5):
    """Return a stereo sine of `sample_rate` / `divisor` Hz, tapered (cases 15 to 19)."""
    time = np.arange(round(PEAK_TONE_S * sample_rate))
    mono = amplitude * np.sin(2.0 * np.pi * time / divisor + np.radians(phase_degrees))
    return _stereo(_tapered(mono, sample_rate))


def peak_burst(sample_rate, *, offset):
    """Return cases 20 to 23: a tone around a single period of another.

    At four times the rate, a sine of a sixth of `sample_rate` and amplitude 0.5 is
    followed, at a zero crossing, by one period of a quarter of it and amplitude 1; then it
    goes on where it was. That is filtered, and every fourth sample kept.

    Args:
        sample_rate: In Hz.
        offset: Which of four samples is kept.
    """
    base = 0.5 * np.sin(2.0 * np.pi * np.arange(24) / 24)
    n_periods = round(PEAK_TONE_S * sample_rate / 12)
    around = np.tile(base, n_periods)
    single = np.sin(2.0 * np.pi * np.arange(16) / 16)
    fast = _tapered(np.concatenate([around, single, around]), 4 * sample_rate)
    return _stereo(np.convolve(fast, _anti_alias(), "same")[offset::4])


@lru_cache(maxsize=1)
def _anti_alias():
    """Return the taps of a linear-phase low-pass to half the lower rate."""
    time = np.arange(-128, 129) / 4.0
    taps = np.sinc(time) * np.kaiser(len(time), 8.0)
    return taps / taps.sum()


def _tapered(mono, sample_rate):
    ramp = np.arange(1, round(TAPER_S * sample_rate) + 1) / round(TAPER_S * sample_rate)
    mono = mono.copy()
    mono[: len(ramp)] *= ramp
    mono[-len(ramp) :] *= ramp[::-1]
    return mono


def _stereo(mono):
    return np.repeat(mono[:, np.newaxis].astype(np.float32), 2, axis=1)


def _signal(case, steps, *checks, channels_db=STEREO, part=0):
    return Signal(case, checks, partial(tones, steps=steps, channels_db=channels_db), part)


def _true_peak(case, expected_dbtp, render):
    check = Check("true_peak_dbtp", expected_dbtp, above=0.2, below=0.4)
    return Signal(case, (check,), render)


def _programme():
    """Cases 1 to 6: levels that stay, the gates, the weights of the channels."""
    for case, level in (("3341-1", -23.0), ("3341-2", -33.0)):
        names = ("momentary_lufs", "short_term_lufs", "integrated_lufs")
        yield _signal(case, [(20, level)], *(Check(name, level) for name in names))
    programme = Check("integrated_lufs", -23.0)
    body = [(10, -36.0), (60, -23.0), (10, -36.0)]
    yield _signal("3341-3", body, programme)
    yield _signal("3341-4", [(10, -72.0), *body, (10, -72.0)], programme)
    yield _signal("3341-5", [(20, -26.0), (20.1, -20.0), (20, -26.0)], programme)
    surround = (-28.0, -28.0, -24.0, -30.0, -30.0)
    yield _signal("3341-6", [(20, 0.0)], programme, channels_db=surround)


def _windows():
    """Cases 9 to 14: short-term and momentary loudness."""
    steady = Check("short_term_lufs", -23.0, constant_since_s=3.0)
    yield _signal("3341-9", [(1.34, -20.0), (1.66, -30.0)] * 5, steady)
    loudest = Check("short_term_lufs", -23.0)
    for i in range(20):
        steps = [(0.15 * i, SILENCE), (3, -23.0), (1, SILENCE)]
        yield _signal("3341-10", steps, loudest, part=i)
    yield _rising("3341-11", "short_term_lufs", tone_s=3.0, step_s=0.15)
    steady = Check("momentary_lufs", -23.0, constant_since_s=1.0)
    yield _signal("3341-12", [(0.18, -20.0), (0.22, -30.0)] * 25, steady)
    loudest = Check("momentary_lufs", -23.0)
    for i in range(20):
        steps = [(0.02 * i, SILENCE), (0.4, -23.0), (1, SILENCE)]
        yield _signal("3341-13", steps, loudest, part=i)
    yield _rising("3341-14", "momentary_lufs", tone_s=0.4, step_s=0.02)


def _rising(case, quantity, *, tone_s, step_s):
    """Return twenty tones, each 1 dB louder and a little later: the maximum follows."""
    steps, checks = [], []
    for i in range(20):
        before_s = i * step_s
        steps += [(before_s, SILENCE), (tone_s, -38.0 + i), (tone_s - before_s, SILENCE)]
        checks.append(Check(quantity, -38.0 + i, until_s=2.0 * tone_s * (i + 1)))
    return _signal(case, steps, *checks)


def _peaks():
    """Cases 15 to 23: the true peak."""
    for number, divisor, phase_degrees in ((15, 4, 0), (16, 4, 45), (17, 6, 60), (18, 8, 67.5)):
        render = partial(peak_tone, divisor=divisor, phase_degrees=phase_degrees)
        yield _true_peak(f"3341-{number}", -6.0, render)
    loud = partial(peak_tone, divisor=4, phase_degrees=45, amplitude=1.41)
    yield _true_peak("3341-19", 3.0, loud)
    for offset in range(4):
        yield _true_peak(f"3341-{20 + offset}", 0.0, partial(peak_burst, offset=offset))


def _ranges():
    """Tech 3342, cases 1 to 4: the loudness range."""
    for case, levels, expected_lu in (
        ("3342-1", (-20.0, -30.0), 10.0),
        ("3342-2", (-20.0, -15.0), 5.0),
        ("3342-3", (-40.0, -20.0), 20.0),
        ("3342-4", (-50.0, -35.0, -20.0, -35.0, -50.0), 15.0),
    ):
        check = Check("range_lu", expected_lu, above=1.0, below=1.0)
        yield _signal(case, [(20, level) for level in levels], check)


SIGNALS = (*_programme(), *_windows(), *_peaks(), *_ranges())
"""All of them; a case of twenty files is twenty signals."""

CASES = tuple(dict.fromkeys(signal.case for signal in SIGNALS))
"""The names of the cases, in order."""

RECORDED = {
    "seq-3341-1-16bit": SIGNALS[0].checks,
    "seq-3341-3-16bit-v02": (Check("integrated_lufs", -23.0),),
    "seq-3341-5-16bit-v02": (Check("integrated_lufs", -23.0),),
    "seq-3341-7_seq-3342-5-16bit": (
        Check("integrated_lufs", -23.0),
        Check("range_lu", 5.0, above=1.0, below=1.0),
    ),
    "seq-3342-1-16bit": (Check("range_lu", 10.0, above=1.0, below=1.0),),
    "seq-3342-2-16bit": (Check("range_lu", 5.0, above=1.0, below=1.0),),
    "seq-3342-3-16bit": (Check("range_lu", 20.0, above=1.0, below=1.0),),
    # ITU-R BS.2217: the relative gate; the value is given to one decimal.
    "1770-2_Comp_RelGateTest": (Check("integrated_lufs", -10.0),),
}
"""What the published recordings must read, by the name of the file."""
