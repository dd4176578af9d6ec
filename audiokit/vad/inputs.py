"""What the network hears of a stream: band levels against the middle level of late."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.stage import Block, StreamFormat
from audiokit.vad.bands import ABSENT_DB, N_BANDS, N_TELEPHONE_BANDS, BandLevels

__all__ = ["N_INPUTS", "SILENT_DB", "SpeechInputs"]

N_INPUTS = N_BANDS + 2
"""Band levels, how periodic the frame is, and how far it rises above the quietest so far."""
SILENT_DB = -115.0
"""No frame at this mean level or below holds speech: 16-bit rounding alone makes -101 dB."""

# Steps in dB by which the middle level and the tenth part from below follow the frames: of
# what is above or below, only the number counts, so that a knock moves them by no more than
# a word. At first they hurry.
_MIDDLE_UP, _MIDDLE_DOWN = 0.25, 0.25
_FLOOR_UP, _FLOOR_DOWN = 0.03, 0.27
_HURRY, _HURRIED_FRAMES = 4.0, 50
_SCALE_DB = np.float32(15.0)
_LEAST_DB, _MOST_DB = np.float32(-60.0), np.float32(45.0)
_MEAN_PERIODICITY, _PERIODICITY_SCALE = np.float32(0.3), np.float32(0.15)


class SpeechInputs:
    """Turn a stream into what the network hears, a hundred times a second.

    Band levels are told relative to the middle level of late, so that the stream's own does not
    matter. Holds back 32 ms at most.

    Args:
        fmt: Format of the stream; 8000 Hz or more.

    Raises:
        SettingError: The sample rate is below 8000 Hz.

    References:
        H. Robbins and S. Monro, "A stochastic approximation method", Annals of Mathematical
        Statistics 22 (1951): quantiles by steps up and down.
    """

    def __init__(self, fmt: StreamFormat) -> None:
        self._bands = BandLevels(fmt)
        self.reset()

    def reset(self) -> None:
        """Forget the stream, as if newly built."""
        self._bands.reset()
        self._middle_db = self._floor_db = 0.0
        self._n_heard = 0

    def process(self, block: Block) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Take the next block; return the frames that are complete.

        Returns:
            ``(frames, N_INPUTS)``, of the order of 1, and whether each is more than silence,
            ``(frames,)``.
        """
        return self.relate(self._bands.process(block))

    def flush(self) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """End the stream and return the frames that its last samples begin."""
        return self.relate(self._bands.flush())

    def relate(
        self, described: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Take what `BandLevels` says of the next frames in place of the sound itself."""
        levels = described[:, :N_BANDS]
        overall = np.add.reduce(levels[:, :N_TELEPHONE_BANDS], axis=1)
        overall /= np.float32(N_TELEPHONE_BANDS)
        is_heard = overall > np.float32(SILENT_DB)
        middle, floor = self._follow(overall, is_heard)
        inputs = np.zeros((len(described), N_INPUTS), np.float32)
        np.subtract(levels, middle[:, np.newaxis], out=inputs[:, :N_BANDS])
        np.subtract(overall, floor, out=inputs[:, N_BANDS + 1])
        # A band that is not there is as quiet as can be, however quiet the others are.
        inputs[:, :N_BANDS][levels <= ABSENT_DB] = _LEAST_DB
        np.clip(inputs, _LEAST_DB, _MOST_DB, out=inputs)
        inputs /= _SCALE_DB
        periodicity = described[:, N_BANDS] - _MEAN_PERIODICITY
        np.divide(periodicity, _PERIODICITY_SCALE, out=inputs[:, N_BANDS])
        return inputs, is_heard

    def _follow(
        self, overall: NDArray[np.float32], is_heard: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the middle and the low level of the stream up to each frame, in dB."""
        middle_db, floor_db, n_heard = self._middle_db, self._floor_db, self._n_heard
        middles, floors = [], []
        for level_db, heard in zip(overall.tolist(), is_heard.tolist(), strict=True):
            if heard:
                if not n_heard:
                    middle_db = floor_db = level_db
                n_heard += 1
                pace = _HURRY if n_heard < _HURRIED_FRAMES else 1.0
                middle_db += pace * (_MIDDLE_UP if level_db > middle_db else -_MIDDLE_DOWN)
                floor_db += pace * (_FLOOR_UP if level_db > floor_db else -_FLOOR_DOWN)
            middles.append(middle_db)
            floors.append(floor_db)
        self._middle_db, self._floor_db, self._n_heard = middle_db, floor_db, n_heard
        return np.array(middles, np.float32), np.array(floors, np.float32)
