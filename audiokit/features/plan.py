"""What all families of an extractor share."""

from __future__ import annotations

from dataclasses import dataclass, replace

from audiokit.errors import SettingError
from audiokit.features.grid import FrameGrid
from audiokit.features.mel_bank import MelBank, MelLevels
from audiokit.features.pitch_settings import PitchSettings
from audiokit.features.pitch_track import PitchTrack
from audiokit.features.presets import Preset
from audiokit.units import samples_from_ms

__all__ = ["Plan", "make_plan"]

_LONGEST_FFT = 1 << 17
_SHORTEST_WINDOW_SAMPLES = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """A preset at a sample rate.

    Args:
        preset: Every value, in ms and Hz.
        grid: The frame rule in samples.
        bank: Mel bands on the grid.
        mel_levels: Their logarithms.
        pitch_track: The pitch of one stream; see `for_stream`.
    """

    preset: Preset
    grid: FrameGrid
    bank: MelBank
    mel_levels: MelLevels
    pitch_track: PitchTrack

    def for_stream(self, pitch: PitchSettings) -> Plan:
        """Return it with a pitch track that has heard nothing."""
        return replace(self, pitch_track=PitchTrack(self.grid, pitch))


def make_plan(preset: Preset, sample_rate: int) -> Plan:
    """Return a preset at a sample rate in Hz.

    Raises:
        SettingError: The rate cannot give what is asked for.
    """
    if preset.sample_rate not in (None, sample_rate):
        rule = f"{preset.sample_rate} Hz with preset {preset.name!r}"
        hint = f"Add --sample-rate {preset.sample_rate}."
        raise SettingError("sample_rate", sample_rate, rule, hint)
    grid = _grid(preset, sample_rate)
    top_hz = _top_hz(preset, sample_rate)
    bank = MelBank(grid, preset, top_hz=top_hz)
    # Half of 80 bands would be empty in part at 8 kHz; librosa's users choose a longer
    # transform there, the other presets name theirs.
    while bank.n_empty and preset.name == "librosa" and grid.n_fft < _LONGEST_FFT:
        grid = replace(grid, n_fft=2 * grid.n_fft)
        bank = MelBank(grid, preset, top_hz=top_hz)
    if bank.n_empty:
        rule = f"fewer mel bands at {sample_rate} Hz: {bank.n_empty} of them would be empty"
        raise SettingError("n_mels", preset.n_mels, rule)
    levels = MelLevels(bank, preset.log, floor=preset.floor)
    return Plan(preset, grid, bank, levels, PitchTrack(grid, PitchSettings()))


def _grid(preset: Preset, sample_rate: int) -> FrameGrid:
    window_samples = samples_from_ms(preset.window_ms, sample_rate)
    hop_samples = samples_from_ms(preset.hop_ms, sample_rate)
    if window_samples < _SHORTEST_WINDOW_SAMPLES:
        rule = f"{_SHORTEST_WINDOW_SAMPLES} samples or more"
        raise SettingError("window_ms", preset.window_ms, rule)
    if hop_samples < 1:
        raise SettingError("hop_ms", preset.hop_ms, "one sample or more")
    n_fft = 1 << (window_samples - 1).bit_length() if preset.is_fft_rounded_up else window_samples
    return FrameGrid(sample_rate, window_samples, hop_samples, n_fft, preset.edges)


def _top_hz(preset: Preset, sample_rate: int) -> float:
    """Return where the highest mel band ends, in Hz."""
    half_hz = sample_rate / 2.0
    top_hz = half_hz if preset.fmax_hz is None else preset.fmax_hz
    if not preset.fmin_hz < top_hz <= half_hz:
        rule = f"above fmin_hz, {preset.fmin_hz:g} Hz, and at most {half_hz:g} Hz"
        raise SettingError("fmax_hz", top_hz, rule)
    return top_hz
