"""Who speaks when: a recording heard block by block, its speakers told apart at its end."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from audiokit.speakers.overlap import overlap_frames
from audiokit.speakers.settings import OverlapChoice, SpeakerSettings
from audiokit.speakers.tracks import (
    OVERLAP_LABEL,
    covered_frames,
    cut_out,
    in_order,
    runs,
    second_voices,
    turns,
)
from audiokit.speakers.turns import cut_turns, find_speakers
from audiokit.speakers.voice_frames import FRAME_COLUMNS, LEVEL, VoiceFrames
from audiokit.speakers.voice_windows import voice_windows
from audiokit.stage import Block, StreamFormat
from audiokit.vad.segments import Segment

__all__ = ["Diarizer", "OverlapChoice", "SpeakerReport", "SpeakerSettings"]


@dataclass(frozen=True)
class SpeakerReport:
    """Who speaks when.

    Args:
        segments: Speech in order of time, labelled ``speaker_1``, ``speaker_2``, … in the
            order in which they first speak; what nobody can tell apart is ``overlap``. Those
            of different speakers overlap where two speak at once. Confidence is the share of
            probability that their speaker has, halved where `is_low_confidence`.
        n_speakers: How many labels of speakers there are.
        overlaps: Where two speak at once, labelled ``overlap``; found whatever is done
            about it.
        is_low_confidence: Whether speakers can hardly be told apart: short turns, distant
            microphones, voices alike, or a single change that may be one talker's. Where
            nobody said how many there are, all speech is then one speaker's, as any other
            division would be more wrong than right.
        reason: Why, in a few words; empty where it is not.
    """

    segments: list[Segment]
    n_speakers: int
    overlaps: list[Segment]
    is_low_confidence: bool
    reason: str = ""


class Diarizer:
    """Hear a recording; tell its speakers apart at its end.

    Only `VoiceFrames` are kept, 21 MB for an hour. Windows of 1.5 s become vectors in which
    readers of LibriSpeech were told apart best; these are merged from the bottom up and then
    followed through time. How many speak is what explains the windows best, where it is not
    known.

    Limits: voices are compared within one recording, on bands up to 3.8 kHz. Two voices alike
    are one; one voice that whispers, shouts or changes its place may be two. Turns shorter
    than a second are often missed. In meetings, with distant microphones and short turns that
    overlap, expect the mark of low confidence.

    Args:
        fmt: Format of the stream; 8000 Hz or more.
        settings: How many may speak, and what becomes of two at once.

    Raises:
        SettingError: The sample rate is below 8000 Hz.

    References:
        F. Landini et al., "Bayesian HMM clustering of x-vector sequences (VBx) in speaker
        diarization", Computer Speech and Language 71, 2022.
    """

    def __init__(self, fmt: StreamFormat, settings: SpeakerSettings | None = None) -> None:
        self.fmt = fmt
        self.settings = settings or SpeakerSettings()
        self._voice = VoiceFrames(fmt)
        self._frames: list[NDArray[np.float16]] = []

    def reset(self) -> None:
        """Forget the recording, as if newly built."""
        self._voice.reset()
        self._frames = []

    def process(self, block: Block) -> None:
        """Take the next block."""
        frames = self._voice.process(block)
        if len(frames):
            self._frames.append(frames)

    def finish(self, speech: list[Segment]) -> SpeakerReport:
        """End the recording; call `reset` before the next one.

        Args:
            speech: Where anybody speaks, in order of time, as a `SpeechDetector` found it.
        """
        empty = np.zeros((0, FRAME_COLUMNS), np.float16)
        frames = np.concatenate([empty, *self._frames, self._voice.flush()])
        self._frames = []
        is_speech = covered_frames(speech, len(frames), hop_s=self._voice.hop_s)
        if is_speech.any():
            return self._report(frames, speech, is_speech)
        # Shorter than half a frame, each: nobody can say more than that it is somebody.
        segments = [replace(piece, label="speaker_1", confidence=0.0) for piece in speech]
        doubt = "too little speech" if segments else ""
        return SpeakerReport(segments, min(1, len(segments)), [], bool(doubt), doubt)

    def _report(
        self, frames: NDArray[np.float16], speech: list[Segment], is_speech: NDArray[np.bool_]
    ) -> SpeakerReport:
        hop_s = self._voice.hop_s
        starts, vectors = voice_windows(frames, is_speech)
        found = find_speakers(
            vectors,
            speakers=self.settings.speakers,
            max_speakers=self.settings.max_speakers,
        )
        labels = cut_turns(
            found.shares.argmax(axis=1),
            starts,
            frames[:, LEVEL],
            min_turn_frames=round(self.settings.min_turn_ms / 1000.0 / hop_s),
        )
        nearest = np.maximum(np.searchsorted(starts, np.arange(len(frames)), "right") - 1, 0)
        sureness = found.shares[nearest, labels] * (0.5 if found.doubt else 1.0)
        segments = turns(labels, sureness, speech, hop_s=hop_s)
        overlaps = runs(overlap_frames(frames, is_speech), hop_s=hop_s)
        if self.settings.overlap == "drop":
            segments = cut_out(segments, overlaps)
        elif self.settings.overlap == "mark":
            segments += second_voices(overlaps, labels, hop_s=hop_s)
        segments = in_order(segments)
        n_speakers = len({segment.label for segment in segments} - {OVERLAP_LABEL})
        return SpeakerReport(segments, n_speakers, overlaps, bool(found.doubt), found.doubt)
