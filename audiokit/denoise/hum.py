"""Mains hum: found, followed and subtracted, with nothing notched out of the voice."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audiokit.denoise.hum_tracker import HumStates, HumTracker
from audiokit.denoise.mains import FRAME_HOPS, LineSpectra, MainsFinder
from audiokit.dsp.framing import Framer, Frames
from audiokit.dsp.stft import fast_window_samples
from audiokit.errors import SettingError
from audiokit.ranges import check_range, check_sample_rate
from audiokit.stage import Block, Fact, Processor, StreamFormat
from audiokit.units import power_to_db

__all__ = ["HumRemover", "HumSettings"]

Lines = NDArray[np.complex128]

_HOP_S = 0.025
_MAINS_HZ = (50.0, 60.0)
# Frames followed again, from before the hum was found.
_REPLAY_FRAMES = 16
# From a frame's middle to the end of its last hop, in hops; so many hops later, the middle
# has come by.
_CENTRE_TO_END = FRAME_HOPS / 2
_BEST_AHEAD = FRAME_HOPS // 2
_GIVE_UP_S = 2.0
_GROUP_FRAMES = 128
_MAX_LINES = 2000 // 45
# Tones are made for steps of this; what is between, the lines' turning gives.
_GRID_HZ = 0.05


@dataclass(frozen=True, slots=True)
class HumSettings:
    """Which hum to look for.

    Raises:
        SettingError: A value is outside its range.
    """

    fundamental_hz: float | None = None
    """Frequency of the mains in Hz, 45 to 65, to half a hertz; None finds out whether it
    is 50 or 60."""

    highest_hz: float = 1000.0
    """No harmonic above this frequency in Hz is taken for hum; 100 to 2000."""

    lookahead_ms: float = 0.0
    """How much of the future may be heard before the sound goes on, in ms, 0 to 2000.
    Live has none; a file can spend half a second, and is then clean from its first sample."""

    def __post_init__(self) -> None:
        if self.fundamental_hz is not None and not 45.0 <= self.fundamental_hz <= 65.0:
            raise SettingError("fundamental_hz", self.fundamental_hz, "45 to 65 Hz, or None")
        check_range("highest_hz", self.highest_hz, 100.0, 2000.0, unit="Hz")
        check_range("lookahead_ms", self.lookahead_ms, 0.0, 2000.0, unit="ms")


class HumRemover(Processor):
    """Take mains hum out and leave everything else.

    Each line is mixed down to its slow complex amplitude by a phase that follows the mains,
    made again from it, and subtracted: what a voice has at the same frequencies stays. A
    stream without hum comes out bit for bit as it went in.

    Where four of the first six lines are heard, two of them odd, hum is gone 0.3 s after the
    stream's first sample, or 0.6 s after it was switched on; two lines, or the first or second
    alone, take 1.3 s, and longer under speech. Until then it stays, unless
    `HumSettings.lookahead_ms` reaches so far. A lone line higher up, or further than half a
    hertz from its place, is no mains and stays. The latency is 25 ms and the look-ahead.
    Channels share one frequency.

    Args:
        fmt: Format of the stream, 8 to 96 kHz.
        settings: Which hum to look for.

    Raises:
        SettingError: The sample rate is outside 8 to 96 kHz.
    """

    def __init__(self, fmt: StreamFormat, settings: HumSettings | None = None) -> None:
        check_sample_rate(fmt.sample_rate, to="find hum")
        self.fmt = fmt
        self.settings = settings or HumSettings()
        window = fast_window_samples(1000.0 * FRAME_HOPS * _HOP_S, fmt.sample_rate)
        self._hop = window // FRAME_HOPS
        self._bin_hz = fmt.sample_rate / window
        self._ahead = math.ceil(self.settings.lookahead_ms / (1000.0 * _HOP_S) - 1e-9)
        self.latency_samples = (1 + self._ahead) * self._hop - 1
        self._n_replay = max(_REPLAY_FRAMES, self._ahead)
        self._give_up_frames = round(_GIVE_UP_S / _HOP_S)
        self._framer = Framer(window, self._hop, fmt.channels, lead_samples=window - self._hop)
        hann = 0.5 - 0.5 * np.cos(np.arange(window) * (2.0 * np.pi / window))
        # A tone's amplitude is what its bin then holds; `ortho` as in `StftStream`.
        self._window = (hann * (4.0 / math.sqrt(window))).astype(np.float32)
        hz = self.settings.fundamental_hz
        self._finder = MainsFinder(_MAINS_HZ if hz is None else (hz,), bin_hz=self._bin_hz)
        self._highest_hz = min(self.settings.highest_hz, 0.45 * fmt.sample_rate)
        # The finder looks up to 500 Hz, and between the lines is half of one on.
        self._n_bins = round((max(self._highest_hz, 500.0) + 50.0) / self._bin_hz) + 1
        self._n_lines = int(self._highest_hz / 44.0)
        self.reset()

    def reset(self) -> None:
        self._framer.reset()
        self._finder.reset()
        self._tracker: HumTracker | None = None
        self._recent: LineSpectra = np.zeros((0, self.fmt.channels, self._n_bins), np.complex64)
        # The hops that wait for the future, and the hum heard from the first of them on.
        self._waiting: Frames = np.zeros((0, self.fmt.channels, self._hop), np.float32)
        self._states = self._no_hum(0)
        self._end: Lines | None = None
        self._n_in = self._n_out = self._n_frames = 0
        self._n_quiet = 0
        self._tally = _Tally()

    def process(self, block: Block) -> Block:
        self._n_in += len(block)
        frames = self._framer.push(block)
        starts = range(0, len(frames), _GROUP_FRAMES)
        pieces = [self.fmt.silence(0)]
        pieces += [self._pass(frames[start : start + _GROUP_FRAMES]) for start in starts]
        ready = np.concatenate(pieces)
        self._n_out += len(ready)
        return ready

    def flush(self) -> Block:
        due = self._n_in - self._n_out
        if due == 0:
            return self.fmt.silence(0)
        return self.process(self.fmt.silence(self.latency_samples + 1))[:due]

    def facts(self) -> Mapping[str, Fact]:
        """Return what hum there was.

        `hum_hz` is the mean of the mains' frequency and None without hum, `n_harmonics`
        how many lines were there at least half of the time, and `reduction_db` by how much
        the power in the bins of those lines fell, whatever else they held.
        """
        return self._tally.facts(self._tracker)

    def _pass(self, frames: Frames) -> Block:
        spectra = np.fft.rfft(frames * self._window, axis=-1, norm="ortho")
        self._listen(spectra[..., : self._n_bins].astype(np.complex64, copy=False))
        hops = np.concatenate([self._waiting, frames[..., -self._hop :]])
        n_ready = max(0, len(hops) - self._ahead)
        self._waiting = hops[n_ready:].copy()
        if n_ready:
            self._subtract(hops[:n_ready])
            phase, hz, lines = self._states
            self._states = HumStates(phase[n_ready:], hz[n_ready:], lines[n_ready:])
        return np.ascontiguousarray(hops[:n_ready].swapaxes(1, 2)).reshape(-1, self.fmt.channels)

    def _listen(self, spectra: LineSpectra) -> None:
        """Note the hum in every frame."""
        # The first frames hold what is before the stream.
        n_early = min(max(0, FRAME_HOPS - 1 - self._n_frames), len(spectra))
        self._note(self._no_hum(n_early))
        self._n_frames += len(spectra)
        heard = np.concatenate([self._recent, spectra[n_early:]])
        position = len(self._recent)
        self._recent = heard[-self._n_replay :].copy()
        while position < len(heard):
            if self._tracker is None:
                position = self._look(heard, position)
            else:
                position = self._follow(self._tracker, heard, position)

    def _look(self, heard: LineSpectra, position: int) -> int:
        """Look for hum from a frame on; return the first frame not looked at."""
        found = self._finder.look(heard[position:])
        stop = len(heard) if found is None else position + found[0] + 1
        self._note(self._no_hum(stop - position))
        if found is not None:
            self._begin(heard[max(0, stop - self._n_replay) : stop], found[1].fundamental_hz)
        return stop

    def _begin(self, heard: LineSpectra, fundamental_hz: float) -> None:
        """Follow the hum that was found, from a time before that."""
        tracker = HumTracker(
            self.fmt.channels,
            fundamental_hz,
            n_lines=int(self._highest_hz / (fundamental_hz + 1.0)),
            bin_hz=self._bin_hz,
        )
        # Twice: the second time with amplitudes that are known.
        tracker.follow(heard)
        tracker.rewind(len(heard))
        again = self._padded(tracker.follow(heard))
        again.lines[:] = again.lines[-1]
        # What lies further back may have gone out, and must not depend on whether it has.
        n_known = min(len(again.hz), len(self._states.hz), 1 + self._ahead)
        for part, known in zip(self._states, again, strict=True):
            part[-n_known:] = known[-n_known:]
        self._tracker = tracker
        self._n_quiet = 0

    def _follow(self, tracker: HumTracker, heard: LineSpectra, position: int) -> int:
        """Follow the hum from a frame on; return the first frame not followed."""
        stop = min(len(heard), position + self._give_up_frames - self._n_quiet)
        states = self._padded(tracker.follow(heard[position:stop]))
        is_on: NDArray[np.bool_] = np.logical_or.reduce(states.lines, axis=(1, 2))
        self._tally.note(states, is_on)
        heard_last = int(np.argmax(is_on[::-1])) if is_on.any() else len(is_on) + self._n_quiet
        self._n_quiet = heard_last
        self._note(states)
        if self._n_quiet >= self._give_up_frames:
            self._tally.close(tracker)
            self._tracker = None
            self._finder.reset()
        return stop

    def _note(self, states: HumStates) -> None:
        parts = zip(self._states, states, strict=True)
        self._states = HumStates(*(np.concatenate(pair) for pair in parts))

    def _no_hum(self, n_frames: int) -> HumStates:
        lines = np.zeros((n_frames, self.fmt.channels, self._n_lines), np.complex128)
        return HumStates(np.zeros(n_frames), np.zeros(n_frames), lines)

    def _padded(self, states: HumStates) -> HumStates:
        n_more = self._n_lines - states.lines.shape[2]
        return states._replace(lines=np.pad(states.lines, ((0, 0), (0, 0), (0, n_more))))

    def _subtract(self, hops: Frames) -> None:
        """Take the hum out of hops in place, ``(hops, channels, samples)``."""
        states, offset = self._at_ends(len(hops))
        turns = states.phase + states.hz * offset * (self._hop / self.fmt.sample_rate)
        numbers = np.arange(1, self._n_lines + 1)
        ends = states.lines * np.exp(2j * np.pi * np.multiply.outer(turns, numbers))[:, np.newaxis]
        if self._end is None:
            # The stream begins within the hum, if hum there is.
            first_turns = states.hz[0] * self._hop / self.fmt.sample_rate * numbers
            self._end = ends[0] * np.exp(-2j * np.pi * first_turns)
        starts = np.concatenate([self._end[np.newaxis], ends[:-1]])
        self._end = ends[-1]
        is_heard = np.logical_or.reduce(
            np.concatenate([starts, ends], axis=1), axis=(1, 2)
        ).tolist()
        steps = np.rint(states.hz / _GRID_HZ).astype(int).tolist()
        start = 0
        for (heard, step), same in groupby(zip(is_heard, steps, strict=True)):
            stop = start + len(list(same))
            if heard:
                tones = _tones(step, self._n_lines, self._hop, self.fmt.sample_rate)
                hops[start:stop] -= tones.sound(starts[start:stop], ends[start:stop])
            start = stop

    def _at_ends(self, n_hops: int) -> tuple[HumStates, NDArray[np.float64]]:
        """Return what is best known of the hum at the ends of hops, and by how many it is off."""
        here = np.arange(len(self._states.hz))
        later = np.where(self._states.hz > 0.0, here, len(here))
        # The first frame from each on in which hum is known.
        later = np.minimum.accumulate(later[::-1])[::-1]
        number = np.arange(n_hops)
        known = later[number + min(_BEST_AHEAD, self._ahead)]
        is_known = known <= number + self._ahead
        known = np.where(is_known, known, number)
        lines = self._states.lines[known]
        lines[~is_known] = 0.0
        states = HumStates(self._states.phase[known], self._states.hz[known], lines)
        return states, np.asarray(_CENTRE_TO_END - (known - number), np.float64)


class _Tally:
    """What is told about the hum of a stream."""

    def __init__(self) -> None:
        self._n_frames = 0
        self._sum_hz = 0.0
        self._n_on = np.zeros(_MAX_LINES + 1, np.int64)
        self._before = self._after = 0.0

    def note(self, states: HumStates, is_on: NDArray[np.bool_]) -> None:
        """Count the next states; sums go frame by frame, whatever the cutting."""
        for hz in states.hz[is_on].tolist():
            self._sum_hz += hz
        self._n_frames += int(np.count_nonzero(is_on))
        self._n_on[: states.lines.shape[2]] += states.lines.any(axis=1).sum(axis=0)

    def close(self, tracker: HumTracker) -> None:
        """Keep what a tracker did that is no longer needed."""
        self._before += tracker.power_before
        self._after += tracker.power_after

    def facts(self, tracker: HumTracker | None) -> Mapping[str, Fact]:
        n_harmonics = int(np.count_nonzero(2 * self._n_on > self._n_frames))
        if not self._n_frames or not n_harmonics:
            return {"hum_hz": None, "n_harmonics": 0, "reduction_db": 0.0}
        before = self._before + (tracker.power_before if tracker else 0.0)
        after = self._after + (tracker.power_after if tracker else 0.0)
        return {
            "hum_hz": round(self._sum_hz / self._n_frames, 2),
            "n_harmonics": n_harmonics,
            "reduction_db": round(power_to_db(before) - power_to_db(after), 2),
        }


class _Tones(NamedTuple):
    """The multiples of a frequency over a hop.

    Args:
        waves: Cosines, then sines turned over, ``(2 * lines, samples)``.
        back: What turns each line from the hop's end to its start, ``(lines,)``.
        ramp: From 0 at the hop's start to 1 at its end.
    """

    waves: NDArray[np.float32]
    back: Lines
    ramp: NDArray[np.float32]

    def sound(self, starts: Lines, ends: Lines) -> NDArray[np.float32]:
        """Return hops whose lines go from one state to the next, ``(hops, channels, samples)``."""
        change = ends * self.back - starts
        both = np.stack([starts, change], axis=2)
        weights = np.concatenate([both.real, both.imag], axis=3).astype(np.float32)
        steady, growing = np.moveaxis(weights @ self.waves, 2, 0)
        sound: NDArray[np.float32] = steady + growing * self.ramp
        return sound


@lru_cache(maxsize=16)
def _tones(step: int, n_lines: int, n_samples: int, sample_rate: int) -> _Tones:
    """Make the tones of a fundamental at so many steps of the grid."""
    angles = np.arange(1, n_lines + 1) * (2.0 * math.pi * step * _GRID_HZ / sample_rate)
    angle = np.outer(angles, np.arange(n_samples))
    waves = np.concatenate([np.cos(angle), -np.sin(angle)]).astype(np.float32)
    ramp = (np.arange(n_samples) / n_samples).astype(np.float32)
    return _Tones(waves, np.exp(-1j * n_samples * angles), ramp)
