"""The best way through candidates, decided a fixed time later."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["PathSearch"]

Scores = NDArray[np.float64]
States = NDArray[np.intp]


class PathSearch:
    """Choose one candidate, or none, per frame, so that the whole path scores highest.

    Viterbi's algorithm, whose decision for a frame is read off the path that is best
    `lookahead_frames` later, and then stands. State 0 is "unvoiced" and scores 0.

    Each frame's step depends on the one before alone, and everything else is the same
    whether frames come singly or by the hundred: so are the decisions.

    Args:
        n_candidates: Candidates per frame.
        lookahead_frames: Frames that a decision waits for, 1 or more.
        move_cost: Lost per octave from one frame's pitch to the next.
        most_move_cost: Most that is lost so: a leap to another voice or register.
        switch_cost: Lost where voice begins or ends.

    References:
        G. D. Forney, "The Viterbi algorithm", Proceedings of the IEEE 61(3), 1973, section
        III on truncating the survivors; costs after P. Boersma 1993, section 5.
    """

    def __init__(
        self,
        n_candidates: int,
        *,
        lookahead_frames: int,
        move_cost: float,
        most_move_cost: float,
        switch_cost: float,
    ) -> None:
        self.lookahead_frames = lookahead_frames
        self._n_candidates = n_candidates
        self._move_cost = move_cost
        self._most_move_cost = most_move_cost
        self._switch_cost = switch_cost
        self.reset()

    def reset(self) -> None:
        """Forget the stream: before it, there was no voice."""
        n_states = self._n_candidates + 1
        self._score = np.full(n_states, -np.inf)
        self._score[0] = 0.0
        self._octave = np.zeros((1, self._n_candidates))
        self._came_from = np.zeros((0, n_states), np.intp)
        self._best = np.zeros(0, np.intp)

    def push(self, scores: Scores, octaves: Scores) -> States:
        """Take frames; return the choices that now stand.

        Args:
            scores: ``(frames, n_candidates)``: how much better each is than "unvoiced".
            octaves: ``(frames, n_candidates)``: the base-2 logarithm of its frequency.

        Returns:
            ``(decided,)``: 0 for unvoiced, else 1 + the candidate's place in its frame.
        """
        if len(scores):
            self._step(scores, octaves)
        n_decided = max(0, len(self._best) - self.lookahead_frames)
        at = np.arange(n_decided)
        states: States = self._best[self.lookahead_frames :]
        for ahead in range(self.lookahead_frames, 0, -1):
            states = self._came_from[at + ahead, states]
        self._came_from, self._best = self._came_from[n_decided:], self._best[n_decided:]
        return states

    def finish(self) -> States:
        """Return the choices for the frames that have no whole look-ahead."""
        states = np.zeros(len(self._best), np.intp)
        state = self._best[-1] if len(states) else 0
        for frame in range(len(states) - 1, -1, -1):
            states[frame] = state
            state = self._came_from[frame, state]
        return states

    def _step(self, scores: Scores, octaves: Scores) -> None:
        """Extend the best path to each state by some frames."""
        n_frames, n_states = len(scores), self._n_candidates + 1
        losses = self._losses(np.concatenate([self._octave, octaves]))
        gains = np.zeros((n_frames, n_states))
        gains[:, 1:] = scores
        history = np.empty((n_frames + 1, n_states))
        history[0] = self._score
        ways = np.empty((n_states, n_states))
        # The one loop over frames: four calls for each.
        for before, loss, gain, after in zip(
            history[:-1], losses, gains, history[1:], strict=True
        ):
            np.subtract(before, loss, out=ways)
            np.maximum.reduce(ways, axis=1, out=after)
            np.add(after, gain, out=after)
            # Only differences count; so they never grow with the stream.
            np.subtract(after, after[0], out=after)
        came_from = np.argmax(history[:-1, np.newaxis, :] - losses, axis=2)
        self._came_from = np.concatenate([self._came_from, came_from])
        self._best = np.concatenate([self._best, np.argmax(history[1:], axis=1)])
        self._score, self._octave = history[-1].copy(), octaves[-1:].copy()

    def _losses(self, octaves: Scores) -> Scores:
        """Return what each step costs, ``(frames, states after, states before)``."""
        n_states = self._n_candidates + 1
        losses = np.full((len(octaves) - 1, n_states, n_states), self._switch_cost)
        losses[:, 0, 0] = 0.0
        moves = np.abs(octaves[1:, :, np.newaxis] - octaves[:-1, np.newaxis, :])
        moves *= self._move_cost
        np.minimum(moves, self._most_move_cost, out=losses[:, 1:, 1:])
        return losses
