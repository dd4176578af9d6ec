"""Recursive filters at array speed: a cascade of second-order sections.

A recursion written in Python costs a microsecond per sample. Here it is unrolled three
times: rows of 32 samples are filtered from rest by one matrix product, 32 rows make a
group whose row states follow from one more, and 8 groups make a span whose group states
follow from a third. Only the state from span to span is a loop.

Every matrix is causal, so a group that is not yet complete can be padded with zeros
and computed again when the rest arrives: the samples already out come out the same. All
products have a fixed size and sit at absolute positions. So no sample is held back, and
no cutting of the stream changes a bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audiokit.errors import SettingError
from audiokit.stage import Block

__all__ = ["RecursiveFilter"]

Matrix = NDArray[np.float64]

_ROW_SAMPLES = 32
_GROUP_ROWS = 32
_GROUP_SAMPLES = _ROW_SAMPLES * _GROUP_ROWS
_SPAN_GROUPS = 8
# Groups computed at once: 16 of them fill 128 KiB, which stays in cache.
_BATCH_GROUPS = 16
_MAX_SECTIONS = 16


class RecursiveFilter:
    """A cascade of second-order sections, with its state.

    Computes in float64, so that poles close to the unit circle (a high-pass at 38 Hz in
    a stream at 192 kHz) neither drift nor ring. Channels are filtered alike.

    Args:
        sections: ``(sections, 6)``: b0, b1, b2, a0, a1, a2 of each, in the order that
            SciPy's ``sosfilt`` takes.
        channels: Number of channels, 1 or more.

    Raises:
        SettingError: The sections have another shape, or a pole on or outside the unit
            circle.

    References:
        C. Burrus, "Block realization of digital filters", IEEE Transactions on Audio
        and Electroacoustics 20(4), 1972.
    """

    def __init__(self, sections: ArrayLike, channels: int) -> None:
        table = np.asarray(sections, np.float64)
        if table.ndim != 2 or table.shape[1] != 6 or not 1 <= len(table) <= _MAX_SECTIONS:
            raise SettingError("sections", table.shape, f"shape (1 to {_MAX_SECTIONS}, 6)")
        table = table / table[:, 3:4]
        if not all(_is_stable(row[4], row[5]) for row in table):
            raise SettingError("sections", table.tolist(), "poles inside the unit circle")
        self._matrices = _unrolled(table.tobytes())
        self._order = 2 * len(table)
        self._channels = channels
        self.reset()

    def reset(self) -> None:
        """Forget the stream, as if newly built."""
        # The samples of the group that is not complete, and what the complete groups of
        # its span do to the state, which is that before the span.
        self._begun = np.zeros((self._channels, 0))
        self._kicks = np.zeros((self._channels, 0, self._order))
        self._state = np.zeros((self._channels, self._order))

    def process(self, block: Block) -> Block:
        """Filter the next block; return as many samples, ``(samples, channels)``."""
        out = np.empty_like(block)
        start = 0
        for piece in self.pieces(block):
            stop = start + piece.shape[1]
            out[start:stop] = piece.T
            start = stop
        return out

    def pieces(self, block: Block) -> Iterator[Matrix]:
        """Filter the next block, a piece at a time that stays in cache; to be exhausted.

        Args:
            block: ``(samples, channels)``.

        Yields:
            As many samples in all, float64, ``(channels, samples)``: rows in time are
            what sums want. Each is the caller's own.
        """
        start = 0
        while start < len(block):
            stop = start + _BATCH_GROUPS * _GROUP_SAMPLES - self._begun.shape[1]
            yield self._advance(block[start:stop])
            start = stop

    def _advance(self, piece: Block) -> Matrix:
        n_begun = self._begun.shape[1]
        n_samples = n_begun + len(piece)
        n_complete, n_rest = divmod(n_samples, _GROUP_SAMPLES)
        flat = np.empty((self._channels, (n_complete + (n_rest > 0)) * _GROUP_SAMPLES))
        flat[:, :n_begun] = self._begun
        flat[:, n_begun:n_samples] = piece.T
        flat[:, n_samples:] = 0.0
        rows = flat.reshape(self._channels, -1, _GROUP_ROWS, _ROW_SAMPLES)
        out = rows @ self._matrices.row_output
        states = self._row_states(rows @ self._matrices.row_kick, n_complete=n_complete)
        out += states @ self._matrices.state_output
        self._begun = flat[:, n_samples - n_rest : n_samples].copy()
        return out.reshape(self._channels, -1)[:, n_begun:n_samples]

    def _row_states(self, row_kicks: Matrix, *, n_complete: int) -> Matrix:
        """Return the state at the start of every row; keep that after the last whole group."""
        n_channels, n_groups = row_kicks.shape[:2]
        n_before = self._kicks.shape[1]
        n_spans = -(-(n_before + n_groups) // _SPAN_GROUPS)
        # Groups that were complete before take part in nothing but the loop below.
        aligned = np.zeros((n_channels, n_spans * _SPAN_GROUPS, _GROUP_ROWS * self._order))
        aligned[:, n_before : n_before + n_groups] = row_kicks.reshape(n_channels, n_groups, -1)
        aligned = aligned.reshape(n_channels, n_spans, _SPAN_GROUPS, -1)
        kicks = aligned @ self._matrices.group_kick
        kicks[:, 0, :n_before] = self._kicks
        starts = self._group_states(kicks, n_complete=n_before + n_complete)
        states = aligned @ self._matrices.within_group
        states += starts @ self._matrices.into_group
        states = states.reshape(n_channels, -1, _GROUP_ROWS, self._order)
        return states[:, n_before : n_before + n_groups]

    def _group_states(self, kicks: Matrix, *, n_complete: int) -> Matrix:
        """Return the state at the start of every group, and keep what the next call needs."""
        n_channels, n_spans = kicks.shape[:2]
        states = np.empty(kicks.shape)
        line = np.empty((n_channels, (1 + _SPAN_GROUPS) * self._order))
        for span in range(n_spans):
            line[:, : self._order] = self._state
            line[:, self._order :] = kicks[:, span].reshape(n_channels, -1)
            after = line @ self._matrices.across_span
            states[:, span] = after[:, : -self._order].reshape(n_channels, _SPAN_GROUPS, -1)
            if n_complete < (span + 1) * _SPAN_GROUPS:
                self._kicks = kicks[:, span, : n_complete - span * _SPAN_GROUPS].copy()
                return states
            self._state = after[:, -self._order :]
        self._kicks = kicks[:, -1, :0]
        return states


class _Matrices(NamedTuple):
    """A recursion, unrolled; all are applied from the right.

    Args:
        row_output: A row's output from its input, from rest.
        row_kick: A row's effect on the state after it.
        state_output: A row's output from the state before it.
        within_group: The states at all row starts from the effects of the rows.
        into_group: The states at all row starts from that at the group's start.
        group_kick: A group's effect on the state after it, from those of its rows.
        across_span: The states at all group starts and at the span's end, from that at
            its start and the effects of its groups.
    """

    row_output: Matrix
    row_kick: Matrix
    state_output: Matrix
    within_group: Matrix
    into_group: Matrix
    group_kick: Matrix
    across_span: Matrix


def _is_stable(a1: float, a2: float) -> bool:
    """Return whether 1 + a1/z + a2/z² has its roots inside the unit circle (Jury's test)."""
    return bool(abs(a2) < 1.0 and abs(a1) < 1.0 + a2)


def _state_space(sections: Matrix) -> tuple[Matrix, Matrix, Matrix, float]:
    """Return A, B, C, D of the cascade, each section in transposed direct form II."""
    a, b, c, d = np.zeros((0, 0)), np.zeros(0), np.zeros(0), 1.0
    for b0, b1, b2, _, a1, a2 in sections:
        own_a = np.array([[-a1, 1.0], [-a2, 0.0]])
        own_b = np.array([b1 - a1 * b0, b2 - a2 * b0])
        a = np.block([[a, np.zeros((len(a), 2))], [np.outer(own_b, c), own_a]])
        b = np.concatenate([b, own_b * d])
        c = np.concatenate([c * b0, [1.0, 0.0]])
        d *= b0
    return a, b, c, d


@lru_cache(maxsize=32)
def _unrolled(sections: bytes) -> _Matrices:
    """Unroll the recursion over a row, a group and a span."""
    a, b, c, d = _state_space(np.frombuffer(sections).reshape(-1, 6))
    order = len(a)
    powers = [np.eye(order)]
    for _ in range(_ROW_SAMPLES):
        powers.append(a @ powers[-1])
    impulse = [d, *(float(c @ power @ b) for power in powers[: _ROW_SAMPLES - 1])]
    row_output = np.zeros((_ROW_SAMPLES, _ROW_SAMPLES))
    for row in range(_ROW_SAMPLES):
        row_output[row, row:] = impulse[: _ROW_SAMPLES - row]
    group = _over_steps(powers[-1], _GROUP_ROWS)
    after_group = np.linalg.matrix_power(powers[-1], _GROUP_ROWS)
    return _Matrices(
        row_output=row_output,
        row_kick=np.array([power @ b for power in powers[_ROW_SAMPLES - 1 :: -1]]),
        state_output=np.array([c @ power for power in powers[:_ROW_SAMPLES]]).T.copy(),
        within_group=group[order:, :-order].copy(),
        into_group=group[:order, :-order].copy(),
        group_kick=group[order:, -order:].copy(),
        across_span=_over_steps(after_group, _SPAN_GROUPS),
    )


def _over_steps(step: Matrix, n_steps: int) -> Matrix:
    """Return what gives the states at the starts of so many steps, and after the last.

    Args:
        step: The state after a step from that before it, ``(order, order)``.
        n_steps: How many.

    Returns:
        ``((1 + steps) * order, (steps + 1) * order)``: from the state at the start, then
        the steps' effects.
    """
    order = len(step)
    strides = [np.eye(order)]
    for _ in range(n_steps):
        strides.append(step @ strides[-1])
    matrix = np.zeros((n_steps + 1, order, n_steps + 1, order))
    for end in range(n_steps + 1):
        matrix[0, :, end] = strides[end].T
        for begin in range(end):
            matrix[begin + 1, :, end] = strides[end - 1 - begin].T
    return matrix.reshape((n_steps + 1) * order, -1)
