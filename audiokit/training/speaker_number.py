"""Measure how often the number of speakers is found: what the thresholds were chosen by.

    python -m audiokit.training.speaker_number DATA --seed 1

Talks are made of readers (see `audiokit.training.conversations`); every other talk has one.
`_SPEAKER_COST`, `_WINDOW_COST`, `_LEAST_GAIN` and `_LEAST_GAIN_ONCE` of `audiokit.speakers.turns`
are what this table is for.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audiokit.errors import SettingError
from audiokit.speakers.turns import find_speakers
from audiokit.speakers.voice_frames import VoiceFrames
from audiokit.speakers.voice_windows import STEP, voice_windows
from audiokit.stage import StreamFormat
from audiokit.training.conversations import Conversation, make_conversation
from audiokit.training.corpus import SAMPLE_RATE, Corpus, load_corpus

__all__ = ["Tally", "main", "tally_talks"]

log = logging.getLogger(__name__)

_TALKERS, _SHARES = (2, 3, 4), (0.7, 0.2, 0.1)
_SECONDS = (12.0, 32.0)
_MOST = 5


@dataclass(frozen=True, slots=True)
class Tally:
    """How often the number was found.

    Args:
        false_splits: Share of single talkers that became several.
        missed_splits: Share of several talkers that became one.
        unmarked: Share of those that bear no mark of low confidence.
        right: Share of several talkers whose number was found.
    """

    false_splits: float
    missed_splits: float
    unmarked: float
    right: float


def tally_talks(corpus: Corpus, *, n_talks: int, seed: int) -> Tally:
    """Return how often the number of talkers is found, from speech that is known.

    Args:
        corpus: Where talkers and noise come from.
        n_talks: How many talks, 2 or more; every other one has a single talker.
        seed: Decides everything.

    Raises:
        SettingError: There are fewer than two talks.
    """
    if n_talks < 2:
        raise SettingError("n_talks", n_talks, "2 or more")
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(n_talks):
        talkers = 1 if number % 2 == 0 else int(rng.choice(_TALKERS, p=_SHARES))
        seconds = float(np.exp(rng.uniform(*np.log(_SECONDS))))
        talk = make_conversation(rng, corpus, talkers=talkers, seconds=seconds)
        rows.append((len(np.unique(talk.who[talk.who >= 0])), *_found(talk)))
    true, said, is_marked = np.array(rows).T
    is_missed = (true > 1) & (said == 1)
    return Tally(
        false_splits=float((said[true == 1] > 1).mean()),
        missed_splits=float(is_missed[true > 1].mean()),
        unmarked=float((is_marked[is_missed] == 0).mean()) if is_missed.any() else 0.0,
        right=float((said == true)[true > 1].mean()),
    )


def _found(talk: Conversation) -> tuple[int, bool]:
    """Return how many are found, and whether that bears the mark of low confidence."""
    voice = VoiceFrames(StreamFormat(SAMPLE_RATE))
    block = np.ascontiguousarray(talk.heard[:, np.newaxis])
    frames = np.concatenate([voice.process(block), voice.flush()])[: len(talk.who)]
    is_speech: NDArray[np.bool_] = talk.who >= 0
    if is_speech.sum() < STEP:
        return 1, True
    found = find_speakers(voice_windows(frames, is_speech)[1], speakers=0, max_speakers=_MOST)
    return len(np.unique(found.shares.argmax(axis=1))), bool(found.doubt)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure from the command line, on the readers that are held back and on all others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with speech/ and noise/")
    parser.add_argument("--n-talks", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    for held_back in (False, True):
        corpus = load_corpus(given.data, held_back=held_back)
        tally = tally_talks(corpus, n_talks=given.n_talks, seed=given.seed)
        log.info("training.speakers_numbered held_back=%s %s", held_back, tally)


if __name__ == "__main__":
    main()
