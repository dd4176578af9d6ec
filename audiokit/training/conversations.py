"""People who take turns, or one who talks alone, and who speaks when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from audiokit.dsp.framing import next_smooth
from audiokit.training.corpus import SAMPLE_RATE, Corpus, Samples
from audiokit.training.mixtures import companded
from audiokit.training.noises import any_noise, coming_and_going, rms
from audiokit.training.recorded import coded
from audiokit.training.scenes import FRAME_SAMPLES, speech_frames

__all__ = ["Conversation", "make_conversation"]

Kind: TypeAlias = Literal["near", "telephone", "far"]

_TURN_S, _MONOLOGUE_S = (1.0, 8.0), (2.0, 8.0)
_PAUSE_S = (0.05, 1.2)
_KNOTS_HZ = np.array([125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0])
_FADE_SAMPLES = 160


@dataclass(frozen=True, slots=True)
class Conversation:
    """A recording of one or several talkers.

    Args:
        heard: ``(samples,)``.
        who: Who speaks in each hundredth of a second, counted from 0, -1 for nobody;
            ``(frames,)``.
        kind: How it was recorded.
    """

    heard: Samples
    who: NDArray[np.intp]
    kind: Kind


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a mouth is, as a microphone hears it.

    Args:
        rt60_s: Of the room.
        direct_db: Of what comes straight over what the walls return.
        colour_db: Response at `_KNOTS_HZ`.
        level_db: How loud it arrives.
    """

    rt60_s: float
    direct_db: float
    colour_db: NDArray[np.float64]
    level_db: float


