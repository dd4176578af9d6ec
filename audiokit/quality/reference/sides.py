"""What has to be known of either recording before the two are compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audiokit.stage import Block

__all__ = ["Side", "channel_faults", "hear_side"]

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
        dead: The channels that are silent though others are not, counted from 0.
        is_anti_phase: Whether a channel is the negative of another.
        remarks: What else is odd about it, a clause each.
    """

    mono: NDArray[np.float32]
    reason: str | None
    dead: tuple[int, ...] = ()
    is_anti_phase: bool = False
    remarks: tuple[str, ...] = ()


def hear_side(block: Block, sample_rate: int, *, name: str) -> Side:
    """Return what is to be known of one recording.

    Args:
        block: All of it, ``(samples, channels)``.
        sample_rate: In Hz.
        name: How it is called in remarks: ``reference`` or ``recording``.
    """
    if len(block) < _SHORTEST_S * sample_rate:
        return Side(block.mean(axis=1), f"the {name} is shorter than {_SHORTEST_S} s")
    means = block.mean(axis=0, dtype=np.float64).astype(np.float32)
    offset = float(means[np.argmax(np.abs(means))])
    said = f"the {name} has an offset of {offset:.3f}, which is taken away"
    remarks = (said,) if abs(offset) >= _OFFSET else ()
    mono = block.mean(axis=1) - means.mean()
    levels = [_loudest_dbfs(block[:, c] - means[c], sample_rate) for c in range(block.shape[1])]
    if max(levels) < _SILENCE_DBFS:
        return Side(mono, f"the {name} is silent", remarks=remarks)
    live = [channel for channel, level in enumerate(levels) if level >= _SILENCE_DBFS]
    dead = tuple(channel for channel in range(block.shape[1]) if channel not in live)
    is_anti_phase = len(live) > 1 and _is_anti_phase(block[:, live] - means[live])
    reason = None
    if is_anti_phase and _power(mono) < _LEAST_LEFT * _power(block[:, live]):
        reason = f"channels of the {name} are in anti-phase: their mean is next to nothing"
    return Side(mono, reason, dead, is_anti_phase, remarks)


def channel_faults(reference: Side, recording: Side) -> tuple[str | None, list[str]]:
    """Return why channels forbid a comparison, if they do, and what to remark of them.

    What is wrong with the recording alone would not show in the mean of its channels.

    Args:
        reference: One side.
        recording: The other.
    """
    remarks = []
    for name, side in (("reference", reference), ("recording", recording)):
        remarks += [f"channel {channel} of the {name} is silent" for channel in side.dead]
        if side.is_anti_phase:
            remarks.append(f"channels of the {name} are in anti-phase")
    if set(recording.dead) - set(reference.dead):
        return f"channel {recording.dead[0]} of the recording is silent", []
    if recording.is_anti_phase and not reference.is_anti_phase:
        return "channels of the recording are in anti-phase", []
    return None, remarks


def _loudest_dbfs(samples: NDArray[np.float32], sample_rate: int) -> float:
    """Return the level of the loudest tenth of a second."""
    n_frame = round(_FRAME_S * sample_rate)
    n_frames = len(samples) // n_frame
    frames = samples[: n_frames * n_frame].reshape(n_frames, n_frame)
    power = float(np.square(frames).mean(axis=1).max())
    return 10.0 * float(np.log10(power + 1e-20))


def _power(block: NDArray[np.float32]) -> float:
    return float(np.square(block).mean(dtype=np.float64))


def _is_anti_phase(block: NDArray[np.float32]) -> bool:
    """Return whether any channel is close to another's negative."""
    product = (block.T @ block).astype(np.float64)
    sizes = np.sqrt(np.diag(product))
    return bool((product / np.outer(sizes, sizes)).min() <= _ANTI_PHASE)
