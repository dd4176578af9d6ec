"""A batch of clips has, with torch, the numbers that each clip has by itself."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.errors import BlockError, MissingDeviceError, SettingError
from audiokit.features import FeatureExtractor, FeatureSettings
from audiokit.features.engines import ENGINES
from audiokit.stage import StreamFormat
from audiokit.testing import analyze, speechlike

torch = pytest.importorskip("torch")

from audiokit.features.torch_batch import TorchFeatures  # noqa: E402  torch may be absent

FRAMED = ("mel", "mfcc", "energy", "rms", "crossings")
FAMILIES = {
    "librosa": ENGINES["torch"].families,
    "kaldi": FRAMED,
    "whisper": ("mel", "energy", "rms", "crossings"),
    "htk": FRAMED,
}
# Worst difference, absolute and relative: a thousandth of a dB, else a ten-thousandth.
TOLERANCES = dict.fromkeys(("spectrum", "mel", "mfcc", "energy"), (0.001, 0.0))


@pytest.fixture(autouse=True)
def _one_thread():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


def clips_at(rate):
    """Clips of many lengths: nothing, less than a frame, too few rows for a slope, seconds."""
    speech = speechlike(StreamFormat(rate), 2.5)[:, 0]
    frame, hop = round(rate * 0.025), rate // 100
    lengths = [1.77 * rate, 0, 1, hop, frame - 1, frame, frame + 1, 3 * frame, 9 * hop, rate]
    clips = [speech[777 : 777 + int(length)].copy() for length in lengths]
    offset = np.full(rate // 2, -0.7, np.float32)
    return [*clips, np.zeros(rate // 3, np.float32), offset, speech]


def check_close(rows, expected, families):
    assert rows.shape == expected.shape
    assert rows.dtype == np.float32
    for name, place in families.items():
        atol, rtol = TOLERANCES.get(name, (1e-5, 1e-4))
        np.testing.assert_allclose(
            rows[:, place], expected[:, place], rtol=rtol, atol=atol, err_msg=name
        )


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100])
@pytest.mark.parametrize("deltas", [0, 1, 2])
@pytest.mark.parametrize("preset", FAMILIES)
def test_each_clip_of_a_batch_has_the_rows_of_fast(preset, deltas, rate):
    if preset == "whisper" and (rate != 16000 or deltas):
        pytest.skip("whisper knows 16 kHz alone, and no derivatives")
    chosen = FeatureSettings(
        families=FAMILIES[preset], preset=preset, deltas=None if preset == "whisper" else deltas
    )
    batch = TorchFeatures(rate, chosen)
    clips = clips_at(rate)
    found = batch(clips)
    assert len(found) == len(clips)
    for clip, rows in zip(clips, found, strict=True):
        fast = FeatureExtractor(StreamFormat(rate), chosen)
        assert batch.columns == fast.columns
        check_close(rows, analyze(fast, [clip[:, None]]), batch.families)


def test_a_recording_has_the_rows_of_fast(recordings):
    import soundfile

    take = recordings / "speech/aishell-BAC009S0724W0121.flac"
    block, rate = soundfile.read(take, dtype="float32", always_2d=True)
    # The default families without the roll-off, which a rounding may move by a bin.
    chosen = FeatureSettings(families=("mel", "mfcc", "energy", "spectral"))
    batch = TorchFeatures(rate, chosen)
    (rows,) = batch([block[:, 0]])
    expected = analyze(FeatureExtractor(StreamFormat(rate), chosen), [block])
    rolloff = batch.columns.index("spectral_rolloff_hz")
    n_moved = np.count_nonzero(rows[:, rolloff] != expected[:, rolloff])
    assert n_moved <= len(rows) // 200
    rows[:, rolloff] = expected[:, rolloff]
    check_close(rows, expected, batch.families)


def test_order_and_company_do_not_matter():
    batch = TorchFeatures(16000)
    clips = clips_at(16000)
    together = batch(clips)
    backwards = batch(clips[::-1])[::-1]
    for clip, one, other in zip(clips, together, backwards, strict=True):
        (alone,) = batch([clip])
        np.testing.assert_allclose(one, alone, rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-3)


def test_no_clips_give_no_tables():
    assert TorchFeatures(16000)([]) == []
    (rows,) = TorchFeatures(16000)([np.zeros(0, np.float32)])
    assert rows.shape == (0, 145)


def test_one_recording_goes_through_the_extractor_too():
    block = speechlike(StreamFormat(16000, 2), 1.0)
    by_torch = FeatureExtractor(StreamFormat(16000, 2), FeatureSettings(engine="torch"))
    fast = FeatureExtractor(StreamFormat(16000, 2))
    check_close(analyze(by_torch, [block]), analyze(fast, [block]), fast.families)


@pytest.mark.parametrize(
    ("clip", "problem"),
    [
        (np.array([0.1, np.nan], np.float32), "holds nan at sample 1"),
        (np.zeros(800), "has type float64"),
        (np.zeros((800, 2), np.float32), "has shape"),
    ],
)
def test_what_is_no_clip_is_refused(clip, problem):
    with pytest.raises(BlockError, match=problem):
        TorchFeatures(16000)([np.zeros(800, np.float32), clip])


def test_what_torch_does_not_know_is_refused_by_name():
    with pytest.raises(SettingError, match="families is 'formants'"):
        TorchFeatures(16000, FeatureSettings(families=("mel", "formants")))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_refused():
    chosen = FeatureSettings(engine="torch", device="cuda")
    with pytest.raises(MissingDeviceError, match=r"no CUDA device\. Choose --device cpu"):
        TorchFeatures(16000, chosen)
    with pytest.raises(MissingDeviceError, match="no CUDA device"):
        chosen.check_installed()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_gpu_gives_the_rows_of_fast():
    batch = TorchFeatures(16000, FeatureSettings(engine="torch", device="cuda"))
    for clip, rows in zip(clips_at(16000), batch(clips_at(16000)), strict=True):
        expected = analyze(FeatureExtractor(StreamFormat(16000)), [clip[:, None]])
        check_close(rows, expected, batch.families)
