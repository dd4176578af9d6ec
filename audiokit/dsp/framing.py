"""Cutting a stream of any channels into overlapping frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError
from audiokit.stage import Block

__all__ = ["Framer", "Frames", "next_smooth"]

Frames = NDArray[np.float32]
"""Frames of a stream, ``(frames, channels, frame_samples)``."""


class Framer:
    """Cut a stream into overlapping frames, whatever blocks it comes in.

    Frame ``i`` begins at sample ``i * hop_samples - lead_samples``; what lies before the
    stream is zero. Only the samples that a later frame needs are kept.

    Args:
        frame_samples: Length of a frame, 1 or more.
        hop_samples: From one frame to the next, 1 to `frame_samples`.
        channels: Channels of the stream.
        lead_samples: Zeros before the stream: 0 begins the first frame at the first
            sample, half a frame centres it there.

    Raises:
        SettingError: The hop or the lead does not fit the frame.
    """

    def __init__(
        self, frame_samples: int, hop_samples: int, channels: int, *, lead_samples: int = 0
    ) -> None:
        if not 1 <= hop_samples <= frame_samples:
            raise SettingError("hop_samples", hop_samples, f"1 to {frame_samples} samples")
        if lead_samples < 0:
            raise SettingError("lead_samples", lead_samples, "0 samples or more")
        self.frame_samples = frame_samples
        self.hop_samples = hop_samples
        self.channels = channels
        self.lead_samples = lead_samples
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._held = np.zeros((self.channels, self.lead_samples), np.float32)

    def push(self, block: Block) -> Frames:
        """Take the next samples; return the frames that are now whole.

        Args:
            block: ``(samples, channels)``, any length.

        Returns:
            A read-only view, ``(frames, channels, frame_samples)``, each frame
            contiguous.
        """
        # Channels first, so that every frame is one piece of memory.
        held = np.concatenate([self._held, block.T], axis=1)
        n_frames = max(0, (held.shape[1] - self.frame_samples) // self.hop_samples + 1)
        self._held = held[:, n_frames * self.hop_samples :].copy()
        if n_frames == 0:
            return np.empty((0, self.channels, self.frame_samples), np.float32)
        # As `sliding_window_view` would do it, at a twentieth of its overhead.
        per_channel, per_sample = held.strides
        frames: Frames = np.ndarray(
            (n_frames, self.channels, self.frame_samples),
            np.float32,
            held,
            strides=(self.hop_samples * per_sample, per_channel, per_sample),
        )
        frames.flags.writeable = False
        return frames

    def flush(self, pad_samples: int) -> Frames:
        """Continue the stream with zeros; return the frames that are now whole."""
        return self.push(np.zeros((pad_samples, self.channels), np.float32))


def next_smooth(length: int) -> int:
    """Return the next length whose only prime factors are 2, 3 and 5: fast to transform.

    Args:
        length: 1 or more.
    """
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1
