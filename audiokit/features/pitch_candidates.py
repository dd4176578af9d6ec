"""What the pitch of a frame may be, and how likely each is."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from audiokit.features.level_context import LevelContext
from audiokit.features.periodicity import Measured
from audiokit.features.pitch_settings import PitchSettings

__all__ = ["FITTED_HOP_MS", "N_CANDIDATES", "CandidateFinder", "Candidates"]

N_CANDIDATES = 5
"""Most candidates of a frame."""

FITTED_HOP_MS = 10.0
"""How far apart the frames were that weights and costs were fitted to."""

# A frame is seen with those 10 ms to either side, each at this weight: noise differs, a voice
# stays.
_NEIGHBOUR = np.float32(0.7)
# Two periods repeat as well as one: a longer lag must be better by so much per octave.
_OCTAVE_COST = 0.03
_CENTRE_HZ = 150.0
# What a place without a candidate scores: no path goes there.
_NONE = -50.0
_LEAST_BEND = np.float32(1e-6)
# Where the strong harmonics alone peak, near the peak of both: there the period is read off.
_REACH = 3

# Weights of a conditional logistic regression: which candidate is the pitch, if any. Fitted to
# the scenes of tests/benchmarks/fit_pitch.py --voices 360 --seed 2: voices of known pitch, clean,
# in noise, in babble and over the telephone; 0.399 nat a frame. In the order of `_described`.
_CANDIDATE_WEIGHTS = (
    3.601,
    16.26,
    -2.867,
    1.733,
    3.62,
    0.1852,
    0.1996,
    1.282,
    0.3738,
    1.773,
    4.3,
    -2.218,
    -0.3292,
    1.33,
    0.1674,
    -5.838,
    -2.949,
    -55.13,
    0.006909,
    0.7907,
    -3.596,
)
_FRAME_WEIGHTS = (
    3.723,
    0.121,
    -0.002311,
    -0.1151,
    -2.78,
    -6.466,
    11.14,
)

Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Candidates:
    """What the pitch of each frame of a run may be, the best first.

    Args:
        f0_hz: ``(frames, N_CANDIDATES)``.
        octaves: Its base-2 logarithm.
        scores: Logarithm of how much more probable it is than that the frame is unvoiced.
        likeness: How alike the frame is to itself a period later, 1 for a steady voice.
    """

    f0_hz: NDArray[np.float64]
    octaves: NDArray[np.float64]
    scores: NDArray[np.float64]
    likeness: NDArray[np.float32]

    def followed_by(self, later: Candidates) -> Candidates:
        """Return both runs as one."""
        pairs = [(getattr(self, field.name), getattr(later, field.name)) for field in fields(self)]
        return Candidates(*map(np.concatenate, pairs))

    def since(self, first: int) -> Candidates:
        """Return the frames from one on."""
        return Candidates(*(getattr(self, field.name)[first:].copy() for field in fields(self)))


@dataclass(frozen=True, slots=True)
class Described:
    """Candidates in the numbers that their scores are made of.

    Args:
        candidate_values: Each ``(frames, N_CANDIDATES)``.
        frame_values: Each ``(frames,)``.
        lags: Place of each peak, ``(frames, N_CANDIDATES)``, and the place between lags.
        is_there: Whether there is a candidate.
        likeness: Of the frame alone.
    """

    candidate_values: list[Values]
    frame_values: list[Values]
    lags: NDArray[np.float64]
    octaves: NDArray[np.float64]
    is_there: NDArray[np.bool_]
    likeness: Values


class CandidateFinder:
    """Find the peaks of two autocorrelations together, `reach_frames` late.

    Args:
        settings: Range of the pitch, and the hop.
        lag_rate_hz: Lags per second of what is measured.
        n_lags: How many of them there are.

    Attributes:
        reach_frames: How far away the neighbours are that a frame is seen with.
    """

    def __init__(self, settings: PitchSettings, *, lag_rate_hz: float, n_lags: int) -> None:
        self._lag_rate_hz = lag_rate_hz
        self._hop_s = settings.hop_ms / 1000.0
        # A peak needs a neighbour on both sides.
        self._first = max(2, math.floor(lag_rate_hz / settings.fmax_hz))
        self._last = min(math.ceil(lag_rate_hz / settings.fmin_hz), n_lags - 2)
        self._fmin_hz, self._fmax_hz = settings.fmin_hz, settings.fmax_hz
        lags = np.arange(self._first - 1, self._last + 2)
        self._cost = (_OCTAVE_COST * np.log2(lags / lags[0])).astype(np.float32)
        with np.errstate(divide="ignore"):
            self._octave_of_lag = np.log2(lag_rate_hz / np.arange(n_lags))
        reach = self.reach_frames = max(1, round(FITTED_HOP_MS / settings.hop_ms))
        self._nothing = Measured(
            np.zeros((reach, 2, n_lags), np.float32),
            np.full(reach, -110.0, np.float32),
            np.zeros(reach, np.float32),
            np.ones(reach, np.bool_),
        )
        self.reset()

    def reset(self) -> None:
        """Forget the stream: before it, there was nothing."""
        self._held = self._nothing
        self._context = LevelContext(self._hop_s)

    def push(self, measured: Measured) -> Candidates:
        """Take the next frames; return candidates of those that now have later neighbours."""
        described = self.describe(measured)
        return self._scored(described)

    def finish(self) -> Candidates:
        """Return candidates of the last frames."""
        return self.push(self._nothing)

    def describe(self, measured: Measured) -> Described:
        """Take the next frames; return what candidates are judged by.

        For who fits the weights; `push` scores the same.
        """
        reach = self.reach_frames
        held = _joined(self._held, measured)
        self._held = _cut(held, slice(-2 * reach, None))
        likeness = held.likeness
        alone = likeness[reach:-reach]
        smooth = likeness[: -2 * reach] + likeness[2 * reach :]
        smooth *= _NEIGHBOUR
        smooth += alone
        smooth *= np.float32(1.0) / (np.float32(1.0) + np.float32(2.0) * _NEIGHBOUR)
        frames = _cut(held, slice(reach, -reach))
        smooth[frames.is_silent] = 0.0
        return self._described(frames, smooth)

    def _described(self, frames: Measured, smooth: Values) -> Described:
        strong, whole = smooth[:, 0], smooth[:, 1]
        both = strong + whole
        places, is_there = self._peaks(both[:, self._first - 1 : self._last + 2] - self._cost)
        lags = places + self._first
        exact, likeness = _summit(strong, frames.likeness[:, 0], lags)
        octaves = self._octave_of_lag[lags] - (exact - lags) / (math.log(2.0) * lags)
        is_there &= exact * self._fmin_hz <= self._lag_rate_hz
        is_there &= exact * self._fmax_hz >= self._lag_rate_hz
        height, whole_height = _at(strong, lags), _at(whole, lags)
        best = np.maximum.reduce(np.where(is_there, height, np.float32(0.0)), axis=1)
        best_whole = np.maximum.reduce(np.where(is_there, whole_height, np.float32(0.0)), axis=1)
        octave = (octaves - math.log2(_CENTRE_HZ)).astype(np.float32)
        half, whole_half = _near_half(strong, lags), _near_half(whole, lags)
        double, whole_double = _near_double(strong, lags), _near_double(whole, lags)
        candidate_values = [
            height,
            whole_height,
            likeness,
            height - best[:, np.newaxis],
            whole_height - best_whole[:, np.newaxis],
            octave,
            octave * octave,
            half,
            whole_half,
            double,
            whole_double,
            height * whole_height,
            height * height,
            octave * height,
            octave * whole_height,
            whole_height * whole_height,
            # A sine is the reverse of itself after half a period, which speaks for no other.
            np.square(np.maximum(half, np.float32(0.0))),
            np.square(np.maximum(whole_half, np.float32(0.0))),
            whole_height * whole_half,
            height * double,
            whole_height * whole_double,
        ]
        below_db, above_db = self._context.push(frames.level_db)
        frame_values = [
            np.ones_like(below_db),
            below_db,
            above_db,
            np.maximum(frames.low_share_db, np.float32(-20.0)),
            best,
            best_whole,
            best * best_whole,
        ]
        return Described(candidate_values, frame_values, exact, octaves, is_there, likeness)

    def _peaks(self, merit: Values) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return the places of the highest peaks of each row, and whether there is one."""
        inner = merit[:, 1:-1]
        is_peak = (inner > merit[:, :-2]) & (inner >= merit[:, 2:]) & (inner > 0.0)
        heights = np.where(is_peak, inner, np.float32(-np.inf))
        rows = np.arange(len(merit))
        places = np.empty((len(merit), N_CANDIDATES), np.intp)
        is_there = np.empty(places.shape, np.bool_)
        # Five searches for the highest cost less than one partial sort.
        for rank in range(N_CANDIDATES):
            place = np.argmax(heights, axis=1)
            places[:, rank] = place
            is_there[:, rank] = heights[rows, place] > 0.0
            heights[rows, place] = -np.inf
        return places, is_there

    def _scored(self, described: Described) -> Candidates:
        # Sums of whole arrays in a fixed order: the same bits for any number of frames.
        voiced = np.zeros(described.lags.shape, np.float32)
        for weight, values in zip(_CANDIDATE_WEIGHTS, described.candidate_values, strict=True):
            voiced += np.float32(weight) * values
        unvoiced = np.zeros(len(voiced), np.float32)
        for weight, value in zip(_FRAME_WEIGHTS, described.frame_values, strict=True):
            unvoiced += np.float32(weight) * value
        scores = (voiced - unvoiced[:, np.newaxis]).astype(np.float64)
        scores = np.where(described.is_there, scores, _NONE)
        f0_hz = self._lag_rate_hz / described.lags
        return Candidates(f0_hz, described.octaves, scores, described.likeness)


