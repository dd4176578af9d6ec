"""What the quality meter reports."""

from __future__ import annotations

from dataclasses import asdict, dataclass

__all__ = ["QualityReport"]

# Decimals in a row, by the end of a name: no estimate is surer than that.
_DECIMALS = {
    "_s": 6,
    "_db": 2,
    "_dbfs": 2,
    "_hz": 0,
    "_ratio": 6,
    "_score": 1,
    "_penalty": 1,
    "_offset": 6,
    "_percent": 3,
    "_probability": 3,
}
_DECIMALS_OF = {
    "overall": 1,
    "overall_low": 1,
    "overall_high": 1,
    "clarity": 4,
    "consistency": 4,
    "silence_ratio": 4,
}
_OTHER_DECIMALS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReport:
    """Blind scores of a stream. Where a value is None, a reason says why."""

    duration_s: float
    """Length of the stream in seconds."""
    overall: float | None = None
    """All together, 0 to 100; higher is better."""
    grade: str | None = None
    """A from 85, B from 70, C from 55, D from 40, E from 25, F below."""
    worst: str | None = None
    """What costs most, and how many points: ``"noise: -18"``; None if nothing does."""
    reason: str | None = None
    """Why there are no scores; None if there are."""
    snr_db: float | None = None
    """Estimated ratio of active speech to noise in dB, -15 to 50."""
    clarity: float | None = None
    """Share of the marks of clear speech, 0 to 1."""
    consistency: float | None = None
    """Evenness of the speech level from second to second, 0 to 1; None under 2 s of it."""
    active_level_dbfs: float | None = None
    """Mean level of the frames with speech; a constant 1.0 has 0 dBFS."""
    noise_floor_dbfs: float | None = None
    """Level in pauses, above 80 Hz."""
    peak_dbfs: float
    """Highest sample of any channel; -200 if all are zero."""
    clipping_ratio: float
    """Share of samples in flat tops, 0 to 1."""
    silence_ratio: float | None = None
    """Share of frames below the threshold of activity, 0 to 1."""
    dc_offset: float
    """Mean of the channel whose mean lies farthest from zero, -1 to 1."""
    bandwidth_hz: float | None = None
    """Highest frequency with sound, up to half the sample rate."""
    snr_score: float | None = None
    """The estimated ratio on a scale of 0 to 100."""
    clarity_score: float | None = None
    """`clarity` on a scale of 0 to 100."""
    level_score: float | None = None
    """`active_level_dbfs` on a scale of 0 to 100."""
    consistency_score: float | None = None
    """`consistency` on a scale of 0 to 100."""
    clipping_penalty: float | None = None
    """Points that clipping costs in the profile ``seed``, 0 to 40."""
    overall_low: float | None = None
    """One recording in twenty deserves less."""
    overall_high: float | None = None
    """One in twenty deserves more."""
    pesq_like: float | None = None
    """The mark that PESQ would give, had it the clean sentence, 1.02 to 4.64."""
    dnsmos_like: float | None = None
    """The mark that DNSMOS would give, 1 to 5."""
    snr_low_db: float | None = None
    """One recording in twenty has a lower ratio."""
    snr_high_db: float | None = None
    """One in twenty has a higher one."""
    snr_reason: str | None = None
    """Why there is no `snr_db`; None if there is."""
    wada_snr_db: float | None = None
    """The ratio by the distribution of amplitudes, for a cross-check, -20 to 100;
    None beyond, and where the recording looks denoised."""
    histogram_snr_db: float | None = None
    """The ratio by the levels of frames, for a cross-check, 0 or more; None where the
    recording looks denoised."""
    speech_probability: float | None = None
    """How likely somebody speaks, 0 to 1."""
    processed: bool | None = None
    """Whether it looks denoised; then `snr_db` is None."""
    processed_probability: float | None = None
    """How likely a denoiser was at work, 0 to 1."""
    modulation_db: float | None = None
    """How deeply the envelope moves at 2 to 8 Hz, in dB below its mean."""
    telephone_ratio: float | None = None
    """Share of the energy above 80 Hz that lies in 300 to 3400 Hz, 0 to 1."""
    flatness: float | None = None
    """How flat the spectrum is up to 4400 Hz, 0 to 1."""
    noise_floor_low_dbfs: float | None = None
    """The floor is hardly lower than this."""
    noise_floor_high_dbfs: float | None = None
    """The floor is hardly higher than this."""
    noise_floor_reason: str | None = None
    """Why the floor is not that of pauses; None if it is."""
    headroom_db: float
    """From the highest sample up to full scale."""
    dynamic_range_db: float | None = None
    """From the level that a tenth of the frames stay below to that of nineteen twentieths."""
    bandwidth_low_hz: float | None = None
    """The bandwidth is hardly lower than this."""
    bandwidth_high_hz: float | None = None
    """The bandwidth is hardly higher than this."""
    bandwidth_reason: str | None = None
    """Why there is no bandwidth; None if there is."""
    hum_db: float | None = None
    """Mains hum: see `audiokit.quality.mains`."""
    hum_reason: str | None = None
    """Why there is no `hum_db`; None if there is."""
    mains_hz: int | None = None
    """Frequency of the mains, 50 or 60; None where no hum was found."""
    c50_db: float | None = None
    """Clarity C50 in a room: the first 50 ms against all that comes later, -5 to 25."""
    c50_low_db: float | None = None
    """One recording in twenty has less."""
    c50_high_db: float | None = None
    """One in twenty has more."""
    c50_reason: str | None = None
    """Why there is no `c50_db`; None if there is."""
    lost_packets: int
    """Spans that lost packets left."""
    lost_ratio: float
    """Their share of the stream, 0 to 1."""
    dropouts: int
    """Other holes amid speech."""
    dropout_s: float
    """Their length together in seconds."""
    codec: str | None = None
    """What a codec left behind: ``mu-law``, ``a-law``, ``telephone``, ``mp3-like``."""
    thd_percent: float | None = None
    """Harmonic distortion of a tone; None where the recording is none."""
    dead_channels: int
    """Channels without sound where another has some; they are left out of all levels."""
    opposed_channels: int
    """Pairs of channels in anti-phase; one of them is heard turned round."""

    def to_row(self) -> dict[str, float | str | None]:
        """Return all fields by name, in a fixed order, for a table.

        Rounded to read well: levels to 0.01 dB, ratios to 0.000001, scores to 0.1, frequencies
        to 1 Hz, times to 1e-6 s. The grade is that of the exact score.
        """
        return {name: _rounded(name, value) for name, value in asdict(self).items()}


def _rounded(name: str, value: float | str | None) -> float | str | None:
    if value is None or isinstance(value, (str, int)):
        return value
    end = f"_{name.rpartition('_')[2]}"
    # Zero added: minus zero becomes zero.
    return round(value, _DECIMALS_OF.get(name, _DECIMALS.get(end, _OTHER_DECIMALS))) + 0.0
