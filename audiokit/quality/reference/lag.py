"""How late one recording is against another: delay, drift, polarity, and whether it is the same.

Parts of the reference are looked for anywhere in the other recording, by correlation that
weighs all frequencies more evenly than their power would; parts that are found say where the
whole lies. Around that, short windows say it to a fraction of a sample.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.quality.reference.warp import read_at

__all__ = ["Alignment", "Samples", "find_alignment"]

Samples = NDArray[np.float32]
Series = NDArray[np.float64]

# The search for the bulk delay: at about so many samples a second, which holds most of the
# voice, in parts so short that no usual drift of clocks spoils them.
_SEARCH_RATE_HZ = 4000
_PART_S = 4.0
_MOST_PARTS = 8
# Nothing below is voice; mains hum and rumble resemble those of any other recording.
_LOWEST_HZ = 100.0
# How much of each frequency's level is evened out: 0 leaves correlation as it is, 1 keeps
# the phase alone (GCC-PHAT), which lets empty frequencies speak.
_EVENNESS = 0.75
# How many times above its level at other lags a correlation must rise. In pairs of unrelated
# speech a single part rises 12 times at most, and no two parts agree; in a room speech of 3 s
# rises 17 times in nine of ten cases, with other damage 30 times and more.
_LEAST_RISE = 8.0
_LEAST_RISE_ALONE = 12.5
_LEAST_RISE_AGAINST_OTHERS = 20.0
# What resembles so much needs not stand out: a steady tone resembles itself at many lags.
_CLEAR_LIKENESS = 0.9
_BESIDE_S = 0.01
_AS_HIGH = 0.98
_AS_ALIKE = 0.9
_NEAR_SAMPLES = 3
# Parts agree where their lags differ by no more than clocks drift, and these leave a rest.
_MOST_DRIFT = 400e-6
_REST_S = 0.004
_LEAST_AGREEING = 0.5
# In a room, half of a short recording may be found by a reflection: up to 34 ms late were seen.
_ECHO_S = 0.06
_WINDOW_S = 1.0
_MOST_WINDOWS = 40
_REACH_S = 0.006
_FINER = 8
# A drift is told where it moves the end of the recording by so many samples, and by so many
# times what the windows scatter.
_LEAST_MOVE = 0.5
_LEAST_SCATTERS = 4.0
_LEAST_SPAN_S = 5.0
_TINY = 1e-20


@dataclass(frozen=True, slots=True)
class Alignment:
    """Where a recording lies against its reference."""

    delay_samples: float
    """How much later the recording is, at the beginning of the reference; negative: earlier."""
    drift: float
    """How much longer the recording takes for the same; 1e-6 is one sample in a million."""
    is_inverted: bool
    """Whether what goes up in the reference goes down in the recording."""
    rise: float
    """How many times the correlation rose above that at other lags; infinite if alike all over."""
    jump_samples: float
    """By how much the delay changes within the recording, where parts are missing or added."""


@dataclass(frozen=True, slots=True)
class _Sighting:
    """Where a part of the reference was found."""

    start: int
    n_samples: int
    lag: float
    sign: float
    rise: float

    @property
    def at(self) -> float:
        """Where its middle lies in the reference."""
        return self.start + self.n_samples / 2.0


def find_alignment(reference: Samples, recording: Samples, sample_rate: int) -> Alignment | None:
    """Find where a recording lies against its reference; None where it is not the same.

    Args:
        reference: One channel, ``(samples,)``.
        recording: One channel of another length, ``(samples,)``.
        sample_rate: Of both, in Hz.

    References:
        C. Knapp, G. Carter, "The generalized correlation method for estimation of time
        delay", IEEE Transactions on Acoustics, Speech and Signal Processing 24(4), 1976.
    """
    step = max(1, sample_rate // _SEARCH_RATE_HZ)
    clean, other = _thinned(reference, step), _thinned(recording, step)
    n_part = min(len(clean), round(_PART_S * sample_rate / step))
    starts = _loud_starts(clean, n_part, _MOST_PARTS)
    coarse = _sightings(clean, other, sample_rate / step, n_part=n_part, starts=starts)
    found = [each for each in coarse if each.rise >= _LEAST_RISE]
    agreeing = _agreeing(found, sample_rate / step)
    if not _is_believed(agreeing, len(coarse)):
        return None
    is_inverted = sum(each.sign * min(each.rise, 1e3) for each in agreeing) < 0.0
    slope = _slope(np.array([e.at for e in agreeing]), np.array([e.lag for e in agreeing]))
    start = float(np.median([each.lag - slope * each.at for each in agreeing]))
    # A single part lies somewhere whatever happens on the way; its halves do not agree then.
    parts, n_half, astray = found, len(clean) // 2, 0.0
    if len(coarse) == 1 and n_half * step >= _WINDOW_S * sample_rate:
        astray = _ECHO_S * sample_rate / step
        parts = _sightings(
            clean, other, sample_rate / step, n_part=n_half, starts=[0, len(clean) - n_half]
        )
    elsewhere = [
        each.lag - start - slope * each.at
        for each in parts
        if each not in agreeing
        and abs(each.lag - start - slope * each.at) > astray
        and each.rise >= _LEAST_RISE_ALONE
        and not _is_repeated(each, clean, other, start + slope * each.at)
    ]
    jump = step * float(np.median(elsewhere)) if elsewhere else 0.0
    sign = -1.0 if is_inverted else 1.0
    delay, drift = _refined(
        reference, sign * recording, sample_rate, start=start * step, slope=slope
    )
    rise = float(np.median([each.rise for each in agreeing]))
    return Alignment(delay, drift, is_inverted, rise, jump)


def _is_believed(agreeing: list[_Sighting], n_parts: int) -> bool:
    """Return whether parts that agree say that the recordings are the same."""
    if len(agreeing) >= max(2.0, _LEAST_AGREEING * n_parts):
        return True
    least = _LEAST_RISE_ALONE if n_parts == 1 else _LEAST_RISE_AGAINST_OTHERS
    return any(each.rise >= least for each in agreeing)


def _is_repeated(one: _Sighting, reference: Samples, recording: Samples, lag: float) -> bool:
    """Return whether a part that was found elsewhere is as much alike where the others are."""
    part = reference[one.start : one.start + one.n_samples]
    places = one.start + round(lag) + np.arange(-_NEAR_SAMPLES, _NEAR_SAMPLES + 1)
    here = max(abs(_likeness(part, recording, int(place))) for place in places)
    return here >= _AS_ALIKE * abs(_likeness(part, recording, one.start + round(one.lag)))


def _thinned(samples: Samples, step: int) -> Samples:
    """Return every `step`-th sample behind a low-pass of twice that length on either side."""
    if step == 1:
        return samples
    window = np.hanning(4 * step + 1)[1:-1]
    taps = (window / window.sum()).astype(np.float32)
    n_out = len(samples) // step
    padded = np.concatenate(
        [np.zeros(2 * step, np.float32), samples, np.zeros(4 * step, np.float32)]
    )
    thin = np.zeros(n_out, np.float32)
    for index, tap in enumerate(taps):
        first = index + 1
        thin += tap * padded[first : first + n_out * step : step]
    return thin


def _sightings(
    reference: Samples, recording: Samples, rate: float, *, n_part: int, starts: list[int]
) -> list[_Sighting]:
    """Look for parts of the reference in all of the recording."""
    n_fft = _fast_length(len(recording) + n_part)
    spectrum = np.fft.rfft(recording, n_fft)
    spectrum[: int(_LOWEST_HZ * n_fft / rate)] = 0.0
    return [
        _sighting(reference[start : start + n_part], start, recording, spectrum, rate)
        for start in starts
    ]


def _sighting(
    part: Samples, start: int, recording: Samples, spectrum: NDArray[np.complex128], rate: float
) -> _Sighting:
    n_fft = 2 * (len(spectrum) - 1)
    other = np.fft.rfft(part, n_fft)
    # Levels of one recording smoothed by nothing: single bins of zero must not divide.
    size = np.abs(spectrum) * np.abs(other)
    size = np.maximum(size, 1e-6 * float(size.max()) + _TINY)
    correlation = np.fft.irfft(spectrum * other.conj() / size**_EVENNESS, n_fft)
    # Lags at which at least half of the part meets the recording.
    half = len(part) // 2
    lags = np.concatenate([correlation[-half:], correlation[: max(1, len(recording) - half)]])
    best = _nearest_high(np.abs(lags), half + start)
    usual = _level_beside(lags, best, round(_BESIDE_S * rate))
    lag = best - half
    likeness = _likeness(part, recording, lag)
    rise = np.inf if abs(likeness) >= _CLEAR_LIKENESS else abs(float(lags[best])) / usual
    sign = likeness if np.isinf(rise) else float(lags[best])
    return _Sighting(start, len(part), lag - start, float(np.sign(sign)), float(rise))


def _nearest_high(values: Series, expected: int) -> int:
    """Return where the highest value is; of values as high, as a tone has, the nearest peak."""
    is_high = values >= _AS_HIGH * values.max()
    is_high[1:-1] &= (values[1:-1] >= values[:-2]) & (values[1:-1] >= values[2:])
    places = np.flatnonzero(is_high)
    if not len(places):
        return int(np.argmax(values))
    return int(places[np.argmin(np.abs(places - expected))])


def _level_beside(lags: Series, best: int, n_beside: int) -> float:
    """Return the root mean square of a correlation, its highest place left out."""
    square = np.square(lags)
    beside = slice(max(0, best - n_beside), best + n_beside + 1)
    n_left = max(1, len(lags) - len(lags[beside]))
    rest = max(0.0, float(square.sum()) - float(square[beside].sum()))
    return float(np.sqrt(rest / n_left)) + _TINY


def _likeness(part: Samples, recording: Samples, lag: int) -> float:
    """Return the correlation coefficient, -1 to 1, of a part and the recording at a lag."""
    first, last = max(0, lag), min(len(recording), lag + len(part))
    if last <= first:
        return 0.0
    here, there = recording[first:last].astype(np.float64), part[first - lag : last - lag]
    return float(
        np.dot(here, there) / (np.sqrt(np.dot(here, here) * np.dot(there, there)) + _TINY)
    )


def _agreeing(found: list[_Sighting], rate: float) -> list[_Sighting]:
    """Return the largest set of sightings whose lags differ no more than clocks drift."""

    def friends(one: _Sighting) -> list[_Sighting]:
        return [
            each
            for each in found
            if abs(each.lag - one.lag) <= _REST_S * rate + _MOST_DRIFT * abs(each.at - one.at)
        ]

    groups = [friends(one) for one in found]
    return max(groups, key=lambda group: sum(min(e.rise, 1e3) for e in group), default=[])


def _loud_starts(samples: Samples, n_part: int, most: int) -> list[int]:
    """Return where parts begin: in each stretch of the recording, the one with most energy."""
    n_parts = min(most, max(1, len(samples) // n_part))
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    last_start = len(samples) - n_part
    edges = np.linspace(0, last_start, n_parts + 1).astype(int)
    starts: list[int] = []
    for first, last in itertools.pairwise(edges):
        # No two parts overlap: they would agree with each other whatever they find.
        free = max(first, starts[-1] + n_part) if starts else first
        if free > last_start:
            break
        places = np.arange(free, max(free + 1, last), max(1, n_part // 16))
        within = energy[places + n_part] - energy[places]
        starts.append(int(places[np.argmax(within)]))
    heard = [float(energy[start + n_part] - energy[start]) for start in starts]
    # Parts in which next to nothing is said find nothing.
    return [start for start, loud in zip(starts, heard, strict=True) if loud >= 1e-3 * max(heard)]


def _refined(
    reference: Samples, recording: Samples, sample_rate: int, *, start: float, slope: float
) -> tuple[float, float]:
    """Return delay in samples at the reference's begin, and drift, from short windows."""
    delay, drift = _line(reference, recording, sample_rate, start, slope)
    if drift == 0.0:
        return delay, drift
    # Drift smears the windows too: once it is taken out, what is left is seen sharply.
    steady = read_at(recording, delay, n_samples=len(reference), step=1.0 + drift)
    points = np.array(list(_window_lags(reference, steady, sample_rate, 0.0, 0.0)))
    if len(points):
        more = _slope(points[:, 0], points[:, 1])
        delay += float(np.median(points[:, 1] - more * points[:, 0]))
        drift += more
    return delay, drift


