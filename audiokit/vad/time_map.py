"""What is kept of a recording, and how its times and the cut one's become each other.

Times are kept as samples, and so are exact: an instant of the recording that was kept comes
back from the cut one as the same number.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from audiokit.errors import FormatError, SettingError
from audiokit.vad.segments import Segment, merge_segments

__all__ = ["TimeMap", "keep_speech"]

_SCHEMA = "audiokit.time_map/1"
# Of a sample: what arithmetic in seconds may lose.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class TimeMap:
    """Which stretches of a recording were kept, one after the other.

    Args:
        kept_samples: First sample of each stretch, and the one after its last; in order,
            none empty, none touching the next.
        n_samples: Length of the recording.
        sample_rate: In Hz.

    Raises:
        SettingError: Stretches are empty, overlap, touch, or leave the recording.
    """

    kept_samples: tuple[tuple[int, int], ...]
    n_samples: int
    sample_rate: int

    def __post_init__(self) -> None:
        if self.sample_rate < 1:
            raise SettingError("sample_rate", self.sample_rate, "1 Hz or more")
        end = -1
        for first, last in self.kept_samples:
            if not end < first < last <= self.n_samples:
                rule = f"stretches in order, with gaps, from 0 to {self.n_samples}"
                raise SettingError("kept_samples", (first, last), rule)
            end = last

    @classmethod
    def of_stretches(
        cls, kept_s: Iterable[tuple[float, float]], *, n_samples: int, sample_rate: int
    ) -> TimeMap:
        """Return the map of stretches in seconds, ``[start_s, end_s)``, in any order.

        Each edge becomes the nearest sample; what overlaps or then touches is joined.
        """
        joined: list[tuple[int, int]] = []
        for start_s, end_s in sorted(kept_s):
            first, last = (
                min(n_samples, max(0, round(time_s * sample_rate))) for time_s in (start_s, end_s)
            )
            if last <= first:
                continue
            if joined and first <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
            else:
                joined.append((first, last))
        return cls(tuple(joined), n_samples, sample_rate)

    @property
    def n_kept_samples(self) -> int:
        """Length of what is kept."""
        return sum(last - first for first, last in self.kept_samples)

    @property
    def kept(self) -> list[tuple[float, float]]:
        """The stretches that were kept, ``[start_s, end_s)`` of the recording."""
        return [self._times(*stretch) for stretch in self.kept_samples]

    @property
    def removed(self) -> list[tuple[float, float]]:
        """The stretches that were not, ``[start_s, end_s)`` of the recording."""
        edges = [0, *(edge for stretch in self.kept_samples for edge in stretch), self.n_samples]
        gaps = zip(edges[::2], edges[1::2], strict=True)
        return [self._times(first, last) for first, last in gaps if first < last]

    def to_cut_s(self, time_s: float) -> float:
        """Return where an instant of the recording is in the cut one.

        What was removed lies where its ends now meet, what is outside at the cut one's ends.

        Raises:
            SettingError: `time_s` is not finite.
        """
        return self._cut(self._position(time_s)) / self.sample_rate

    def to_source_s(self, time_s: float) -> float:
        """Return where an instant of the cut recording came from.

        Where two stretches meet, the second's start is meant; what is outside becomes the
        start of the first or the end of the last; 0 where nothing was kept.

        Raises:
            SettingError: `time_s` is not finite.
        """
        return self._source(self._position(time_s)) / self.sample_rate

    def segments_to_cut(self, segments: Iterable[Segment]) -> list[Segment]:
        """Return segments of the recording as they lie in the cut one, in their order.

        A segment across what was removed becomes shorter and stays one; one that lies in it
        alone is dropped.
        """
        found = []
        for segment in segments:
            start_s, end_s = self.to_cut_s(segment.start_s), self.to_cut_s(segment.end_s)
            if start_s < end_s:
                found.append(replace(segment, start_s=start_s, end_s=end_s))
        return found

    def segments_to_source(self, segments: Iterable[Segment]) -> list[Segment]:
        """Return segments of the cut recording as they lie in the first one, in their order.

        A segment across a joint is split: what was removed between belongs to none.
        """
        found = []
        offsets = self._offsets()
        for segment in segments:
            start, end = self._position(segment.start_s), self._position(segment.end_s)
            for (first, last), offset in zip(self.kept_samples, offsets, strict=True):
                left, right = max(start, offset), min(end, offset + last - first)
                if left < right:
                    times = self._times(first + left - offset, first + right - offset)
                    found.append(replace(segment, start_s=times[0], end_s=times[1]))
        return found

    def to_json(self) -> str:
        """Return the map as text, for beside the cut recording."""
        document = {
            "schema": _SCHEMA,
            "sample_rate": self.sample_rate,
            "n_samples": self.n_samples,
            "kept_samples": [list(stretch) for stretch in self.kept_samples],
        }
        return json.dumps(document, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, *, source: str = "time map") -> TimeMap:
        """Read back what `to_json` wrote.

        Args:
            text: The whole file.
            source: Its name, for the message of an error.

        Raises:
            FormatError: The text is no JSON, of another schema, or no map.
        """
        hint = "Write it anew"
        try:
            document = json.loads(text)
            if document["schema"] != _SCHEMA:
                raise FormatError(source, f"is {document['schema']}, expected {_SCHEMA}", hint)
            kept = tuple((int(first), int(last)) for first, last in document["kept_samples"])
            return cls(kept, int(document["n_samples"]), int(document["sample_rate"]))
        except (ValueError, KeyError, TypeError) as error:
            raise FormatError(source, f"is no time map, expected {_SCHEMA} JSON", hint) from error

    def _times(self, first: float, last: float) -> tuple[float, float]:
        return first / self.sample_rate, last / self.sample_rate

    def _offsets(self) -> list[int]:
        """Return where each stretch begins in the cut recording, in samples."""
        lengths = (last - first for first, last in self.kept_samples)
        return [0, *accumulate(lengths)][: len(self.kept_samples)]

    def _position(self, time_s: float) -> float:
        """Return a time in samples, whole where it is one but for rounding."""
        if not math.isfinite(time_s):
            raise SettingError("time_s", time_s, "a finite number of seconds")
        position = time_s * self.sample_rate
        nearest = round(position)
        return nearest if abs(position - nearest) < _ROUNDING else position

    def _cut(self, position: float) -> float:
        index = bisect_right(self.kept_samples, position, key=lambda stretch: stretch[0]) - 1
        if index < 0:
            return 0
        first, last = self.kept_samples[index]
        return self._offsets()[index] + min(position, last) - first

    def _source(self, position: float) -> float:
        if not self.kept_samples:
            return 0
        offsets = self._offsets()
        index = max(0, bisect_right(offsets, position) - 1)
        first, last = self.kept_samples[index]
        return min(first + max(0, position - offsets[index]), last)


def keep_speech(
    segments: Sequence[Segment],
    *,
    duration_s: float,
    max_pause_s: float = math.inf,
    edge_s: float = 0.1,
) -> list[tuple[float, float]]:
    """Return which stretches of a recording to keep so that no speech is lost.

    By default it is only trimmed. With a longest pause, longer ones lose their middle, so
    that what is left of them is as it was around the speech.

    Args:
        segments: The speech, in any order.
        duration_s: Length of the recording.
        max_pause_s: Longest pause that is left, 0 s or more.
        edge_s: What is kept before the first speech and after the last, where there is as
            much; 0 s or more.

    Returns:
        ``[start_s, end_s)`` of each, in order; nothing where there is no speech.

    Raises:
        SettingError: `max_pause_s` or `edge_s` is negative.
    """
    for name, value in (("max_pause_s", max_pause_s), ("edge_s", edge_s)):
        if not value >= 0.0:
            raise SettingError(name, value, "0 s or more")
    plain = (replace(segment, label="", confidence=None, channel=None) for segment in segments)
    speech = [(s.start_s, s.end_s) for s in merge_segments(plain, max_gap_s=max_pause_s)]
    if not speech:
        return []
    half_s = max_pause_s / 2.0
    last = len(speech) - 1
    return [
        (
            max(0.0, start_s - (half_s if index else edge_s)),
            min(duration_s, end_s + (half_s if index < last else edge_s)),
        )
        for index, (start_s, end_s) in enumerate(speech)
    ]
