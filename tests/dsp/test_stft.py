"""Framing, and the stream of spectra."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.dsp.framing import Framer
from audiokit.dsp.stft import StftStream, fast_window_samples
from audiokit.errors import SettingError
from audiokit.stage import StreamFormat
from audiokit.testing import speechlike, split_at

STEREO = StreamFormat(16000, 2)


def as_is(spectra):
    return spectra


def through(stft, pieces, change=as_is):
    done = [stft.process(piece, change) for piece in pieces]
    return np.concatenate([*done, stft.flush(change)])


def test_frames_lie_where_they_should():
    ramp = np.arange(24, dtype=np.float32).reshape(12, 2)
    frames = Framer(6, 3, 2, lead_samples=2).push(ramp)
    assert frames.shape == (3, 2, 6)
    assert frames[0, 1].tolist() == [0, 0, 1, 3, 5, 7]
    assert frames[2, 0].tolist() == [8, 10, 12, 14, 16, 18]


@pytest.mark.parametrize("cuts", [[1, 1, 2], [5], list(range(100))])
def test_frames_do_not_depend_on_the_cutting(cuts):
    block = speechlike(STEREO, 0.02)
    whole = Framer(50, 20, 2, lead_samples=25)
    expected = np.concatenate([whole.push(block), whole.flush(50)])
    framer = Framer(50, 20, 2, lead_samples=25)
    frames = [framer.push(piece) for piece in split_at(block, cuts)]
    np.testing.assert_array_equal(np.concatenate([*frames, framer.flush(50)]), expected)


def test_a_hop_beyond_the_frame_is_refused():
    with pytest.raises(SettingError, match="hop_samples is 7, expected 1 to 6"):
        Framer(6, 7, 1)


@pytest.mark.parametrize("overlap", [2, 4, 8])
@pytest.mark.parametrize("n_samples", [1, 63, 64, 65, 5000, 40000])
def test_unchanged_spectra_give_the_stream_back(overlap, n_samples):
    block = speechlike(STEREO, 2.5)[:n_samples]
    stft = StftStream(STEREO, window_samples=128, hop_samples=128 // overlap)
    out = through(stft, [block])
    # Two transforms in single precision.
    np.testing.assert_allclose(out, block, rtol=0, atol=4e-7)


@pytest.mark.parametrize("overlap", [2, 4])
def test_no_cutting_changes_a_bit(overlap):
    block = speechlike(STEREO, 0.7)

    def halve_the_odd_bins(spectra):
        spectra[..., 1::2] *= np.float32(0.5)
        return spectra

    def build():
        return StftStream(STEREO, window_samples=200, hop_samples=200 // overlap)

    whole = through(build(), [block], halve_the_odd_bins)
    for cuts in ([1, 2, 3, 700], range(0, len(block), 37), [5000]):
        pieces = split_at(block, cuts)
        np.testing.assert_array_equal(through(build(), pieces, halve_the_odd_bins), whole)


def test_no_more_than_the_latency_is_held():
    stft = StftStream(STEREO, window_samples=128, hop_samples=64)
    block = speechlike(STEREO, 0.1)
    n_out = 0
    for n_in in range(1, len(block) + 1):
        n_out += len(stft.process(block[n_in - 1 : n_in], as_is))
        assert 0 <= n_in - n_out <= stft.latency_samples == 127


def test_white_noise_of_power_one_has_power_one_half_in_a_bin():
    noise = np.random.default_rng(1).standard_normal((200_000, 1)).astype(np.float32)
    powers = []

    def note(spectra):
        powers.append(np.square(np.abs(spectra[..., 1:-1])).mean(axis=(1, 2)))
        return spectra

    through(StftStream(StreamFormat(16000), window_samples=512, hop_samples=256), [noise], note)
    assert np.concatenate(powers)[2:-2].mean() == pytest.approx(0.5, rel=0.01)


@pytest.mark.parametrize(
    ("window_ms", "sample_rate", "expected"),
    [(32, 16000, 512), (32, 8000, 256), (32, 44100, 1400), (32, 48000, 1536), (32, 96000, 3072)],
)
def test_windows_fit_the_duration_and_transform_fast(window_ms, sample_rate, expected):
    assert fast_window_samples(window_ms, sample_rate) == expected


@pytest.mark.parametrize("hop_samples", [0, 33, 128])
def test_a_hop_that_does_not_add_up_is_refused(hop_samples):
    with pytest.raises(SettingError, match="hop_samples"):
        StftStream(STEREO, window_samples=128, hop_samples=hop_samples)
