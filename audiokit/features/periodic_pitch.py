"""Our own pitch: what repeats, judged by how likely it is a voice, along the best path."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from audiokit.features.grid import FrameCutter
from audiokit.features.harmonicity import harmonicity_db
from audiokit.features.periodicity import Periodicity
from audiokit.features.pitch_candidates import (
    FITTED_HOP_MS,
    N_CANDIDATES,
    CandidateFinder,
    Candidates,
)
from audiokit.features.pitch_engine import PitchEngine, mono
from audiokit.features.pitch_path import PathSearch
from audiokit.features.pitch_settings import HARMONICITY_FLOOR_DB, PITCH_COLUMNS, PitchSettings
from audiokit.stage import Block, StreamFormat

__all__ = ["PeriodicPitch"]

# What a path pays, in the unit of the scores: the logarithm of a probability. Frames overlap,
# so their scores tell the same in part: each counts less than if it stood alone.
_SCORE_SHARE = 0.3
# A voice that goes on in noise scores below 0 for a while: any pitch gets this on top. More
# of it takes whines for voices, less of it loses weak voices.
_PITCH_BONUS = 0.3
_MOVE_COST_PER_OCTAVE, _MOST_MOVE_COST, _SWITCH_COST = 20.0, 5.0, 2.0
# Voicing: a logistic of the scores around a frame and of what the path says.
_REACH_MS, _MOST_SCORE = 20.0, 8.0
_SCORE_WEIGHT, _PATH_WEIGHT, _OFFSET = 0.516, 1.045, -0.17
# Four frames at once cost little more than one: of what a decision may wait for, it waits up to
# so long for company.
_COMPANY_MS = 40.0


class PeriodicPitch(PitchEngine):
    """Track pitch by normalised autocorrelations, fitted scores and Viterbi's path.

    Per frame, up to five peaks of two autocorrelations (`Periodicity`) become candidates,
    each with the logarithm of how probable it is (`CandidateFinder`); the path that is best
    some 200 ms later decides (`PathSearch`). Harmonicity is that of the power below 1500 Hz.

    Args:
        fmt: Format of the stream, 8 to 192 kHz.
        settings: Range, hop and look-ahead.
    """

    def __init__(self, fmt: StreamFormat, settings: PitchSettings) -> None:
        self.fmt = fmt
        self._periodicity = Periodicity(settings, fmt.sample_rate)
        grid = self._grid = self._periodicity.grid
        self.hop_samples = grid.hop_samples
        self._finder = CandidateFinder(
            settings, lag_rate_hz=self._periodicity.lag_rate_hz, n_lags=self._periodicity.n_lags
        )
        self._reach = max(1, round(_REACH_MS / settings.hop_ms))
        lookahead = max(self._reach, round(settings.lookahead_ms / settings.hop_ms))
        company = max(1, min(round(_COMPANY_MS / settings.hop_ms), 1 + lookahead - self._reach))
        self._company_samples = company * grid.hop_samples
        # Scores add up over a path as often as it has frames; what it pays for moves does not.
        share_of_hop = settings.hop_ms / FITTED_HOP_MS
        self._share = _SCORE_SHARE * share_of_hop
        self._bonus = _PITCH_BONUS * share_of_hop
        self._path = PathSearch(
            N_CANDIDATES,
            lookahead_frames=lookahead + 1 - company,
            move_cost=_MOVE_COST_PER_OCTAVE,
            most_move_cost=_MOST_MOVE_COST,
            switch_cost=_SWITCH_COST,
        )
        # Half a window, the frames after it, and what the path and the company wait for.
        waits_frames = self._finder.reach_frames + lookahead
        waits_samples = grid.window_samples - grid.lead_samples + waits_frames * grid.hop_samples
        self.latency_s = waits_samples / fmt.sample_rate
        self.reset()

    def reset(self) -> None:
        self._frames = FrameCutter(self._grid)
        self._pieces: list[NDArray[np.float32]] = []
        # How many more samples it takes for the next frames.
        ends_samples = self._grid.window_samples - self._grid.lead_samples
        self._n_missing = ends_samples + self._company_samples - self._grid.hop_samples
        self._finder.reset()
        self._path.reset()
        self._waiting: Candidates | None = None
        self._before = np.full(self._reach, -_MOST_SCORE)

    def process(self, block: Block) -> NDArray[np.float32]:
        # The block is the caller's; what is kept must not change with it.
        self._pieces.append(mono(block))
        self._n_missing -= len(block)
        if self._n_missing > 0:
            return np.zeros((0, len(PITCH_COLUMNS)), np.float32)
        self._n_missing += self._company_samples * (1 + -self._n_missing // self._company_samples)
        return self._rows(self._frames.push(self._joined()))

    def flush(self) -> NDArray[np.float32]:
        rows = [
            self._rows(self._frames.push(self._joined())),
            self._rows(self._frames.finish()),
            self._decide(self._finder.finish(), is_last=True),
        ]
        return np.concatenate(rows)

    def _joined(self) -> NDArray[np.float32]:
        pieces, self._pieces = self._pieces, []
        return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)

    def _rows(self, frames: Iterable[tuple[int, NDArray[np.float32]]]) -> NDArray[np.float32]:
        tables = [np.zeros((0, len(PITCH_COLUMNS)), np.float32)]
        for _, stretch in frames:
            samples = self._grid.frames_of(stretch)
            found = self._finder.push(self._periodicity.measure(samples))
            tables.append(self._decide(found, is_last=False))
        return np.concatenate(tables)

    def _decide(self, found: Candidates, *, is_last: bool) -> NDArray[np.float32]:
        """Take candidates of more frames; return the rows that now stand."""
        choices = self._path.push(found.scores * self._share + self._bonus, found.octaves)
        if is_last:
            choices = np.concatenate([choices, self._path.finish()])
        waiting = found if self._waiting is None else self._waiting.followed_by(found)
        n_decided = len(choices)
        self._waiting = waiting.since(n_decided)
        rows = np.empty((n_decided, len(PITCH_COLUMNS)), np.float32)
        is_voiced = choices > 0
        at = np.arange(n_decided), np.maximum(choices - 1, 0)
        rows[:, 0] = np.where(is_voiced, waiting.f0_hz[at], 0.0)
        rows[:, 1] = self._voicing(waiting.scores, is_voiced)
        rows[:, 2] = np.where(
            is_voiced, harmonicity_db(waiting.likeness[at]), HARMONICITY_FLOOR_DB
        )
        return rows

    def _voicing(
        self, scores: NDArray[np.float64], is_voiced: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Return the probability of voice in the first frames of those that wait."""
        n_frames, reach = len(is_voiced), self._reach
        best = np.maximum(np.maximum.reduce(scores, axis=1), -_MOST_SCORE)
        np.minimum(best, _MOST_SCORE, out=best)
        after = np.full(reach, -_MOST_SCORE)
        around = np.concatenate([self._before, best, after])
        self._before = around[n_frames : n_frames + reach].copy()
        total = np.zeros(n_frames)
        for shift in range(2 * reach + 1):
            total += around[shift : shift + n_frames]
        mean = total / (2 * reach + 1)
        logit = _SCORE_WEIGHT * mean + _PATH_WEIGHT * is_voiced + _OFFSET
        probability: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-logit))
        return probability
