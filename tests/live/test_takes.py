"""Recordings on disk: whole at any moment, and the samples that were heard."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import wave
from array import array
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.errors import DiskFullError, ItemError, SettingError
from audiokit.live.flac import FlacStream
from audiokit.live.pcm import PcmFormat
from audiokit.live.takes import FileTake, StreamTake

# A tone with a step: predictable here, full scale there.
PCM = array(
    "h", [round(9000 * ((n % 91) / 45 - 1)) if n < 30000 else (n * 7919) % 65536 - 32768
          for n in range(40000)]
).tobytes()  # fmt: skip


def read(path):
    soundfile = pytest.importorskip("soundfile")
    data, rate = soundfile.read(path, dtype="int16", always_2d=True)
    return data.tobytes(), rate, data.shape[1]


@pytest.mark.parametrize("name", ["take.wav", "take.flac"])
@pytest.mark.parametrize("channels", [1, 2, 4])
def test_what_is_recorded_reads_back_to_the_bit(name, channels, tmp_path):
    fmt = PcmFormat(16000, channels)
    take = FileTake(tmp_path / name, fmt)
    for start in range(0, len(PCM), 808):
        assert take.push(PCM[start : start + 808]) == []
    take.finish()
    assert read(tmp_path / name) == (PCM, 16000, channels)


@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=9000), st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_flac_gives_back_any_samples(values, channels):
    values = values[: len(values) - len(values) % channels] or [5] * channels
    stream = FlacStream(PcmFormat(44100, channels))
    pcm = array("h", values).tobytes()
    body = stream.encode(pcm) + stream.finish()
    assert read(io.BytesIO(stream.head(0) + body)) == (pcm, 44100, channels)


def test_flac_is_smaller_than_wav_for_what_can_be_foreseen(samples, tmp_path):
    with wave.open(str(samples / "clean_en.wav"), "rb") as file:
        pcm = file.readframes(file.getnframes())
    take = FileTake(tmp_path / "take.flac", PcmFormat())
    take.push(pcm)
    take.finish()
    assert (tmp_path / "take.flac").stat().st_size < 0.75 * len(pcm)
    assert read(tmp_path / "take.flac")[0] == pcm


@pytest.mark.parametrize("name", ["take.wav", "take.flac"])
def test_a_recorder_that_is_killed_leaves_all_but_the_last_second(name, tmp_path):
    script = (
        "import os, sys; from pathlib import Path\n"
        "from audiokit.live.pcm import PcmFormat; from audiokit.live.takes import FileTake\n"
        "take = FileTake(Path(sys.argv[1]), PcmFormat()); data = sys.stdin.buffer.read()\n"
        "for start in range(0, len(data), 640): take.push(data[start:start + 640])\n"
        "os._exit(9)\n"
    )
    path = tmp_path / name
    command = [sys.executable, "-c", script, path]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, input=PCM, check=False, timeout=30, cwd=root)
    assert done.returncode == 9
    heard = read(path)[0]
    assert PCM.startswith(heard)
    assert len(heard) >= len(PCM) - 32_000


def test_bare_samples_are_just_the_samples(tmp_path):
    take = FileTake(tmp_path / "take.raw", PcmFormat())
    take.push(PCM)
    take.finish()
    assert (tmp_path / "take.raw").read_bytes() == PCM


@pytest.mark.parametrize("size", [2, 640, 100_000])
def test_a_take_ends_at_its_last_sample_whatever_the_pieces(size, tmp_path):
    take = FileTake(tmp_path / "take.raw", PcmFormat(), max_samples=1000)
    stream = io.BytesIO()
    pipe = StreamTake(stream, PcmFormat(), max_samples=1000)
    said = [take.push(PCM[start : start + size]) for start in range(0, 4000, size)]
    for start in range(0, 4000, size):
        pipe.push(PCM[start : start + size])
    take.finish()
    assert [b""] in said
    assert (tmp_path / "take.raw").read_bytes() == stream.getvalue() == PCM[:2000]


def test_a_file_that_is_there_is_not_lost_by_a_slip(tmp_path):
    path = tmp_path / "take.wav"
    path.write_bytes(b"precious")
    with pytest.raises(SettingError, match="--overwrite"):
        FileTake(path, PcmFormat())
    assert path.read_bytes() == b"precious"
    FileTake(path, PcmFormat(), replaces=True).finish()
    assert read(path)[0] == b""


def test_a_name_that_says_no_form_is_refused_before_anything_is_made(tmp_path):
    with pytest.raises(SettingError, match=r"\.wav, \.flac"):
        FileTake(tmp_path / "take.mp3", PcmFormat())
    assert list(tmp_path.iterdir()) == []


def test_flac_takes_no_more_channels_than_it_has():
    with pytest.raises(SettingError, match="1 to 8"):
        FlacStream(PcmFormat(16000, 9))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_told_and_not_waited_for(tmp_path):
    path = tmp_path / "take.raw"
    take = FileTake(path, PcmFormat())
    full = os.open("/dev/full", os.O_WRONLY)
    # The file of the take becomes one on a disk that is full.
    os.dup2(full, take.fileno())
    os.close(full)
    with pytest.raises(DiskFullError, match=r"take\.raw.*no space"):
        take.push(PCM)
    with pytest.raises(OSError, match=r"Invalid argument|No space"):
        take.finish()


def test_a_place_that_cannot_be_written_is_an_error_of_that_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ItemError, match=r"take\.wav"):
        FileTake(tmp_path / "file" / "take.wav", PcmFormat())
