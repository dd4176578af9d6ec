"""Where frames lie in a stream, and cutting a stream into them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["FrameCutter", "FrameGrid"]

_GROUP_VALUES = 1 << 18
_FEWEST_FRAMES = 16


@dataclass(frozen=True, slots=True)
class FrameGrid:
    """A frame rule: frame ``i`` is centred on a sample, ``i`` hops after the first frame's.

    ==========  ==============================  ================  ====================
    edges       beyond the stream's ends lie    first centre      frames of n samples
    ==========  ==============================  ================  ====================
    zeros       zeros (librosa's default)       first sample      1 + n // hop
    reflect     its mirror image (Whisper)      first sample      n // hop
    snip        nothing (Kaldi, HTK)            half a window in  1 + (n - window) // hop
    ==========  ==============================  ================  ====================

    Args:
        sample_rate: Of the stream, in Hz.
        window_samples: Length of the analysis window.
        hop_samples: From one frame to the next; at most `window_samples`.
        n_fft: Length of the transform; at least `window_samples`.
        edges: What the frames at the ends of the stream see.
    """

    sample_rate: int
    window_samples: int
    hop_samples: int
    n_fft: int
    edges: Literal["zeros", "reflect", "snip"] = "zeros"

    @property
    def lead_samples(self) -> int:
        """How far the first frame's window begins before the stream."""
        if self.edges == "snip":
            return 0
        # librosa centres the window in the transform and the transform on the sample;
        # where the lengths differ in parity, this keeps its choice.
        return self.n_fft // 2 - (self.n_fft - self.window_samples) // 2

    @property
    def first_centre_samples(self) -> float:
        """Where the first frame's centre lies in the stream."""
        return self.window_samples / 2.0 if self.edges == "snip" else 0.0

    @property
    def fewest_samples(self) -> int:
        """How long a stream must be to have a frame."""
        return {"zeros": 1, "reflect": self.hop_samples, "snip": self.window_samples}[self.edges]

    @property
    def group_frames(self) -> int:
        """Most frames handled at once: few calls, in bounded memory."""
        # Whole sixteens, as `aligned_product` lays them, need no padding there.
        return max(1, _GROUP_VALUES // self.n_fft // _FEWEST_FRAMES) * _FEWEST_FRAMES

    @property
    def bins_hz(self) -> NDArray[np.float64]:
        """Centre frequency of each bin in Hz, ``(n_fft // 2 + 1,)``."""
        spacing_hz = self.sample_rate / self.n_fft
        return np.arange(self.n_fft // 2 + 1, dtype=np.float64) * spacing_hz

    def n_frames(self, n_samples: int) -> int:
        """Return how many frames a stream of so many samples has."""
        if self.edges == "snip":
            return max(0, 1 + (n_samples - self.window_samples) // self.hop_samples)
        n_hops = n_samples // self.hop_samples
        return n_hops + 1 if self.edges == "zeros" and n_samples else n_hops

    def frames_of(self, stretch: NDArray[Any]) -> NDArray[Any]:
        """Return the whole frames of a stretch of samples, which begins with one.

        Args:
            stretch: ``(samples,)``, contiguous, a window at least.

        Returns:
            A read-only view, ``(frames, window_samples)``.
        """
        # What sliding_window_view would give, at a tenth of its cost for a live block.
        n_frames = 1 + (len(stretch) - self.window_samples) // self.hop_samples
        (step,) = stretch.strides
        frames: NDArray[Any] = np.ndarray(
            (n_frames, self.window_samples),
            stretch.dtype,
            stretch,
            0,
            (self.hop_samples * step, step),
        )
        frames.flags.writeable = False
        return frames

    def time_s(self, frame: int) -> float:
        """Return the time in seconds of a frame's centre."""
        return (self.first_centre_samples + frame * self.hop_samples) / self.sample_rate


class FrameCutter:
    """Cut a mono stream into overlapping frames, in groups of at most `grid.group_frames`.

    Args:
        grid: The frame rule.
    """

    def __init__(self, grid: FrameGrid) -> None:
        self.grid = grid
        self._is_mirror_due = grid.edges == "reflect"
        n_zeros = grid.lead_samples if grid.edges == "zeros" else 0
        self._held = np.zeros(n_zeros, np.float32)
        self._n_samples = 0
        self._next = 0

    def push(self, mono: NDArray[np.float32]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Take samples ``(samples,)``; yield the frames that are now whole.

        Yields:
            The first frame's number, and the stretch of samples that the frames lie in.
        """
        self._n_samples += len(mono)
        yield from self._cut(mono)

    def finish(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield the frames that need what lies after the end of the stream."""
        n_remaining = self.grid.n_frames(self._n_samples) - self._next
        if n_remaining <= 0:
            return
        needed = (n_remaining - 1) * self.grid.hop_samples + self.grid.window_samples
        before = self.grid.lead_samples if self._is_mirror_due else 0
        after = needed - before - len(self._held)
        if self.grid.edges == "reflect":
            mirrored = np.pad(self._held, (before, after), mode="reflect")
            self._is_mirror_due, self._held = False, mirrored[:0]
            yield from self._cut(mirrored)
        else:
            yield from self._cut(np.zeros(after, np.float32))

    def _cut(self, mono: NDArray[np.float32]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        window, hop = self.grid.window_samples, self.grid.hop_samples
        held = np.concatenate([self._held, mono])
        if self._is_mirror_due and len(held) > self.grid.lead_samples:
            held = np.concatenate([held[self.grid.lead_samples : 0 : -1], held])
            self._is_mirror_due = False
        if self._is_mirror_due or len(held) < window:
            self._held = held
            return
        n_frames = 1 + (len(held) - window) // hop
        self._held = held[n_frames * hop :].copy()
        first, self._next = self._next, self._next + n_frames
        most = self.grid.group_frames
        for start in range(0, n_frames, most):
            stop = min(start + most, n_frames)
            yield first + start, held[start * hop : (stop - 1) * hop + window]
