"""Statistics of columns are those of NumPy, however the rows are cut or merged."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiokit.errors import SettingError
from audiokit.features import FeatureExtractor, FeatureSettings
from audiokit.features.column_statistics import ColumnStatistics, StatisticsMeter
from audiokit.features.row_scaling import RowScaler
from audiokit.features.sliding import SlidingNormalizer
from audiokit.features.summary import ABSENT, DEFAULT_SUMMARIES, summarize, summary_columns
from audiokit.features.windows import WindowSummary
from audiokit.stage import StreamFormat

COLUMNS = ("level_db", "offset_hz", "still", "tiny")
# A column like levels, one far from 0, one that stands still, and one of small numbers.
ROWS = (
    np.random.default_rng(7).standard_normal((1500, 4)) * [12.0, 3.0, 0.0, 1e-4]
    + [-50.0, 1e5, 3.0, 0.0]
).astype(np.float32)
EXACT = ROWS.astype(np.float64)
any_cuts = given(cuts=st.lists(st.integers(0, len(ROWS)), max_size=10).map(sorted))


def measured(pieces):
    meter = StatisticsMeter(COLUMNS)
    for piece in pieces:
        meter.push(piece)
    return meter


def arrays_of(statistics):
    return np.stack([statistics.mean, statistics.m2, statistics.lowest, statistics.highest])


def slid(pieces, **options):
    normalizer = SlidingNormalizer(COLUMNS, **options)
    return np.concatenate([normalizer.push(piece) for piece in pieces])


def test_mean_deviation_extremes_and_slope_are_those_of_numpy():
    meter = measured([ROWS])
    statistics = meter.result()
    np.testing.assert_allclose(statistics.mean, EXACT.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(statistics.std, EXACT.std(axis=0), rtol=1e-11)
    np.testing.assert_array_equal(statistics.lowest, EXACT.min(axis=0))
    np.testing.assert_array_equal(statistics.highest, EXACT.max(axis=0))
    slope = np.polyfit(np.arange(len(ROWS)), EXACT, 1)[0]
    np.testing.assert_allclose(meter.slope_per_row(), slope, rtol=1e-9, atol=1e-14)


@any_cuts
def test_no_cutting_changes_a_bit_of_the_statistics(cuts):
    whole, pieces = measured([ROWS]), measured(np.split(ROWS, cuts))
    np.testing.assert_array_equal(arrays_of(pieces.result()), arrays_of(whole.result()))
    np.testing.assert_array_equal(pieces.slope_per_row(), whole.slope_per_row())


@pytest.mark.parametrize("cut", [0, 1, 700, 1500])
def test_statistics_of_parts_merge_to_those_of_the_whole(cut):
    parts = [measured([piece]).result() for piece in np.split(ROWS, [cut])]
    merged, whole = parts[0].merged(parts[1]), measured([ROWS]).result()
    assert merged.count == whole.count
    np.testing.assert_allclose(arrays_of(merged), arrays_of(whole), rtol=1e-11)


def test_statistics_come_back_from_json_bit_by_bit():
    statistics = measured([ROWS]).result()
    plain = json.loads(json.dumps(statistics.to_plain()))
    assert set(plain) == {"count", "mean", "m2", "std", "min", "max"}
    again = ColumnStatistics.from_plain(COLUMNS, plain)
    np.testing.assert_array_equal(arrays_of(again), arrays_of(statistics))
    nothing = ColumnStatistics.of_nothing(COLUMNS)
    assert ColumnStatistics.from_plain(COLUMNS, nothing.to_plain()).count == 0


@pytest.mark.parametrize(
    "plain",
    [{}, {"count": 1}, {"count": 2, "mean": [1], "m2": [1], "min": [1], "max": [1]}],
    ids=["empty", "no numbers", "too few"],
)
def test_what_are_no_statistics_is_refused(plain):
    with pytest.raises(SettingError, match="statistics"):
        ColumnStatistics.from_plain(COLUMNS, plain)


def test_statistics_of_other_columns_do_not_merge():
    other = ColumnStatistics.of_nothing(("other",))
    with pytest.raises(SettingError, match="the 4 columns level_db, offset_hz"):
        measured([ROWS]).result().merged(other)


def test_rows_scaled_by_their_own_statistics_have_mean_0_and_deviation_1():
    scaled = RowScaler(measured([ROWS]).result(), to="standard").scale(ROWS)
    np.testing.assert_allclose(scaled.mean(axis=0), 0.0, atol=2e-6)
    np.testing.assert_allclose(scaled.std(axis=0), [1.0, 1.0, 0.0, 1.0], atol=1e-5)


def test_rows_scaled_to_their_range_lie_between_0_and_1():
    scaled = RowScaler(measured([ROWS]).result(), to="range").scale(ROWS)
    np.testing.assert_array_equal(scaled.min(axis=0), 0.0)
    np.testing.assert_array_equal(scaled.max(axis=0), [1.0, 1.0, 0.0, 1.0])


def test_only_the_mean_goes_where_only_that_is_asked_for():
    scaled = RowScaler(measured([ROWS]).result(), to="mean").scale(ROWS)
    np.testing.assert_allclose(scaled, EXACT - EXACT.mean(axis=0), atol=1e-5)


@pytest.mark.parametrize("window_rows", [1, 7, 300, 4000])
def test_a_sliding_window_normalises_by_the_rows_just_before(window_rows):
    ours = slid([ROWS], window_rows=window_rows)
    for n in (0, 1, 6, 299, 300, 301, 1499):
        window = EXACT[max(0, n - window_rows + 1) : n + 1]
        spread = window.std(axis=0)
        spread[spread < 1e-6 * np.abs(window.mean(axis=0))] = 1.0
        spread[spread == 0.0] = 1.0
        expected = (EXACT[n] - window.mean(axis=0)) / spread
        np.testing.assert_allclose(ours[n], expected, rtol=1e-6, atol=1e-6)


@any_cuts
def test_no_cutting_changes_a_bit_of_a_sliding_window(cuts):
    pieces = slid(np.split(ROWS, cuts), window_rows=64)
    np.testing.assert_array_equal(pieces, slid([ROWS], window_rows=64))


def test_a_sliding_window_does_not_drift():
    late = np.tile(ROWS, (20, 1))
    np.testing.assert_allclose(
        slid([late], window_rows=300)[-1000:], slid([ROWS], window_rows=300)[-1000:], atol=1e-6
    )


def test_saved_statistics_stand_in_for_the_rows_before_a_stream():
    prior = measured([ROWS]).result()
    first = slid([ROWS], window_rows=1000, prior=prior)[0]
    expected = (EXACT[0] - prior.mean) / np.where(prior.std > 0.0, prior.std, 1.0)
    np.testing.assert_allclose(first, expected, rtol=5e-3, atol=1e-6)


def test_columns_in_short_are_those_of_numpy():
    summaries = ("mean", "std", "min", "max", "p00", "p10", "p50", "p99", "slope")
    short = summarize(
        np.array_split(ROWS, 9),
        lambda number: ROWS[:, number],
        columns=COLUMNS,
        summaries=summaries,
        hop_s=0.01,
    ).reshape(len(COLUMNS), len(summaries))
    quantiles = np.quantile(EXACT, [0.0, 0.1, 0.5, 0.99], axis=0).T
    np.testing.assert_allclose(short[:, 4:8], quantiles, rtol=1e-6)
    slope = np.polyfit(np.arange(len(ROWS)) * 0.01, EXACT, 1)[0]
    np.testing.assert_allclose(short[:, 8], slope, rtol=1e-5, atol=1e-9)
    names = summary_columns(["mel_00_db"], DEFAULT_SUMMARIES)
    assert names == tuple(
        f"mel_00_db_{word}" for word in ("mean", "std", "p10", "p50", "p90", "slope_per_s")
    )


def windows_of(pieces, duration_s=15.0):
    summed = WindowSummary(COLUMNS, ("mean",), window_s=2.0, hop_s=0.01, first_s=0.0)
    found = [summed.push(piece) for piece in pieces] + [summed.finish(duration_s)]
    numbers = [number for some, _ in found for number in some]
    return numbers, np.concatenate([rows for _, rows in found])


def test_frames_without_a_pitch_do_not_count_in_its_summary():
    f0_hz = np.zeros(100, np.float32)
    f0_hz[20:60] = 200.0 + np.arange(40)
    # What is said of a voiced stretch alone, its line rising by 1 Hz every 10 ms.
    expected = [219.5, np.std(np.arange(40)), 200.0, 219.5, 239.0, 100.0]
    summaries = ("mean", "std", "min", "p50", "max", "slope")
    rows = f0_hz[:, np.newaxis]
    summed = summarize(
        [rows], lambda _: f0_hz, columns=("f0_hz",), summaries=summaries, hop_s=0.01
    )
    np.testing.assert_allclose(summed, expected, rtol=1e-6)


def test_a_stretch_without_any_pitch_has_none():
    silent = np.zeros((50, 1), np.float32)
    summed = summarize(
        [silent],
        lambda _: silent[:, 0],
        columns=("f0_hz",),
        summaries=DEFAULT_SUMMARIES,
        hop_s=0.01,
    )
    np.testing.assert_array_equal(summed, 0.0)


def test_every_column_that_says_where_it_has_nothing_exists():
    names = FeatureSettings(families=("pitch", "voice", "formants", "rhythm"))
    columns = FeatureExtractor(StreamFormat(16000), names).columns
    assert set(ABSENT) <= set(columns)


def test_a_window_holds_the_frames_whose_centres_lie_in_it():
    numbers, rows = windows_of([ROWS])
    assert numbers == list(range(8))
    np.testing.assert_allclose(rows[3], EXACT[600:800].mean(axis=0), rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(rows[7], EXACT[1400:].mean(axis=0), rtol=1e-5, atol=1e-9)


def test_a_frame_at_the_very_end_makes_no_window_of_its_own():
    numbers, _ = windows_of([ROWS[:1401]], duration_s=14.0)
    assert numbers == list(range(7))


@any_cuts
def test_no_cutting_changes_a_bit_of_a_window(cuts):
    numbers, rows = windows_of(np.split(ROWS, cuts))
    whole_numbers, whole = windows_of([ROWS])
    assert numbers == whole_numbers
    np.testing.assert_array_equal(rows, whole)


@pytest.mark.parametrize("window_s", [0.01, 0.025, 0.37, 2.56, 3.0])
def test_windows_at_once_have_the_bits_of_windows_one_by_one(window_s):
    summaries = ("mean", "std", "min", "max", "p10", "p50", "p99", "slope")
    options = {"window_s": window_s, "hop_s": 0.01, "first_s": 0.0125}
    windows = WindowSummary(COLUMNS, summaries, **options)
    numbers, summed = windows.push(ROWS)
    places_s = 0.0125 + 0.01 * np.arange(len(ROWS))
    for number, found in zip(numbers[:400], summed, strict=False):
        within = (places_s > number * window_s - 1e-8) & (
            places_s < (number + 1) * window_s - 1e-8
        )
        rows = ROWS[within]
        alone = summarize(
            [rows], rows.T.__getitem__, columns=COLUMNS, summaries=summaries, hop_s=0.01
        )
        np.testing.assert_array_equal(found, alone)


@any_cuts
def test_no_cutting_changes_a_bit_of_windows_of_one_or_two_rows(cuts):
    def summed(pieces):
        windows = WindowSummary(
            COLUMNS[:1], DEFAULT_SUMMARIES, window_s=0.015, hop_s=0.01, first_s=0.0
        )
        found = [windows.push(piece[:, :1]) for piece in pieces] + [windows.finish(15.0)]
        numbers = [number for some, _ in found for number in some]
        return numbers, np.concatenate([rows for _, rows in found])

    numbers, rows = summed(np.split(ROWS, cuts))
    whole_numbers, whole = summed([ROWS])
    assert numbers == whole_numbers == list(range(1000))
    np.testing.assert_array_equal(rows, whole)
