"""What has to be known of either recording before the two are compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.stage import Block

__all__ = ["Side", "hear_side"]

_SILENCE_DBFS = -70.0
_SHORTEST_S = 0.5
_FRAME_S = 0.1
# Two channels that differ only in sign have -1; two voices or a room have about 0.
_ANTI_PHASE = -0.9
_LEAST_LEFT = 0.01
_OFFSET = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One of two recordings, as one channel.

    Args:
        mono: The mean of the channels without its offset, ``(samples,)``.
        reason: Why it cannot be compared; None if it can.
        remarks: What is odd about it, a clause each.
    """

    mono: NDArray[np.float32]
    reason: str | None
    remarks: tuple[str, ...]


def hear_side(block: Block, sample_rate: int, *, name: str) -> Side:
    """Return what is to be known of one recording.

    Args:
        block: All of it, ``(samples, channels)``.
        sample_rate: In Hz.
        name: How it is called in remarks: ``reference`` or ``recording``.
    """
    means = block.mean(axis=0, dtype=np.float64)
    remarks = []
    offset = float(means[np.argmax(np.abs(means))]) if len(block) else 0.0
    if abs(offset) >= _OFFSET:
        remarks.append(f"the {name} has an offset of {offset:.3f}, which is taken away")
    mono = (block.mean(axis=1, dtype=np.float64) - means.mean()).astype(np.float32)
    if len(block) < _SHORTEST_S * sample_rate:
        return Side(mono, f"the {name} is shorter than {_SHORTEST_S} s", tuple(remarks))
    levels = [_loudest_dbfs(block[:, c] - means[c], sample_rate) for c in range(block.shape[1])]
    if max(levels) < _SILENCE_DBFS:
        return Side(mono, f"the {name} is silent", tuple(remarks))
    dead = [channel for channel, level in enumerate(levels) if level < _SILENCE_DBFS]
    remarks += [f"channel {channel} of the {name} is silent" for channel in dead]
    live = [channel for channel in range(block.shape[1]) if channel not in dead]
    reason = None
    if len(live) > 1 and _is_anti_phase(block[:, live] - means[live]):
        remarks.append(f"channels of the {name} are in anti-phase")
        powers = np.square(block[:, live], dtype=np.float64).mean()
        if np.square(mono, dtype=np.float64).mean() < _LEAST_LEFT * powers:
            reason = f"channels of the {name} are in anti-phase: they cancel in one channel"
    return Side(mono, reason, tuple(remarks))


def _loudest_dbfs(samples: NDArray[np.float64], sample_rate: int) -> float:
    """Return the level of the loudest tenth of a second."""
    n_frame = round(_FRAME_S * sample_rate)
    n_frames = len(samples) // n_frame
    frames = samples[: n_frames * n_frame].reshape(n_frames, n_frame)
    power = float(np.square(frames).mean(axis=1).max())
    return 10.0 * float(np.log10(power + 1e-20))


def _is_anti_phase(block: NDArray[np.float64]) -> bool:
    """Return whether any channel is close to another's negative."""
    product = block.T @ block
    sizes = np.sqrt(np.diag(product))
    return bool((product / np.outer(sizes, sizes)).min() <= _ANTI_PHASE)
