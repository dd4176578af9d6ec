"""Decoding as a job: containers with packets missing, limits, and what is left behind."""

from __future__ import annotations

import av
import numpy as np
import pytest
import soundfile

from audiokit.codec.opus import OpusSettings
from audiokit.errors import CorruptError, EmptyError, FormatError, SettingError, TooLongError
from audiokit.files.cover import Cover
from audiokit.files.read import open_audio
from audiokit.files.write import WriteSettings, open_writer
from audiokit.jobs.decode import DecodeSettings, decode_file
from audiokit.jobs.encode import EncodeSettings, encode_file
from audiokit.jobs.task import Limits, ProcessTask
from audiokit.stage import StreamFormat
from audiokit.testing import speechlike

FMT = StreamFormat(16_000, 1)
N_SAMPLES = 40_007


@pytest.fixture
def opus(tmp_path):
    source, target = tmp_path / "take.wav", tmp_path / "take.opus"
    soundfile.write(source, speechlike(FMT, 3.0)[:N_SAMPLES] * 0.3, 16_000)
    encode_file(ProcessTask(str(source), {"audio": target}, "take", tmp_path), EncodeSettings())
    return target


def decoded(path, **limits):
    task = ProcessTask(str(path), {"audio": path.with_name("out.wav")}, path.name, path.parent)
    return decode_file(task, DecodeSettings(), Limits(**limits))


def remuxed(source, target, *, without=range(0), later_s=0.0, fmt="matroska"):
    """Copy packets into another container; leave some out, and move those after them."""
    with av.open(str(source)) as given, av.open(str(target), "w", format=fmt) as made:
        stream = made.add_stream_from_template(given.streams.audio[0])
        for number, packet in enumerate(given.demux(given.streams.audio[0])):
            if not packet.size or number in without:
                continue
            if number >= without.start and later_s:
                packet.pts += round(later_s / packet.time_base)
                packet.dts = packet.pts
            packet.stream = stream
            made.mux(packet)
    return target


def test_packets_that_a_container_lacks_are_concealed_in_their_place(opus, tmp_path):
    row = decoded(remuxed(opus, tmp_path / "take.mka", without=range(40, 50)))
    assert row["lost_s"] == pytest.approx(0.2, abs=0.005)
    assert row["duration_s"] == pytest.approx(N_SAMPLES / 16_000, abs=0.005)
    assert row["recovered_s"] in (0.0, pytest.approx(0.02))
    assert row["container"] == "matroska"


def test_times_years_ahead_are_told_and_not_filled(opus, tmp_path):
    mixed = remuxed(opus, tmp_path / "take.mka", without=range(40, 41), later_s=3e6)
    row = decoded(mixed)
    assert row["duration_s"] < 3.0
    assert any("which is not filled" in warning for warning in row["warnings"])


def test_another_codec_in_such_a_container_is_named(tmp_path):
    path = tmp_path / "song.mka"
    with av.open(str(path), "w", format="matroska") as made:
        stream = made.add_stream("pcm_s16le", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1600), np.int16), layout="mono")
        frame.sample_rate = 16_000
        made.mux(stream.encode(frame))
    with pytest.raises(FormatError, match="holds pcm_s16le, expected opus"):
        decoded(path)
    assert not (tmp_path / "out.wav").exists()


def test_a_container_that_cannot_be_opened_is_damaged(tmp_path):
    path = tmp_path / "bad.webm"
    path.write_bytes(b"\x1aE\xdf\xa3" + bytes(200))
    with pytest.raises((CorruptError, FormatError), match=r"expected|Fetch"):
        decoded(path)


def test_ogg_without_a_stream_that_begins_is_damaged(opus, tmp_path):
    path = tmp_path / "tail.opus"
    path.write_bytes(b"OggS" + opus.read_bytes()[200:])
    with pytest.raises(CorruptError, match="no stream of Opus begins in it"):
        decoded(path)


def test_limits_of_length_are_kept_and_leave_nothing(opus, tmp_path):
    with pytest.raises(TooLongError, match="Raise --max-duration-s"):
        decoded(opus, max_duration_s=1.0)
    assert not (tmp_path / "out.wav").exists()


def test_a_recording_of_which_resampling_leaves_nothing_is_empty(tmp_path):
    source = tmp_path / "tick.wav"
    soundfile.write(source, np.zeros(2), 96_000)
    task = ProcessTask(str(source), {"audio": tmp_path / "tick.opus"}, "tick.wav", tmp_path)
    with pytest.raises(EmptyError, match=r"tick\.wav: holds no samples at 8000 Hz"):
        encode_file(task, EncodeSettings(resample=8000))
    assert [path.name for path in tmp_path.iterdir()] == ["tick.wav"]


@pytest.mark.parametrize("codec", ["ulaw", "alaw"])
def test_settings_of_opus_are_refused_for_g711(codec):
    with pytest.raises(
        SettingError, match=f"dtx is False, expected nothing with the codec {codec}"
    ):
        EncodeSettings(codec=codec, opus=OpusSettings(dtx=False))


def test_a_cover_and_tags_are_found_again(tmp_path):
    source, target = tmp_path / "tagged.flac", tmp_path / "tagged.opus"
    cover = Cover("image/png", b"\x89PNG\r\n\x1a\n" + bytes(70_000))
    tags = {"title": "Ton", "track": "3"}
    with open_writer(source, FMT, WriteSettings("flac"), tags=tags, cover=cover) as writer:
        writer.write(speechlike(FMT, 0.2))
    encode_file(ProcessTask(str(source), {"audio": target}, "tagged", tmp_path), EncodeSettings())
    with open_audio(target) as reader:
        assert {name: reader.info.tags[name] for name in tags} == tags
        assert reader.cover() == cover
    row = decoded(target)
    assert not row["warnings"]
