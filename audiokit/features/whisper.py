"""The step of Whisper's log-mel that needs the whole recording."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["whisper_input"]

_RANGE = np.float32(8.0)


def whisper_input(log10_mel: NDArray[np.float32], *, loudest: float) -> NDArray[np.float32]:
    """Return what Whisper's encoder takes, from what preset ``whisper`` gives.

    No stream knows how loud its loudest band will be, so the extractor leaves this step
    to whoever has heard all: ``whisper_input(rows, loudest=rows.max())``.

    Args:
        log10_mel: Rows of the family ``mel``, all or a part, ``(frames, n_mels)``.
        loudest: The highest value of *all* rows.

    Returns:
        ``(frames, n_mels)``: no more than 8 below the loudest, plus 4, over 4.

    References:
        A. Radford et al., "Robust speech recognition via large-scale weak supervision",
        2022, section 2.2, and its reference code, ``log_mel_spectrogram``.
    """
    limited = np.maximum(log10_mel, np.float32(loudest) - _RANGE)
    return np.asarray((limited + np.float32(4.0)) / np.float32(4.0), dtype=np.float32)