def _line(
    reference: Samples, recording: Samples, sample_rate: int, start: float, slope: float
) -> tuple[float, float]:
    """Return the line that the lags of short windows lie on; level unless they surely drift."""
    points = np.array(list(_window_lags(reference, recording, sample_rate, start, slope)))
    if not len(points):
        return start, 0.0
    at, lags = points[:, 0], points[:, 1]
    drift = _slope(at, lags)
    rest = lags - drift * at
    delay = float(np.median(rest))
    scatter = float(np.median(np.abs(rest - delay)))
    span = float(at.max() - at.min())
    is_sure = abs(drift) * span >= max(_LEAST_MOVE, _LEAST_SCATTERS * scatter)
    if span < _LEAST_SPAN_S * sample_rate or not is_sure:
        return float(np.median(lags)), 0.0
    return delay, drift


def _window_lags(
    reference: Samples, recording: Samples, sample_rate: int, start: float, slope: float
) -> Iterator[tuple[float, float]]:
    """Yield middle and lag, in samples, of each short window that the recording holds."""
    n_window = min(len(reference), round(_WINDOW_S * sample_rate))
    reach = round(_REACH_S * sample_rate)
    for first in _loud_starts(reference, n_window, _MOST_WINDOWS):
        middle = first + n_window / 2.0
        there = round(first + start + slope * middle)
        low, high = max(0, there - reach), min(len(recording), there + n_window + reach)
        if high - low < n_window // 2:
            continue
        lag = _fine_lag(reference[first : first + n_window], recording[low:high], there - low)
        if lag is not None and abs(lag) <= reach:
            yield middle, there - first + lag


