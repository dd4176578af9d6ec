"""A level gate over an adaptive noise floor: what auditok and librosa's split do, live."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from audiokit.dsp.filters import Highpass, HighpassSettings
from audiokit.errors import SettingError
from audiokit.stage import Block, StreamFormat
from audiokit.vad.scorer import FRAMES_PER_SECOND, MIN_SAMPLE_RATE, SpeechScorer

__all__ = ["EnergyScorer"]

_REACH_SMOOTH = 2  # frames a side: 50 ms, a syllable's nucleus
_FLOOR_PAST, _FLOOR_FUTURE = 300, 30  # frames
_AHEAD = _FLOOR_FUTURE + _REACH_SMOOTH
_BEHIND = _FLOOR_PAST + _REACH_SMOOTH
# Rumble and breath on a microphone may be louder than the voice.
_HIGHPASS = HighpassSettings(cutoff_hz=100.0, order=4)
# Speech in which nobody pauses for breath would lift the floor to itself; and below the noise
# of a quiet room at a usual gain, what rises is no voice.
_LOWEST_FLOOR_DB = -65.0
_SILENT_POWER = 1e-14
# The smoothed level of steady noise stays within 3 dB of its minimum over three seconds.
_RISE_AT_HALF_DB, _RISE_PER_LOGIT_DB = 9.0, 2.0


class EnergyScorer(SpeechScorer):
    """Call speech what is louder than the quietest moment of the seconds around it.

    The level of each frame above 100 Hz (all channels' mean power, smoothed over 50 ms) is
    compared with its own minimum from three seconds before to 0.3 s after. The probability
    grows with the rise over that floor: one half at 9 dB, 0.95 at 15 dB. All that comes and
    goes is speech to it: a slammed door as well.

    Args:
        fmt: Format of the stream; 8000 Hz or more.

    Raises:
        SettingError: The sample rate is below 8000 Hz.

    References:
        R. Martin, "Noise power spectral density estimation based on optimal smoothing and
        minimum statistics", IEEE Trans. Speech and Audio Processing 9 (2001): the floor.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        if fmt.sample_rate < MIN_SAMPLE_RATE:
            raise SettingError(
                "sample_rate", fmt.sample_rate, f"{MIN_SAMPLE_RATE} Hz or more", "Resample first."
            )
        self.fmt = fmt
        self.look_ahead_s = (_AHEAD + 1) / FRAMES_PER_SECOND
        self._highpass = Highpass(fmt, _HIGHPASS)
        self.reset()

    def reset(self) -> None:
        self._highpass.reset()
        self._held = self.fmt.silence(0)
        self._n_samples = self._n_framed = 0
        # Levels that are not there are infinite: no minimum, and left out of a mean.
        self._levels_db = np.full(_BEHIND, np.inf)

    def process(self, block: Block) -> NDArray[np.float32]:
        self._n_samples += len(block)
        block = self._highpass.process(block)
        return self._score(self._frame(block, self._n_samples * FRAMES_PER_SECOND))

    def flush(self) -> NDArray[np.float32]:
        last = self._frame(self.fmt.silence(0), self._n_samples * FRAMES_PER_SECOND, is_last=True)
        return self._score(np.concatenate([last, np.full(_AHEAD, np.inf)]))

    def _frame(self, block: Block, heard: int, *, is_last: bool = False) -> NDArray[np.float64]:
        """Return the levels of the frames that are now whole, or begun, in dB."""
        rate = self.fmt.sample_rate
        n_frames = -(-heard // rate) if is_last else heard // rate
        held = np.concatenate([self._held, block])
        # Frame k begins with the sample in which k / 100 s lies: so each that began has one.
        edges = np.arange(self._n_framed, n_frames + 1) * rate // FRAMES_PER_SECOND
        edges -= edges[0]
        self._n_framed = n_frames
        self._held = held[edges[-1] :].copy()
        if len(edges) == 1:
            return np.zeros(0)
        held = held[: edges[-1]]
        # Each frame summed by itself: the same at any cutting.
        sums = np.add.reduceat(np.square(held, dtype=np.float64), edges[:-1], axis=0)
        counts = np.minimum(edges[1:], len(held)) - edges[:-1]
        power = np.zeros(len(sums))
        for channel in sums.T:
            power += channel
        levels: NDArray[np.float64] = 10.0 * np.log10(
            power / (counts * self.fmt.channels) + _SILENT_POWER
        )
        return levels

    def _score(self, levels_db: NDArray[np.float64]) -> NDArray[np.float32]:
        levels = np.concatenate([self._levels_db, levels_db])
        n_ready = len(levels) - _BEHIND - _AHEAD
        if n_ready <= 0:
            self._levels_db = levels
            return np.zeros(0, np.float32)
        self._levels_db = levels[n_ready:].copy()
        # One after the other, not a running sum, which would depend on where it began.
        is_there = np.isfinite(levels)
        known = np.where(is_there, levels, 0.0)
        n_smooth = len(levels) - 2 * _REACH_SMOOTH
        total, count = np.zeros(n_smooth), np.zeros(n_smooth)
        for shift in range(2 * _REACH_SMOOTH + 1):
            total += known[shift : shift + n_smooth]
            count += is_there[shift : shift + n_smooth]
        centre = is_there[_REACH_SMOOTH : _REACH_SMOOTH + n_smooth]
        smooth = np.where(centre, total / np.maximum(count, 1.0), np.inf)
        windows = sliding_window_view(smooth, _FLOOR_PAST + 1 + _FLOOR_FUTURE)
        floor = np.maximum(windows.min(axis=1), _LOWEST_FLOOR_DB)
        rise = smooth[_FLOOR_PAST : _FLOOR_PAST + n_ready] - floor
        logit = (rise - _RISE_AT_HALF_DB) / _RISE_PER_LOGIT_DB
        found: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-logit))
        return found.astype(np.float32)
