"""Cut files: what is in them, what they are called, and whose folder it is."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.errors import ResourceError, SettingError
from audiokit.files.atomic import remove_parts, remove_parts_below, replacing_folder
from audiokit.files.write import WriteSettings
from audiokit.jobs.cuts import CutSettings, CutWriter, is_cut_name
from audiokit.jobs.segmentation import SegmentReport
from audiokit.stage import StreamFormat
from audiokit.vad.segments import Segment

RATE = 8000
FLOATS = WriteSettings("wav", bit_depth="float")


def report(segments, duration_s):
    return SegmentReport(segments, np.zeros(0, np.float32), duration_s)


def cut(folder, audio, segments, *, fade_s=0.005, settings=FLOATS, blocks=(1000,)):
    """Cut a recording that comes in blocks of these lengths in turn; return the writer."""
    fmt = StreamFormat(RATE, audio.shape[1])
    out = folder / "cuts"
    out.mkdir(exist_ok=True)
    writer = CutWriter(fmt, out, scratch=folder, settings=settings, fade_s=fade_s)
    at = turn = 0
    while at < len(audio):
        step = blocks[turn % len(blocks)]
        writer.write(np.ascontiguousarray(audio[at : at + step]))
        at, turn = at + step, turn + 1
    writer.finish(report(segments, len(audio) / RATE))
    writer.close()
    return writer


def read(folder, name):
    audio, rate = soundfile.read(folder / "cuts" / name, dtype="float32", always_2d=True)
    assert rate == RATE
    return audio


def noise(seconds, channels=1, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-0.5, 0.5, (round(seconds * RATE), channels)).astype(np.float32)


def test_a_cut_is_the_recording_between_its_times(tmp_path):
    audio = noise(3.0)
    writer = cut(tmp_path, audio, [Segment(0.52, 1.25), Segment(2.0, 2.5)])
    assert writer.names == ["0001_000.520-001.250.wav", "0002_002.000-002.500.wav"]
    assert writer.facts() == {"n_cuts": 2, "cut_files": writer.names}
    found = read(tmp_path, writer.names[0])
    assert len(found) == round(0.73 * RATE)
    # 5 ms at each end are faded, all else is untouched.
    np.testing.assert_array_equal(found[40:-40], audio[4160 + 40 : 10000 - 40])


def test_a_cut_begins_and_ends_without_a_click(tmp_path):
    audio = np.full((RATE, 1), 0.5, np.float32)
    found = read(tmp_path, cut(tmp_path, audio, [Segment(0.25, 0.75)]).names[0])[:, 0]
    # From nothing to full in 40 samples, along a raised cosine, and back.
    expected = 0.5 * np.sin(0.5 * np.pi * (np.arange(40) + 0.5) / 40) ** 2
    np.testing.assert_allclose(found[:40], expected, atol=1e-6)
    np.testing.assert_allclose(found[-40:], expected[::-1], atol=1e-6)
    assert np.abs(np.diff(found, prepend=0.0, append=0.0)).max() < 0.5 * np.pi / 2 / 40 * 1.01


def test_the_recordings_own_start_and_end_are_not_faded(tmp_path):
    audio = np.full((RATE, 1), 0.5, np.float32)
    found = read(tmp_path, cut(tmp_path, audio, [Segment(0.0, 1.0)]).names[0])
    np.testing.assert_array_equal(found, audio)


def test_no_fade_leaves_every_sample(tmp_path):
    audio = noise(1.0)
    found = read(tmp_path, cut(tmp_path, audio, [Segment(0.25, 0.75)], fade_s=0.0).names[0])
    np.testing.assert_array_equal(found, audio[2000:6000])


def test_each_speaker_and_channel_is_named_and_cut_alone(tmp_path):
    audio = noise(2.0, channels=2)
    segments = [Segment(0.5, 1.5, "anna", None, 0), Segment(1.0, 1.75, "b/é n", None, 1)]
    names = cut(tmp_path, audio, segments, fade_s=0.0).names
    assert names == [
        "0001_000.500-001.500_ch1_anna.wav",
        "0002_001.000-001.750_ch2_b-é-n.wav",
    ]
    np.testing.assert_array_equal(read(tmp_path, names[0]), audio[4000:12000, :1])
    np.testing.assert_array_equal(read(tmp_path, names[1]), audio[8000:14000, 1:])


def test_names_sort_in_the_order_of_time_however_many_and_late(tmp_path):
    audio = noise(0.1)
    segments = [Segment(k / 1000.0, (k + 1) / 1000.0) for k in range(30)]
    names = cut(tmp_path, audio, segments[::-1]).names
    assert names == sorted(names)
    assert all(map(is_cut_name, names))


@settings(deadline=None, max_examples=25)
@given(
    blocks=st.lists(st.integers(1, 3000), min_size=1, max_size=4),
    edges=st.lists(st.tuples(st.integers(0, 9000), st.integers(1, 9000)), min_size=1, max_size=4),
)
def test_any_blocks_and_any_overlap_give_the_same_cuts(tmp_path_factory, blocks, edges):
    folder = tmp_path_factory.mktemp("cuts")
    audio = noise(9000 / RATE)
    segments = [Segment(a / RATE, (a + n) / RATE) for a, n in edges]
    names = cut(folder, audio, segments, fade_s=0.0, blocks=blocks).names
    ordered = sorted(segments, key=lambda item: (item.start_s, item.end_s))
    for name, segment in zip(names, ordered, strict=True):
        start = min(round(segment.start_s * RATE), len(audio) - 1)
        stop = max(start + 1, min(round(segment.end_s * RATE), len(audio)))
        np.testing.assert_array_equal(read(folder, name), audio[start:stop])


def test_nothing_found_is_an_empty_folder(tmp_path):
    assert cut(tmp_path, noise(0.5), []).names == []
    assert list((tmp_path / "cuts").iterdir()) == []


def test_a_kind_of_file_that_cannot_hold_the_stream_says_so(tmp_path):
    audio = noise(0.5, channels=2)
    with pytest.raises(SettingError, match="container"):
        cut(tmp_path, audio, [Segment(0.1, 0.2)], settings=WriteSettings("docx"))  # type: ignore[arg-type]


@pytest.mark.parametrize("fade_ms", [-1.0, 101.0, float("nan")])
def test_a_fade_of_no_length_is_refused(fade_ms):
    with pytest.raises(SettingError, match="fade_ms"):
        CutSettings(fade_ms=fade_ms)


@pytest.mark.parametrize("name", ["notes.txt", "0001.wav", "a_000.520-003.180.wav", "x.part"])
def test_what_a_user_calls_a_file_is_none_of_ours(name):
    assert not is_cut_name(name)


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "deep" / "take"

    def begin():
        with replacing_folder(target, is_ours=is_cut_name) as folder:
            (folder / "a.wav").write_text("a")
            assert not target.exists()
            raise KeyError

    with pytest.raises(KeyError):
        begin()
    assert list(tmp_path.rglob("*.wav")) == []
    assert list(target.parent.iterdir()) == []


def test_a_folder_is_replaced_but_not_what_others_put_there(tmp_path):
    target = tmp_path / "take"
    (target / "inner").mkdir(parents=True)
    old, kept = "0001_000.000-001.000.wav", "0002_001.000-002.000.wav"
    for name in (old, kept, "notes.txt", f"inner/{old}"):
        (target / name).write_text("old")
    with replacing_folder(target, is_ours=is_cut_name) as folder:
        (folder / kept).write_text("new")
    found = {path.relative_to(target).as_posix(): path for path in target.rglob("*.*")}
    assert {name: path.read_text() for name, path in found.items()} == {
        kept: "new",
        "notes.txt": "old",
        f"inner/{old}": "old",
    }  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["take"]


def test_a_file_in_the_way_is_named_and_kept(tmp_path):
    target = tmp_path / "take"
    target.write_text("mine")
    with (
        pytest.raises(ResourceError, match="take: "),
        replacing_folder(target, is_ours=is_cut_name) as folder,
    ):
        (folder / "a.wav").write_text("a")
    assert target.read_text() == "mine"


@pytest.mark.parametrize("way", ["one", "all"])
def test_what_a_killed_run_left_of_a_folder_is_removed(tmp_path, way):
    left = tmp_path / ".take.0123abcd.part"
    left.mkdir()
    (left / "0001_000.000-001.000.wav").write_text("half")
    other = tmp_path / ".notes.of.mine.part"
    other.mkdir()
    if way == "one":
        remove_parts(tmp_path / "take")
    else:
        remove_parts_below(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [other.name]
