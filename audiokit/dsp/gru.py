"""Gated recurrent units, as small networks use them: one frame after another, live and offline.

References:
    K. Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical
    machine translation", EMNLP 2014.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["GatedUnits", "unit_weights"]

Weights = NDArray[np.float32]
_HALF = np.float32(0.5)


class GatedUnits:
    """Gated recurrent units of the same weights, one in each column.

    Args:
        weights: See `unit_weights`.
        columns: How many.
    """

    def __init__(self, weights: Weights, columns: int) -> None:
        self._weights = weights
        self._width = width = len(weights) // 4
        # What all is computed from: the states, a 1 for the bias, and the inputs.
        self._operand = np.zeros((weights.shape[1], columns), np.float32)
        self._values = np.empty((4 * width, columns), np.float32)
        # Whole arrays: a scalar costs a conversion on every call.
        self._one = np.ones((2 * width, columns), np.float32)
        self._half = np.full((width, columns), _HALF)
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._operand[: self._width] = 0.0
        self._operand[self._width] = 1.0

    def follow(self, inputs: Weights) -> Weights:
        """Return the states after each of the next frames, ``(frames, width, columns)``.

        Args:
            inputs: ``(frames, inputs, columns)``.
        """
        weights, operand, values, one, half = (
            self._weights, self._operand, self._values, self._one, self._half,
        )  # fmt: skip
        width = self._width
        held, heard = operand[:width], operand[width + 1 :]
        gates, recalled, fresh = (
            values[: 2 * width],
            values[2 * width : 3 * width],
            values[3 * width :],
        )
        reset, update = gates[:width], gates[width:]
        states = np.empty((len(inputs), *held.shape), np.float32)
        # What can be is looked up ahead of the loop: in it, that would cost as much as
        # the arithmetic.
        dot, add, subtract, multiply, tanh = np.dot, np.add, np.subtract, np.multiply, np.tanh
        for given, state in zip(inputs, states, strict=True):
            heard[:] = given
            dot(weights, operand, values)
            tanh(gates, gates)
            # Weights are halved where it makes up for the missing half of (1 + tanh) / 2.
            add(gates, one, gates)
            multiply(recalled, reset, recalled)
            add(fresh, recalled, fresh)
            tanh(fresh, fresh)
            change = subtract(held, fresh, recalled)
            multiply(change, update, change)
            multiply(change, half, change)
            add(fresh, change, held)
            state[:] = held
        return states


def unit_weights(
    from_input: Weights, input_bias: Weights, from_state: Weights, state_bias: Weights
) -> Weights:
    """Return all that a gated recurrent unit has learnt, as one product likes it.

    Returns:
        ``(4 width, width + 1 + inputs)``: from states, 1 and inputs to the two gates (reset
        and update), to what is recalled and to what is fresh.
    """
    width = len(from_state)
    from_state, from_input = from_state.T, from_input.T
    gates, fresh = slice(2 * width), slice(2 * width, None)
    # Gates: logistic(x) = (1 + tanh(x / 2)) / 2. What is recalled meets (1 + tanh) / 2.
    of_gates = [from_state[gates], (state_bias + input_bias)[gates, np.newaxis], from_input[gates]]
    recalled = [from_state[fresh], state_bias[fresh, np.newaxis], np.zeros_like(from_input[fresh])]
    of_fresh = [np.zeros_like(from_state[fresh]), input_bias[fresh, np.newaxis], from_input[fresh]]
    weights = np.block([of_gates, recalled, of_fresh])
    weights[: 3 * width] *= _HALF
    # Column by column: the order that products with few columns read fastest.
    return np.asfortranarray(weights, np.float32)
