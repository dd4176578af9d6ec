"""What the network hears of a stream: its bands against what they and all of them were."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audiokit.stage import Block, StreamFormat
from audiokit.vad.bands import ABSENT_DB, N_BANDS, N_TELEPHONE_BANDS, BandLevels

__all__ = ["N_INPUTS", "SILENT_DB", "SpeechInputs"]

N_INPUTS = 2 * N_BANDS + 2
"""Levels of the bands, how far each and then all together rise above their floors, and how
periodic the frame is."""
SILENT_DB = -115.0
"""No frame at this mean level or below holds speech: 16-bit rounding alone makes -101 dB."""

# Steps in dB by which the middle level and the tenth part from below follow the frames: of
# what is above or below, only the number counts, so that a knock moves them by no more than
# a word. At first they hurry.
_MIDDLE_DB = 0.25
_FLOOR_UP, _FLOOR_DOWN = 0.03, 0.27
_HURRY, _HURRIED_FRAMES = 4.0, 50
# A row of each: half as long to choose from as two numbers.
_STEPS = np.array([[_FLOOR_UP], [-_FLOOR_DOWN]], np.float32).repeat(N_BANDS + 1, axis=1)
_HURRIED_STEPS = np.float32(_HURRY) * _STEPS
_SCALE_DB = np.float32(15.0)
_LEAST_DB, _MOST_DB = np.float32(-60.0), np.float32(45.0)
_MEAN_PERIODICITY, _PERIODICITY_SCALE = np.float32(0.4), np.float32(0.2)


class SpeechInputs:
    """Turn a stream into what the network hears, a hundred times a second.

    Band levels are told relative to the middle level of late, so that the stream's own does not
    matter, and to the floor of each band, so that steady noise does not. Holds back 48 ms at
    most.

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
        self._middle_db = 0.0
        # Of each band, then of all together.
        self._floors_db = np.zeros(N_BANDS + 1, np.float32)
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
        together = np.concatenate([levels, overall[:, np.newaxis]], axis=1)
        middle = self._follow_middle(overall, is_heard)
        floors = self._follow_floors(together, is_heard)
        self._n_heard += int(np.count_nonzero(is_heard))
        inputs = np.zeros((len(described), N_INPUTS), np.float32)
        np.subtract(levels, middle[:, np.newaxis], out=inputs[:, :N_BANDS])
        np.subtract(together, floors, out=inputs[:, N_BANDS : 2 * N_BANDS + 1])
        # A band that is not there is as quiet as can be, however quiet the others are.
        inputs[:, :N_BANDS][levels <= ABSENT_DB] = _LEAST_DB
        np.clip(inputs, _LEAST_DB, _MOST_DB, out=inputs)
        inputs /= _SCALE_DB
        periodicity = described[:, N_BANDS] - _MEAN_PERIODICITY
        np.divide(periodicity, _PERIODICITY_SCALE, out=inputs[:, -1])
        return inputs, is_heard

    def _follow_middle(
        self, overall: NDArray[np.float32], is_heard: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Return the middle level of the stream up to each frame, in dB."""
        middle_db, n_heard = self._middle_db, self._n_heard
        middles = []
        for level_db, heard in zip(overall.tolist(), is_heard.tolist(), strict=True):
            if heard:
                if not n_heard:
                    middle_db = level_db
                n_heard += 1
                step_db = _MIDDLE_DB * _pace(n_heard)
                middle_db += step_db if level_db > middle_db else -step_db
            middles.append(middle_db)
        self._middle_db = middle_db
        return np.array(middles, np.float32)

    def _follow_floors(
        self, levels: NDArray[np.float32], is_heard: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Return the floor of each band up to each frame, in dB."""
        floors_db, n_heard = self._floors_db, self._n_heard
        floors = np.empty_like(levels)
        for at, heard in enumerate(is_heard.tolist()):
            if not heard:
                floors[at] = floors_db
                continue
            if not n_heard:
                floors_db = levels[at].copy()
            n_heard += 1
            up, down = _HURRIED_STEPS if n_heard < _HURRIED_FRAMES else _STEPS
            steps = np.where(levels[at] > floors_db, up, down)
            floors_db = np.add(floors_db, steps, out=floors[at])
        self._floors_db = floors_db.copy()
        return floors


def _pace(n_heard: int) -> float:
    return _HURRY if n_heard < _HURRIED_FRAMES else 1.0