def _at(rows: Values, lags: NDArray[np.intp]) -> Values:
    """Return the values of each row at its own lags."""
    # As `take_along_axis` would, at a third of its cost for a live block.
    values: Values = rows[np.arange(len(rows))[:, np.newaxis], lags]
    return values


def _near_half(rows: Values, lags: NDArray[np.intp]) -> Values:
    """Return the higher of the values at the two lags around half of each."""
    return np.maximum(_at(rows, lags // 2), _at(rows, (lags + 1) // 2))


def _near_double(rows: Values, lags: NDArray[np.intp]) -> Values:
    """Return the highest value around twice each lag, as far as there are lags."""
    double = np.minimum(2 * lags, rows.shape[1] - 2)
    highest = np.maximum(_at(rows, double - 1), _at(rows, double + 1))
    return np.maximum(highest, _at(rows, double))


def _summit(
    smooth: Values, alone: Values, lags: NDArray[np.intp]
) -> tuple[NDArray[np.float64], Values]:
    """Return where near each lag a parabola is highest, and how high another is there.

    Args:
        smooth: ``(frames, lags)``, where to look.
        alone: The same of the frame alone.
        lags: ``(frames, N_CANDIDATES)``.
    """
    start = np.minimum(np.maximum(lags - _REACH, 1), smooth.shape[1] - 2 * _REACH - 2)
    around = start[..., np.newaxis] + np.arange(2 * _REACH + 1)
    rows = np.arange(len(smooth))[:, np.newaxis, np.newaxis]
    top = start + np.argmax(smooth[rows, around], axis=2)
    before, at, after = (_at(smooth, top + step) for step in (-1, 0, 1))
    bend = np.maximum(at + at - before - after, _LEAST_BEND)
    shift = np.float32(0.5) * (after - before) / bend
    # Not `clip`, which costs more than all else here for a live block.
    shift = np.minimum(np.maximum(shift, np.float32(-0.5)), np.float32(0.5))
    before, at, after = (_at(alone, top + step) for step in (-1, 0, 1))
    rise, fall = np.float32(0.5) * (after - before), at + at - before - after
    height: Values = at + shift * (rise - np.float32(0.5) * fall * shift)
    return top + shift.astype(np.float64), height


def _joined(first: Measured, second: Measured) -> Measured:
    pairs = [(getattr(first, field.name), getattr(second, field.name)) for field in fields(first)]
    return Measured(*map(np.concatenate, pairs))


def _cut(measured: Measured, part: slice) -> Measured:
    return Measured(*(getattr(measured, field.name)[part] for field in fields(measured)))
