"""The mask network: how much of each bin is speech, by what it has learnt."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audiokit.denoise.bands import N_POINTS, points_to_bins
from audiokit.denoise.noise_floor import Powers
from audiokit.denoise.point_levels import PointLevels

__all__ = ["MaskNetwork", "mask_weights"]

Weights = NDArray[np.float32]
_ONE, _HALF = np.float32(1.0), np.float32(0.5)
# Bins above what the network hears go by what it says of the two octaves below.
_SIBILANT_POINTS = slice(N_POINTS - 32, N_POINTS)


class Memory(NamedTuple):
    """The weights of one gated recurrent unit, halved where that saves a product later.

    Args:
        from_input: ``(width, 3 width)``.
        input_bias: ``(3 width,)``.
        from_state: ``(width + 1, 3 width)``; the last row is the bias.
    """

    from_input: Weights
    input_bias: Weights
    from_state: Weights


class MaskWeights(NamedTuple):
    """Everything the network has learnt.

    Args:
        entry: From features to the first layer, ``(features, width)``.
        entry_bias: ``(width,)``.
        memories: One for each layer.
        out: From the last layer to an offset and a slope for each point,
            ``(width, 2 N_POINTS)``.
        out_bias: ``(2 N_POINTS,)``.
        loudness_slope: ``(N_POINTS,)``.
    """

    entry: Weights
    entry_bias: Weights
    memories: tuple[Memory, ...]
    out: Weights
    out_bias: Weights
    loudness_slope: Weights


class MaskNetwork:
    """Say how much of each bin is speech.

    Two gated recurrent units hear all points of a frame at once (`PointLevels`); what they
    make of it is an offset and a slope for each point, so that the mask follows the fine
    structure of a spectrum, a voice's harmonics, that no narrow layer could carry.
    Above 8 kHz, where it was not trained, the mask is the mean of that from 4 to 8 kHz.

    Live and offline are the same: layers take all frames of a block at once, the loop over
    frames does only what feeds back, and every product has the shape of one frame, so the
    bits do not depend on the cutting.

    Args:
        channels: Number of channels, each by itself.
        n_bins: Bins of a spectrum.
        bin_hz: From bin to bin.

    References:
        K. Cho et al., "Learning phrase representations using RNN encoder-decoder for
        statistical machine translation", EMNLP 2014 (the recurrent unit).
    """

    def __init__(self, channels: int, n_bins: int, *, bin_hz: float) -> None:
        self._weights = mask_weights()
        self._levels = PointLevels(channels, n_bins, bin_hz=bin_hz)
        self._to_bins = points_to_bins(n_bins, bin_hz)
        self._n_bins = n_bins
        self._units = [_Unit(channels, memory) for memory in self._weights.memories]

    def reset(self) -> None:
        """Forget the stream."""
        self._levels.reset()
        for unit in self._units:
            unit.reset()

    def gains(self, power: Powers, is_heard: NDArray[np.bool_]) -> Powers:
        """Return the gain of every bin of the next frames.

        Args:
            power: Squared magnitudes, ``(frames, channels, bins)``, C-contiguous.
            is_heard: False where a frame is silence, ``(frames, channels)``.

        Returns:
            0 to 1, of the shape of `power`.
        """
        features = self._levels.hear(power, is_heard)
        hidden = np.matmul(features, self._weights.entry)
        hidden += self._weights.entry_bias
        np.maximum(hidden, np.float32(0.0), out=hidden)
        for unit in self._units:
            hidden += unit.follow(hidden)
        points = self._speak(hidden, features)
        gains = np.empty((*points.shape[:-1], self._n_bins), np.float32)
        n_known = self._to_bins.shape[1]
        gains[..., :n_known] = np.matmul(points, self._to_bins)
        if n_known < self._n_bins:
            sibilance = np.add.reduce(points[..., _SIBILANT_POINTS], axis=-1, keepdims=True)
            gains[..., n_known:] = sibilance / np.float32(32.0)
        return gains

    def _speak(self, hidden: Powers, features: Powers) -> Powers:
        """Return the mask at each point: the logistic function of what the layers say."""
        said = np.matmul(hidden, self._weights.out)
        said += self._weights.out_bias
        mask, slope = said[..., :N_POINTS], said[..., N_POINTS:]
        slope *= features[..., N_POINTS:]
        mask += slope
        mask += features[..., :N_POINTS] * self._weights.loudness_slope
        # The logistic function by way of a hyperbolic tangent, which cannot overflow.
        mask *= _HALF
        points: Powers = np.tanh(mask)
        points += _ONE
        points *= _HALF
        return points


class _Unit:
    """One gated recurrent unit and its state."""

    def __init__(self, channels: int, memory: Memory) -> None:
        self._memory = memory
        width = len(memory.from_state) - 1
        # One more than its width: the 1 that the bias is multiplied with.
        self._state = np.zeros((channels, width + 1), np.float32)
        self._recalled = np.empty((channels, 3 * width), np.float32)
        self._change = np.empty((channels, width), np.float32)
        self.reset()

    def reset(self) -> None:
        self._state[:, :-1] = 0.0
        self._state[:, -1] = 1.0

    def follow(self, inputs: Powers) -> Powers:
        """Return the state after each of the next frames, ``(frames, channels, width)``."""
        told = np.matmul(inputs, self._memory.from_input)
        told += self._memory.input_bias
        # The first is the last one of the call before; each ends in the 1 for the bias.
        states = np.empty((len(inputs) + 1, *self._state.shape), np.float32)
        states[0], states[..., -1] = self._state, _ONE
        recalled, change = self._recalled, self._change
        width = change.shape[1]
        gates, fresh = recalled[:, : 2 * width], recalled[:, 2 * width :]
        reset, update = gates[:, :width], gates[:, width:]
        from_state = self._memory.from_state
        # What can be is looked up ahead of the loop: in it, that would cost as much as
        # the arithmetic.
        matmul, add, subtract, multiply, tanh = (
            np.matmul, np.add, np.subtract, np.multiply, np.tanh,
        )  # fmt: skip
        for state, held, out, gates_told, fresh_told in zip(
            states[:-1],
            states[:-1, :, :-1],
            states[1:, :, :-1],
            told[..., : 2 * width],
            told[..., 2 * width :],
            strict=True,
        ):
            matmul(state, from_state, recalled)
            add(gates, gates_told, gates)
            tanh(gates, gates)
            # Weights are halved, so a gate of (1 + tanh) / 2 needs no more products.
            add(reset, _ONE, reset)
            multiply(fresh, reset, fresh)
            add(fresh, fresh_told, fresh)
            tanh(fresh, fresh)
            # The mean of both, and half their difference one way or the other.
            subtract(held, fresh, change)
            multiply(change, update, change)
            add(held, fresh, fresh)
            add(fresh, change, fresh)
            multiply(fresh, _HALF, out)
        self._state = states[-1].copy()
        return states[1:, :, :-1]


@lru_cache(maxsize=1)
def mask_weights() -> MaskWeights:
    """Return what the network has learnt, from the file beside this module.

    Matrices lie in 8 bits, with one scale for each column.
    """
    beside = resources.files("audiokit.denoise") / "mask_network.npz"
    with resources.as_file(beside) as path, np.load(path) as file:
        stored = {name: file[name] for name in file.files}

    def matrix(name: str) -> Weights:
        scaled: Weights = stored[name] * stored[f"{name}.scale"].astype(np.float32)
        return scaled

    def vector(name: str) -> Weights:
        weights: Weights = stored[name].astype(np.float32)
        return weights

    n_memories = sum(name.startswith("from_state") and "." not in name for name in stored)
    return MaskWeights(
        matrix("entry"),
        vector("entry_bias"),
        tuple(
            _halved(
                matrix(f"from_input_{layer}"),
                vector(f"input_bias_{layer}"),
                matrix(f"from_state_{layer}"),
                vector(f"state_bias_{layer}"),
            )
            for layer in range(n_memories)
        ),
        matrix("out"),
        vector("out_bias"),
        vector("loudness_slope"),
    )


def _halved(
    from_input: Weights, input_bias: Weights, from_state: Weights, state_bias: Weights
) -> Memory:
    """Return a unit's weights as the loop likes them."""
    width = len(from_state)
    gates, fresh = slice(2 * width), slice(2 * width, None)
    from_state = np.concatenate([from_state, state_bias[np.newaxis]])
    from_input, input_bias = from_input.copy(), input_bias.copy()
    # Gates: logistic(x) = (1 + tanh(x / 2)) / 2. The fresh part meets (1 + tanh) / 2.
    for weights in (from_input, from_state):
        weights[:, gates] *= _HALF
    input_bias[gates] *= _HALF
    from_state[:, fresh] *= _HALF
    return Memory(from_input, input_bias, from_state)
