"""Going on as a spectrum does: each bin keeps its magnitude and turns on as it turned."""

from __future__ import annotations

import numpy as np

from audiokit.transit.conceal_gap import Continuation, GapConcealer, Vectors

__all__ = ["SpectralConcealer"]

_HOP_S = 0.008
_HOPS = 4


class SpectralConcealer(GapConcealer):
    """Continue the spectrum of the last 32 ms, the phase of each bin turning on.

    How far a bin turns in 8 ms is what it turned between the last two frames.

    Args:
        fmt: Format of the stream; 8 to 48 kHz.

    Raises:
        SettingError: The sample rate is out of range.

    References:
        J. Flanagan, R. Golden, "Phase vocoder", Bell System Technical Journal 45(9), 1966.
    """

    heard_s = (_HOPS + 1) * _HOP_S

    def _begin(self, heard: Vectors) -> Continuation:
        hop = len(heard) // (_HOPS + 1)
        length = _HOPS * hop
        window = np.square(np.sin(np.pi * (np.arange(length) + 0.5) / length))[:, np.newaxis]
        late = heard[len(heard) - length - hop :]
        before = np.fft.rfft(late[:length] * window, axis=0)
        last = np.fft.rfft(late[hop:] * window, axis=0)
        turn = last * before.conj()
        turn /= np.maximum(np.abs(turn), 1e-30)

        def further(n_samples: int) -> Vectors:
            n_frames = -(-n_samples // hop) + _HOPS - 1
            steps = np.arange(1, n_frames + 1)[:, np.newaxis, np.newaxis]
            frames = np.fft.irfft(last * turn**steps, length, axis=1)
            # Frame k begins k hops after the last one heard did; windows add up to a half of
            # their number.
            sound = np.zeros((length + (n_frames + 1) * hop, heard.shape[1]))
            for step, frame in enumerate(frames, 1):
                sound[step * hop : step * hop + length] += frame
            return sound[length : length + n_samples] * (2.0 / _HOPS)

        return further
