"""Scores of the last seconds are those of the meter over the same seconds."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.errors import SettingError
from audiokit.quality import QualityMeter, SlidingQuality, SlidingQualitySettings
from audiokit.stage import StreamFormat
from audiokit.testing import analyze, measure, speechlike

FMT = StreamFormat(16000)
SETTINGS = SlidingQualitySettings(window_s=2.0, hop_s=0.5)


def test_every_window_is_scored_as_the_meter_would_over_the_same_samples():
    block = speechlike(FMT, 3.6)
    rows = analyze(SlidingQuality(FMT, SETTINGS), np.split(block, range(160, len(block), 1600)))
    assert [row.end_s for row in rows] == [2.0, 2.5, 3.0, 3.5, 3.6]
    for row in rows:
        assert row.end_s - row.start_s == pytest.approx(2.0)
        heard = block[round(row.start_s * 16000) : round(row.end_s * 16000)]
        assert row.report == measure(QualityMeter(FMT), [heard])


def test_a_stream_shorter_than_a_window_is_scored_when_it_ends():
    block = speechlike(FMT, 1.2)
    stage = SlidingQuality(FMT, SETTINGS)
    assert stage.process(block) == []
    (row,) = stage.flush()
    assert (row.start_s, row.end_s) == (0.0, 1.2)
    assert row.report == measure(QualityMeter(FMT), [block])


def test_a_stream_of_whole_hops_ends_with_its_last_window_and_an_empty_one_with_none():
    rows = analyze(SlidingQuality(FMT, SETTINGS), [speechlike(FMT, 2.5)])
    assert [row.end_s for row in rows] == [2.0, 2.5]
    assert analyze(SlidingQuality(FMT, SETTINGS), [FMT.silence(0)]) == []


def test_a_row_tells_its_window_and_all_scores():
    (row,) = analyze(SlidingQuality(FMT, SETTINGS), [FMT.silence(16000)])
    table = row.to_row()
    assert list(table)[:3] == ["start_s", "end_s", "duration_s"]
    assert "silence" in table["reason"]


@pytest.mark.parametrize(
    ("options", "name"),
    [({"window_s": 0.1}, "window_s"), ({"hop_s": 7.0}, "hop_s"), ({"profile": "x"}, "profile")],
)
def test_settings_out_of_range_are_named(options, name):
    with pytest.raises(SettingError, match=name):
        SlidingQualitySettings(**options)
