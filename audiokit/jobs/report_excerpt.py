"""A stretch of a recording to hear and to see: where most is going on, coded small."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audiokit.files.read import RawFormat, open_audio
from audiokit.jobs.blocks import BLOCK_SAMPLES
from audiokit.jobs.excerpt import SmallRecorder
from audiokit.jobs.overview import N_ROWS, Overview, brightest_db, spectrogram_png
from audiokit.jobs.page_parts import data_url
from audiokit.stage import Block, StreamFormat

__all__ = ["ExcerptJob"]

# What is wider than hearing is brought down; what is narrower stays, as its band is judged.
_HIGHEST_RATE_HZ = 48_000
# A wider band needs more bits, as many for a hertz.
_BITS_PER_SAMPLE = 1.2
_LEAST_BPS = 8_000
# How finely the liveliest stretch is looked for, and how quiet all that is quieter counts.
_STEP_S = 0.25
_FLOOR_DB = -70.0
# Half the rows, and no more columns than a phone turned sideways shows.
_ROWS, _MOST_COLUMNS = N_ROWS // 2, 400


@dataclass(frozen=True, slots=True)
class ExcerptJob:
    """Cut a stretch out of a recording, and the same out of its source; picklable.

    Args:
        excerpt_s: How long, in s; 0 for a picture of ten seconds, and no sound.
        befores: The source of each recording that has one, by path.
        raw: The format of headerless recordings.
    """

    excerpt_s: float
    befores: Mapping[str, str]
    raw: RawFormat | None = None

    def __call__(self, item: Any) -> dict[str, Any]:
        """Return the stretch of one item, whose payload is a path.

        Returns:
            ``after`` and, where there is a source, ``before``: each with the addresses of
            its sound and picture, and where the stretch lies.
        """
        path, _ = item.payload
        length_s = self.excerpt_s or 10.0
        start_s = self._liveliest_s(path, length_s)
        sides = {"after": path}
        if path in self.befores:
            sides["before"] = self.befores[path]
        return {side: self._cut(name, start_s, length_s) for side, name in sides.items()}

    def _liveliest_s(self, path: str, length_s: float) -> float:
        """Return where the stretch begins that has the highest mean of levels in dB."""
        with open_audio(path, raw=self.raw) as reader:
            claimed = reader.info.n_samples
            if claimed is not None and reader.fmt.seconds(claimed) <= length_s:
                return 0.0
            levels_db = np.array(list(_levels_db(reader.blocks(BLOCK_SAMPLES), reader.fmt)))
        n_steps = round(length_s / _STEP_S)
        if len(levels_db) <= n_steps:
            return 0.0
        sums = np.concatenate([[0.0], np.cumsum(levels_db)])
        # A hundredth of a decibel is no reason to begin later.
        means = np.round((sums[n_steps:] - sums[:-n_steps]) / n_steps, 2)
        return float(np.argmax(means)) * _STEP_S

    def _cut(self, path: str, start_s: float, length_s: float) -> dict[str, Any]:
        with open_audio(path, raw=self.raw) as reader:
            fmt = reader.fmt
            recorder = SmallRecorder(
                fmt,
                most_s=length_s,
                highest_rate_hz=_HIGHEST_RATE_HZ,
                bps_per_channel=_bps_of(min(fmt.sample_rate, _HIGHEST_RATE_HZ)),
            )
            overview = Overview(fmt)
            n_heard = 0
            for block in _between(reader.blocks(BLOCK_SAMPLES), fmt, start_s, length_s):
                overview.update(block)
                recorder.update(block)
                n_heard += len(block)
            overview.finish()
        levels_db = _folded(overview.spectrogram_db())
        picture = spectrogram_png(levels_db, highest_db=brightest_db(levels_db))
        return {
            "sound": data_url(recorder.finish()) if self.excerpt_s else None,
            "picture": f"data:image/png;base64,{base64.b64encode(picture).decode('ascii')}",
            "start_s": start_s,
            "length_s": fmt.seconds(n_heard),
            "sample_rate": fmt.sample_rate,
        }


def _bps_of(sample_rate: int) -> int:
    return max(_LEAST_BPS, round(_BITS_PER_SAMPLE * sample_rate))


def _levels_db(blocks: Iterator[Block], fmt: StreamFormat) -> Iterator[float]:
    """Yield the level of each step of a stream; what is left at the end is none."""
    n_step = round(_STEP_S * fmt.sample_rate)
    held = fmt.silence(0)
    for block in blocks:
        held = np.concatenate([held, block])
        n_whole = len(held) // n_step * n_step
        steps = held[:n_whole].reshape(-1, n_step * fmt.channels)
        power = np.square(steps, dtype=np.float64).mean(axis=1)
        yield from (10.0 * np.log10(np.maximum(power, 10.0 ** (_FLOOR_DB / 10.0)))).tolist()
        held = held[n_whole:]


def _between(
    blocks: Iterator[Block], fmt: StreamFormat, start_s: float, length_s: float
) -> Iterator[Block]:
    """Yield what lies between two times, and read no further."""
    first = round(start_s * fmt.sample_rate)
    last = first + round(length_s * fmt.sample_rate)
    at = 0
    for block in blocks:
        inside = block[max(0, first - at) : max(0, last - at)]
        at += len(block)
        if len(inside):
            yield inside
        if at >= last:
            return


def _folded(levels_db: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a spectrogram of half the rows and a bounded number of columns."""
    rows = levels_db.reshape(_ROWS, 2, -1).mean(axis=1)
    n_merged = -(-rows.shape[1] // _MOST_COLUMNS)
    n_more = -rows.shape[1] % n_merged
    padded = np.pad(rows, ((0, 0), (0, n_more)), mode="edge")
    merged: NDArray[np.float32] = padded.reshape(_ROWS, -1, n_merged).mean(axis=2)
    return merged
