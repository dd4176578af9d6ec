"""Everything that is found in one recording: speech, phrases, speakers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError
from audiokit.stage import Block, Fact, StreamFormat
from audiokit.vad.detector import DetectorSettings, SpeechDetector
from audiokit.vad.segments import Segment, pad_apart

__all__ = ["SegmentReport", "SegmentSettings", "Segmentation"]

_LEVELS = ("speech", "phrase", "utterance")
_MOST_SPEAKERS = 20
# Phrases are joined from pieces that shorter pauses part than anyone would ask for.
_PIECE_PAUSE_MS = 100.0


@dataclass(frozen=True, slots=True)
class SegmentSettings(DetectorSettings):
    """What a segment is.

    Raises:
        SettingError: A value is out of range, or two do not go together.
    """

    level: Literal["speech", "phrase", "utterance"] = "speech"
    """What a segment holds: speech between pauses, a phrase, or an utterance, about a sentence."""
    per_channel: bool = False
    """Whether each channel holds somebody else, and is segmented by itself."""
    speakers: int = 1
    """How many people speak, 1 to 20; 0 finds out. With 1, nobody is told from anybody."""
    overlap: Literal["mark", "drop", "keep"] = "mark"
    """What becomes of speech of two speakers at once: segments of both, none, or of one."""

    def __post_init__(self) -> None:
        # A dataclass with slots is another class than the one that `super` would look for.
        DetectorSettings.__post_init__(self)
        if self.level not in _LEVELS:
            raise SettingError("level", self.level, ", ".join(_LEVELS))
        if not 0 <= self.speakers <= _MOST_SPEAKERS:
            raise SettingError("speakers", self.speakers, f"0 to {_MOST_SPEAKERS}")
        if self.overlap not in ("mark", "drop", "keep"):
            raise SettingError("overlap", self.overlap, "mark, drop or keep")
        if self.speakers != 1 and self.per_channel:
            raise SettingError("speakers", self.speakers, "1 where each channel is a speaker")
        if self.speakers != 1 and self.level != "speech":
            raise SettingError("level", self.level, "speech where speakers are told apart")


@dataclass(frozen=True)
class SegmentReport:
    """What was found.

    Args:
        segments: In order of time; those of different speakers or channels may overlap.
        probabilities: Of speech in each hundredth of a second, ``(frames,)``; the highest of
            all channels.
        duration_s: Length of the recording.
        facts: What the row says beside segments.
        warnings: What the user should know, a sentence each.
    """

    segments: list[Segment]
    probabilities: NDArray[np.float32]
    duration_s: float
    facts: Mapping[str, Fact] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


class Segmentation:
    """Hear a recording block by block; say what was found at its end.

    Memory: 4 bytes for each hundredth of a second, and what a speaker is told by.

    Args:
        fmt: Format of the recording.
        settings: What a segment is.

    Raises:
        SettingError: The sample rate is below 8000 Hz.
        MissingExtraError: The engine's package is not installed.
    """

    def __init__(self, fmt: StreamFormat, settings: SegmentSettings) -> None:
        self.fmt, self.settings = fmt, settings
        if settings.per_channel and fmt.channels > 1:
            mono = StreamFormat(fmt.sample_rate)
            self._tracks = [_Track(mono, settings, n) for n in range(fmt.channels)]
        else:
            self._tracks = [_Track(fmt, settings, None)]
        self._diarizer: Any = None
        if settings.speakers != 1:
            from audiokit.speakers.diarizer import Diarizer, SpeakerSettings

            chosen = SpeakerSettings(speakers=settings.speakers, overlap=settings.overlap)
            self._diarizer = Diarizer(fmt, chosen)
        self._n_samples = 0

    def process(self, block: Block) -> None:
        """Take the next block."""
        self._n_samples += len(block)
        if len(self._tracks) == 1:
            self._tracks[0].process(block)
        else:
            for number, track in enumerate(self._tracks):
                track.process(np.ascontiguousarray(block[:, number : number + 1]))
        if self._diarizer is not None:
            self._diarizer.process(block)

    def finish(self) -> SegmentReport:
        """End the recording."""
        duration_s = self.fmt.seconds(self._n_samples)
        found = [track.finish(duration_s) for track in self._tracks]
        segments = sorted(
            (segment for track, _ in found for segment in track),
            key=lambda segment: (segment.start_s, segment.end_s, segment.channel or 0),
        )
        probabilities = np.max([probability for _, probability in found], axis=0)
        facts: dict[str, Fact] = {}
        warnings: list[str] = []
        if self._diarizer is not None:
            segments = self._tell_speakers(segments, facts, warnings)
        if not segments:
            warnings.append("no speech was found")
        return SegmentReport(segments, probabilities, duration_s, facts, tuple(warnings))

    def _tell_speakers(
        self, speech: list[Segment], facts: dict[str, Fact], warnings: list[str]
    ) -> list[Segment]:
        report = self._diarizer.finish(speech)
        facts["n_speakers"] = report.n_speakers
        facts["is_low_confidence"] = report.is_low_confidence
        if report.is_low_confidence and speech:
            warnings.append("speakers are told apart with low confidence")
        segments: list[Segment] = report.segments
        return segments


class _Track:
    """Segments of one channel, or of all together.

    Args:
        fmt: Format of what it hears.
        settings: What a segment is.
        channel: Which channel it hears; None for all.
    """

    def __init__(self, fmt: StreamFormat, settings: SegmentSettings, channel: int | None) -> None:
        self._settings, self._channel = settings, channel
        self._has_phrases = settings.level != "speech"
        self._prosody: Any = None
        if self._has_phrases:
            from audiokit.vad.prosody import ProsodyTrack

            pause_ms = min(settings.min_pause_ms, _PIECE_PAUSE_MS)
            settings = replace(settings, min_pause_ms=pause_ms, pad_ms=0.0)
            self._prosody = ProsodyTrack(fmt)
        self._detector = SpeechDetector(fmt, settings)
        self._segments: list[Segment] = []
        self._probabilities: list[NDArray[np.float32]] = []
        self._melody: list[NDArray[np.float32]] = []

    def process(self, block: Block) -> None:
        self._take(self._detector.process_frames(block))
        if self._prosody is not None:
            self._melody.append(self._prosody.process(block))

    def finish(self, duration_s: float) -> tuple[list[Segment], NDArray[np.float32]]:
        self._take(self._detector.flush_frames())
        segments = self._segments + self._detector.close()
        if self._prosody is not None:
            segments = self._phrases(segments, duration_s)
        if self._channel is not None:
            segments = [replace(segment, channel=self._channel) for segment in segments]
        return segments, np.concatenate([np.zeros(0, np.float32), *self._probabilities])

    def _take(self, probabilities: NDArray[np.float32]) -> None:
        self._probabilities.append(probabilities)
        self._segments += self._detector.decide(probabilities)

    def _phrases(self, pieces: Sequence[Segment], duration_s: float) -> list[Segment]:
        from audiokit.vad.phrases import group_phrases

        melody = np.concatenate([*self._melody, self._prosody.flush()])
        phrases = group_phrases(
            pieces, melody, level="phrase" if self._settings.level == "phrase" else "utterance"
        )
        return pad_apart(phrases, pad_s=self._settings.pad_ms / 1000.0, duration_s=duration_s)