def make_conversation(
    rng: np.random.Generator, corpus: Corpus, *, talkers: int, seconds: float
) -> Conversation:
    """Return turns of talkers, each with a place and a manner that change somewhat.

    A talker alone moves, speaks up and is disturbed as often as several do: else noise and
    rooms would tell one from several.

    Args:
        rng: Decides everything.
        corpus: Where speech and noise come from.
        talkers: How many; every one has turns if there is time.
        seconds: Length, roughly.
    """
    kind: Kind = ("near", "telephone", "far")[rng.choice(3, p=(0.45, 0.25, 0.3))]
    chosen = rng.choice(len(corpus.speech), talkers, replace=False)
    n_samples = round(seconds * SAMPLE_RATE / FRAME_SAMPLES) * FRAME_SAMPLES
    heard = np.zeros(n_samples, np.float32)
    who = np.full(n_samples // FRAME_SAMPLES, -1, np.intp)
    room = _somewhere(rng, kind)
    places = [_moved(rng, room, 1.0 if kind != "near" else 0.5) for _ in chosen]
    reading = [_Reader(rng, corpus.speech[index]) for index in chosen]
    restless = float(rng.choice((0.0, 0.1, 0.3)))
    order = _order(rng, talkers)
    at = round(rng.uniform(*_PAUSE_S) * 100.0)
    for talker in order:
        if at >= len(who):
            break
        if rng.random() < restless:
            places[talker] = _moved(rng, places[talker], 0.5)
        turn_s = float(np.exp(rng.uniform(*np.log(_TURN_S if talkers > 1 else _MONOLOGUE_S))))
        spoken, is_speech = reading[talker].speak(rng, turn_s)
        n_kept = min(len(is_speech), len(who) - at)
        _add(heard, at * FRAME_SAMPLES, _from_place(rng, spoken, places[talker]))
        who[at : at + n_kept][is_speech[:n_kept]] = talker
        at += n_kept + round(rng.uniform(*_PAUSE_S) * 100.0)
    return Conversation(_disturbed(rng, corpus, heard, kind), who, kind)


class _Reader:
    """Somebody who goes on reading where the last turn ended, in a manner that changes."""

    def __init__(self, rng: np.random.Generator, recording: Samples) -> None:
        self._recording = _through_one_microphone(recording, rng.uniform(0.3, 0.9))
        self._at = int(rng.integers(len(recording)))
        self._liveliness = rng.uniform(0.0, 1.0) ** 2

    def speak(self, rng: np.random.Generator, turn_s: float) -> tuple[Samples, NDArray[np.bool_]]:
        """Return a turn and which of its frames are speech."""
        import soxr

        n_samples = round(turn_s * SAMPLE_RATE)
        turn = np.take(self._recording, np.arange(self._at, self._at + n_samples), mode="wrap")
        self._at += n_samples
        # Whoever speaks up does so in a brighter voice, and higher.
        effort_db = self._liveliness * rng.normal(0.0, 6.0)
        pitch = 2.0 ** (self._liveliness * rng.normal(0.0, 0.06) + 0.006 * effort_db)
        turn = soxr.resample(turn, round(SAMPLE_RATE * pitch), SAMPLE_RATE)
        octaves = np.log2(np.clip(_KNOTS_HZ, 250.0, 4000.0) / 500.0)
        turn = _equalised(turn, 0.3 * effort_db * octaves) * np.float32(10.0 ** (effort_db / 20.0))
        turn = turn[: len(turn) // FRAME_SAMPLES * FRAME_SAMPLES]
        fade = np.linspace(0.0, 1.0, _FADE_SAMPLES, dtype=np.float32)
        turn[:_FADE_SAMPLES] *= fade
        turn[-_FADE_SAMPLES:] *= fade[::-1]
        return turn, speech_frames(turn)


def _through_one_microphone(recording: Samples, share: float) -> Samples:
    """Return a reader's voice with most of what is the reader's own microphone taken away.

    Every reader recorded at home. Talkers in one room share a microphone, and if each kept his
    own they would be told apart by that.
    """
    size = next_smooth(len(recording))
    power = np.square(np.abs(np.fft.rfft(recording, size)))
    knots = np.round(_knots(size)).astype(np.intp)
    level_db = 10.0 * np.log10(
        np.bincount(knots, power, len(_KNOTS_HZ)) / np.bincount(knots) + 1e-12
    )
    # As speech falls on the average of many talkers and microphones, roughly.
    usual_db = -9.0 * np.log2(np.maximum(_KNOTS_HZ, 500.0) / 500.0)
    voice = _equalised(recording, share * (usual_db - level_db))
    return (voice * (0.05 / rms(voice))).astype(np.float32)


def _knots(size: int) -> NDArray[np.float64]:
    """Return where each bin of a spectrum lies among the knots, counted from 0."""
    hz = np.fft.rfftfreq(size, 1.0 / SAMPLE_RATE)
    octaves = np.log2(np.maximum(hz, _KNOTS_HZ[0]) / _KNOTS_HZ[0])
    return np.asarray(octaves)


def _equalised(sound: Samples, gain_db: NDArray[np.float64]) -> Samples:
    """Return a sound through a smooth response, given in dB at `_KNOTS_HZ`."""
    size = next_smooth(len(sound))
    gains_db = np.interp(_knots(size), np.arange(len(_KNOTS_HZ)), gain_db)
    spectrum = np.fft.rfft(sound, size) * 10.0 ** (gains_db / 20.0)
    equalised: Samples = np.fft.irfft(spectrum, size)[: len(sound)].astype(np.float32)
    return equalised


def _order(rng: np.random.Generator, talkers: int) -> list[int]:
    """Return who has which turn: all have some, and some more than others."""
    shares = rng.dirichlet(np.full(talkers, 2.0))
    order = [int(talker) for talker in rng.permutation(talkers)]
    while len(order) < 200:
        talker = int(rng.choice(talkers, p=shares))
        if talkers == 1 or talker != order[-1] or rng.random() < 0.3:
            order.append(talker)
    return order


def _somewhere(rng: np.random.Generator, kind: Kind) -> _Place:
    direct_db = {"near": (6.0, 25.0), "telephone": (6.0, 20.0), "far": (-8.0, 6.0)}[kind]
    rt60_s = (0.3, 0.9) if kind == "far" else (0.15, 0.5)
    colour_db = rng.normal(0.0, 4.0, len(_KNOTS_HZ))
    return _Place(rng.uniform(*rt60_s), rng.uniform(*direct_db), colour_db, 0.0)


def _moved(rng: np.random.Generator, place: _Place, distance: float) -> _Place:
    """Return another place in the room: another distance, direction and level."""
    return _Place(
        place.rt60_s,
        place.direct_db + distance * rng.normal(0.0, 4.0),
        place.colour_db + distance * rng.normal(0.0, 2.5, len(_KNOTS_HZ)),
        place.level_db + distance * rng.normal(0.0, 5.0),
    )


def _from_place(rng: np.random.Generator, spoken: Samples, place: _Place) -> Samples:
    n_taps = round(place.rt60_s * SAMPLE_RATE)
    taps = rng.standard_normal(n_taps) * 10.0 ** (-3.0 * np.arange(n_taps) / n_taps)
    taps[: SAMPLE_RATE // 200] = 0.0
    taps *= 10.0 ** (-place.direct_db / 20.0) / np.sqrt(np.sum(np.square(taps)))
    taps[0] = 1.0
    size = next_smooth(len(spoken) + n_taps - 1)
    wet = np.fft.irfft(np.fft.rfft(spoken, size) * np.fft.rfft(taps, size), size)
    return _equalised(wet[: len(spoken) + n_taps], place.level_db + place.colour_db)


def _add(heard: Samples, start: int, sound: Samples) -> None:
    kept = sound[: len(heard) - start]
    heard[start : start + len(kept)] += kept


def _disturbed(rng: np.random.Generator, corpus: Corpus, heard: Samples, kind: Kind) -> Samples:
    """Return what a recorder keeps: with noise, and through a telephone or a codec."""
    noise = any_noise(rng, corpus, len(heard))
    if rng.random() < 0.4:
        noise = noise * coming_and_going(rng, len(heard))
    snr_db = rng.uniform(8.0, 25.0) if kind == "far" else rng.uniform(12.0, 45.0)
    heard = heard + noise * np.float32(rms(heard) / rms(noise) * 10.0 ** (-snr_db / 20.0))
    if kind == "telephone":
        heard = _telephone(rng, heard)
    elif rng.random() < 0.3:
        heard = coded(rng, heard)
    return heard.astype(np.float32)


def _telephone(rng: np.random.Generator, sound: Samples) -> Samples:
    """Return the band of a telephone, in the steps of its 8 bits."""
    size = next_smooth(len(sound))
    spectrum = np.fft.rfft(sound, size)
    hz = np.fft.rfftfreq(size, 1.0 / SAMPLE_RATE)
    edges = rng.uniform(150.0, 350.0), rng.uniform(3200.0, 3700.0)
    spectrum *= 1.0 / (1.0 + (edges[0] / np.maximum(hz, 1.0)) ** 6)
    spectrum *= 1.0 / (1.0 + (hz / edges[1]) ** 24)
    passed = np.fft.irfft(spectrum, size)[: len(sound)]
    passed *= 10.0 ** rng.uniform(-1.5, 0.0) / max(1e-6, float(np.abs(passed).max()))
    return companded(passed)
