"""Short-time Fourier analysis, a change of the spectra, and synthesis, as a stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.framing import Framer, Frames
from audiokit.errors import SettingError
from audiokit.stage import Block, StreamFormat

__all__ = ["Change", "Spectra", "StftStream", "fast_window_samples"]

Spectra: TypeAlias = NDArray[np.complex64]
"""Half spectra of successive frames, ``(frames, channels, bins)``.

Scaled by one over the root of the window's length: white noise of power 1 has a mean
power of 1/2 in every bin, whatever the length.
"""

Change: TypeAlias = Callable[[Spectra], Spectra]
"""Takes the next spectra in order, returns as many; may write into its argument."""

# Frames are handled in groups of about so many samples: few calls, and the temporaries
# stay in cache.
_GROUP_SAMPLES = 1 << 17


def fast_window_samples(window_ms: float, sample_rate: int) -> int:
    """Return the longest window within a duration whose transform is fast.

    Args:
        window_ms: Upper bound of the duration.
        sample_rate: In Hz.

    Returns:
        A multiple of 4 without prime factors above 7; 4 at least.
    """
    candidate = max(4, int(window_ms * sample_rate / 1000.0 + 1e-9) // 4 * 4)
    while not _is_smooth(candidate):
        candidate -= 4
    return candidate


def _is_smooth(number: int) -> bool:
    for prime in (2, 3, 5, 7):
        while number % prime == 0:
            number //= prime
    return number == 1


class StftStream:
    """Spectra of a stream, and a stream of spectra, aligned in time.

    The window is the square root of Hann's on both sides, so that unchanged spectra
    give the stream back. Frames are summed in a fixed order: no cutting changes a bit.

    Args:
        fmt: Format of the stream.
        window_samples: Length of a frame; even.
        hop_samples: From one frame to the next: the window's half, quarter, ….

    Attributes:
        latency_samples: Most samples ever held back: a window, less one.
        n_bins: Bins of a spectrum, from 0 Hz to half the sample rate.

    Raises:
        SettingError: The hop is no whole part of the window, or more than its half.

    References:
        D. Griffin, J. Lim, "Signal estimation from modified short-time Fourier
        transform", IEEE Transactions on ASSP 32(2), 1984.
    """

    def __init__(self, fmt: StreamFormat, *, window_samples: int, hop_samples: int) -> None:
        if window_samples % 2 or window_samples < 4:
            raise SettingError("window_samples", window_samples, "an even number, 4 or more")
        if hop_samples < 1 or window_samples % hop_samples or 2 * hop_samples > window_samples:
            raise SettingError(
                "hop_samples", hop_samples, f"half of {window_samples}, or a smaller whole part"
            )
        self.fmt = fmt
        self.window_samples = window_samples
        self.hop_samples = hop_samples
        self.latency_samples = window_samples - 1
        self.n_bins = window_samples // 2 + 1
        self._overlap = window_samples // hop_samples
        self._group_frames = max(1, _GROUP_SAMPLES // (window_samples * fmt.channels))
        phase = np.arange(window_samples) * (np.pi / window_samples)
        # The square root of Hann's window is half a period of a sine.
        self._window = np.sin(phase).astype(np.float32)
        # Squares of the window add up to half the overlap.
        self._synthesis = (np.sin(phase) * (2.0 / self._overlap)).astype(np.float32)
        lead = window_samples - hop_samples
        self._framer = Framer(window_samples, hop_samples, fmt.channels, lead_samples=lead)
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._framer.reset()
        held = (self._overlap - 1, self.fmt.channels, self.window_samples)
        self._last: Frames = np.zeros(held, np.float32)
        self._to_skip = self._framer.lead_samples
        self._n_in = self._n_out = 0

    def process(self, block: Block, change: Change) -> Block:
        """Take the next block; return what is ready, its spectra changed.

        Args:
            block: ``(samples, channels)``.
            change: Called with a group of frames at a time.
        """
        self._n_in += len(block)
        ready = self._pass_frames(self._framer.push(block), change)
        self._n_out += len(ready)
        return ready

    def flush(self, change: Change) -> Block:
        """End the stream; return what was held back. Call `reset` before reuse."""
        due = self._n_in - self._n_out
        if due == 0:
            return self.fmt.silence(0)
        ready = self._pass_frames(self._framer.flush(self.window_samples), change)[:due]
        self._n_out += len(ready)
        return ready

    def _pass_frames(self, frames: Frames, change: Change) -> Block:
        if not len(frames):
            return self.fmt.silence(0)
        pieces = []
        for start in range(0, len(frames), self._group_frames):
            windowed = frames[start : start + self._group_frames] * self._window
            # With the default norm, NumPy passes an integer factor and so leaves single
            # precision: more than three times slower. Here and in the inverse.
            spectra = np.fft.rfft(windowed, axis=-1, norm="ortho")
            # NumPy's stubs promise double precision; single stays single.
            pieces.append(self._overlap_add(change(spectra.astype(np.complex64, copy=False))))
        # One group, as always live, needs no copy.
        ready = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        skipped = min(self._to_skip, len(ready))
        self._to_skip -= skipped
        return ready[skipped:]

    def _overlap_add(self, spectra: Spectra) -> Block:
        n_frames, channels, _ = spectra.shape
        n_held = self._overlap - 1
        frames = np.empty((n_held + n_frames, channels, self.window_samples), np.float32)
        frames[:n_held] = self._last
        new = np.fft.irfft(spectra, self.window_samples, axis=-1, norm="ortho")
        np.multiply(new, self._synthesis, out=frames[n_held:])
        self._last = frames[n_frames:].copy()
        hops = frames.reshape(n_held + n_frames, channels, self._overlap, self.hop_samples)
        # A hop is the sum of one part of each frame that covers it, oldest first.
        total = hops[:n_frames, :, n_held] + hops[1 : 1 + n_frames, :, n_held - 1]
        for age in range(2, self._overlap):
            total += hops[age : age + n_frames, :, n_held - age]
        return np.ascontiguousarray(total.swapaxes(1, 2)).reshape(-1, channels)
