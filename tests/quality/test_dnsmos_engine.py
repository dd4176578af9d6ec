"""DNSMOS through our door, beside the package itself."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from audiokit.errors import SettingError
from audiokit.stage import StreamFormat

dnsmos = pytest.importorskip(
    "speechmos.dnsmos", reason="no speechmos: pip install 'audiokit[dnsmos]'"
)

from audiokit.quality.dnsmos_engine import DnsmosMeter  # noqa: E402  after what it needs

MONO = StreamFormat(16000)


@pytest.fixture(scope="module")
def clip(samples):
    return soundfile.read(samples / "clean_en.wav", dtype="float32", always_2d=True)[0]


def measured(*blocks):
    meter = DnsmosMeter(MONO)
    for block in blocks:
        meter.update(np.ascontiguousarray(block))
    return meter.result()


def test_short_clip_gets_what_the_package_gives(clip):
    report, peer = measured(clip), dnsmos.run(clip[:, 0], 16000)
    given = [report.overall, report.speech, report.background, report.p808]
    expected = [peer[name] for name in ("ovrl_mos", "sig_mos", "bak_mos", "p808_mos")]
    np.testing.assert_allclose(given, expected, atol=1e-5)


def test_windows_lie_side_by_side_and_the_last_ends_with_the_stream(clip):
    window = int(9.01 * 16000)
    long = np.tile(clip, (5, 1))[: 2 * window + 3000]
    pieces = [long[:window], long[window : 2 * window], long[-window:]]
    peers = [dnsmos.run(np.ascontiguousarray(piece[:, 0]), 16000)["ovrl_mos"] for piece in pieces]
    whole = measured(long)
    assert whole.overall == pytest.approx(np.mean(peers), abs=1e-5)
    assert measured(*np.array_split(long, 7), long[:0]) == whole


def test_nothing_has_no_opinion_and_what_is_too_loud_is_cut_off(clip):
    assert measured().to_row() == dict.fromkeys(("overall", "speech", "background", "p808"))
    assert measured(100 * clip) == measured(np.clip(100 * clip, -1, 1))


def test_another_format_is_refused():
    with pytest.raises(SettingError, match="expected 16000 Hz, 1 channel"):
        DnsmosMeter(StreamFormat(16000, 2))