def _fine_lag(part: Samples, around: Samples, expected: int) -> float | None:
    """Return the lag of a window in samples beyond the expected one, to a fraction."""
    n_fft = _fast_length(len(part) + len(around))
    cross = np.fft.rfft(around, n_fft) * np.fft.rfft(part, n_fft).conj()
    size = np.abs(cross)
    if not float(size.max()) > _TINY:
        return None
    cross /= np.maximum(size, 1e-6 * float(size.max())) ** _EVENNESS
    fine = np.fft.irfft(cross, n_fft * _FINER)
    reach = max(1, len(around) - len(part) + 1) * _FINER
    near = np.concatenate([fine[-reach:], fine[:reach]])
    best = _nearest_high(near, reach + expected * _FINER)
    if not 0 < best < len(near) - 1:
        return None
    before, peak, after = near[best - 1], near[best], near[best + 1]
    bend = before - 2.0 * peak + after
    shift = 0.0 if bend == 0.0 else 0.5 * (before - after) / bend
    return float((best + shift - reach) / _FINER - expected)


def _slope(at: Series, lags: Series) -> float:
    """Return the median of the slopes between all pairs (Theil and Sen)."""
    apart = at[:, np.newaxis] - at
    pairs = apart > 0.0
    if not pairs.any():
        return 0.0
    return float(np.median((lags[:, np.newaxis] - lags)[pairs] / apart[pairs]))


def _fast_length(n_samples: int) -> int:
    """Return the next length that transforms fast: 1, 3 or 5 times a power of two."""
    return min(
        factor << max(0, (-(-n_samples // factor) - 1).bit_length()) for factor in (1, 3, 5)
    )
