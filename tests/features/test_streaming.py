"""However a stream is cut, and whatever it holds, the rows are the same and finite."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.errors import BlockError
from audiokit.features import FAMILY_NAMES, PRESET_NAMES, FeatureExtractor, FeatureSettings
from audiokit.features.lineup import RowLineup
from audiokit.stage import StreamFormat
from audiokit.testing import analyze, speechlike, split_at

FMT = StreamFormat(16000)
SPEECH = speechlike(FMT, 1.0)
ALL_OF = {
    "librosa": FAMILY_NAMES,
    "kaldi": ("mel", "mfcc", "temporal", "crossings"),
    "whisper": ("mel", "temporal", "crossings"),
    "htk": ("mel", "mfcc", "temporal", "crossings"),
    "pyaudioanalysis": ("short_term", "temporal", "crossings"),
}
DELTAS = {"whisper": None, "pyaudioanalysis": 1}


def extractor_of(preset, families=None, fmt=FMT):
    chosen = FeatureSettings(
        preset=preset, families=families or ALL_OF[preset], deltas=DELTAS.get(preset, 2)
    )
    return FeatureExtractor(fmt, chosen)


WHOLE = {preset: analyze(extractor_of(preset), [SPEECH]) for preset in PRESET_NAMES}


@pytest.mark.parametrize("preset", PRESET_NAMES)
@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, len(SPEECH)), max_size=12))
def test_no_cutting_changes_a_bit(preset, cuts):
    pieces = analyze(extractor_of(preset), split_at(SPEECH, cuts))
    np.testing.assert_array_equal(pieces, WHOLE[preset])


@pytest.mark.parametrize("preset", PRESET_NAMES)
@pytest.mark.parametrize(
    "n_samples", [0, 1, 2, 159, 160, 161, 200, 201, 399, 400, 401, 560, 561, 1200]
)
def test_a_short_stream_has_the_same_rows_sample_by_sample(preset, n_samples):
    speech = SPEECH[1000 : 1000 + n_samples]
    whole = analyze(extractor_of(preset), [speech])
    single = analyze(extractor_of(preset), split_at(speech, range(1, n_samples)))
    np.testing.assert_array_equal(single, whole)
    grid = extractor_of(preset).grid
    assert len(whole) == grid.n_frames(n_samples)
    assert (len(whole) > 0) == (n_samples >= grid.fewest_samples)
    assert np.isfinite(whole).all()


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_a_family_alone_says_what_it_says_among_all(family):
    together = extractor_of("librosa")
    alone = analyze(extractor_of("librosa", (family,)), [SPEECH])
    np.testing.assert_array_equal(alone, WHOLE["librosa"][:, together.families[family]])


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_no_family_is_later_than_it_says(family):
    extractor = extractor_of("librosa", (family,))
    n_rows = 0
    for start in range(0, len(SPEECH), 160):
        n_rows += len(extractor.process(SPEECH[start : start + 160]))
        received_s = (start + 160) / 16000
        n_due = int((received_s - extractor.latency_s) / extractor.hop_s + 1e-6) + 1
        # Fitted slopes of the first rows wait for nine of them.
        assert n_rows >= n_due or n_due <= 4
    assert n_rows + len(extractor.flush()) == 101


@pytest.mark.parametrize("preset", PRESET_NAMES)
@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("level", [0.0, 0.7, 1e6, 1e-30])
def test_rows_of_a_constant_or_silence_are_finite(preset, rate, level):
    if preset == "whisper" and rate != 16000:
        pytest.skip("whisper knows 16 kHz alone")
    fmt = StreamFormat(rate)
    rows = analyze(extractor_of(preset, fmt=fmt), [fmt.silence(rate // 4) + np.float32(level)])
    assert len(rows) > 8
    assert np.isfinite(rows).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused_with_its_place(bad):
    speech = SPEECH.copy()
    speech[7] = bad
    with pytest.raises(BlockError, match=r"at sample 7, channel 0, expected finite"):
        FeatureExtractor(FMT).process(speech)


def test_a_block_of_another_shape_is_refused():
    with pytest.raises(BlockError, match="expected \\(samples, 1\\)"):
        FeatureExtractor(FMT).process(StreamFormat(16000, 2).silence(16))


def test_rows_wait_for_the_latest_family():
    lineup = RowLineup([1, 2])
    lineup.push(0, np.arange(4.0, dtype=np.float32)[:, None])
    assert lineup.take().shape == (0, 3)
    lineup.push(1, np.ones((3, 2), np.float32))
    np.testing.assert_array_equal(lineup.take(), [[0, 1, 1], [1, 1, 1], [2, 1, 1]])
    lineup.push(1, np.full((1, 2), 5.0, np.float32))
    np.testing.assert_array_equal(lineup.take(), [[3, 5, 5]])
