"""One file or pipe to one file or pipe: what gets in the way, and who is heard first."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import soundfile

from audiokit.files.write import WriteSettings, open_writer
from audiokit.stage import StreamFormat
from audiokit.testing import speechlike

FMT = StreamFormat(16000, 1)


@pytest.fixture
def take(tmp_path):
    path = tmp_path / "take.wav"
    soundfile.write(path, speechlike(FMT, 1.0) * 0.1, 16000)
    return path


@pytest.mark.parametrize("container", ["m4a", "mp3", "ogg", "opus", "flac"])
def test_a_pipe_is_decoded_as_the_file_would_be(tmp_path, audiokit, container):
    source = tmp_path / f"take.{container}"
    with open_writer(source, FMT, WriteSettings(container=container)) as writer:
        writer.write(speechlike(FMT, 1.0))
    piped = audiokit("convert", "-", "-o", "-", "--container", "wav", stdin=source.read_bytes())
    assert piped.returncode == 0, piped.stderr
    audiokit("convert", source, "-o", tmp_path / "file.wav", "--bit-depth", "16")
    (tmp_path / "piped.wav").write_bytes(piped.stdout)
    from_pipe, rate = soundfile.read(tmp_path / "piped.wav")
    from_file, _ = soundfile.read(tmp_path / "file.wav")
    np.testing.assert_array_equal(from_pipe, from_file)
    assert rate in (16000, 48000)


# A Ctrl-C while libsndfile has called Python back, where an exception goes no further.
LOST = """
import io, signal, sys
import numpy, soundfile, typer
from audiokit.cli.options import OutputOptions, command
from audiokit.errors import ItemError

class Trap(io.BytesIO):
    is_set = True
    def write(self, data):
        if self.is_set:
            self.is_set = False
            signal.raise_signal(signal.SIGINT)
        return super().write(data)

@command
def job(*, output: OutputOptions) -> None:
    with soundfile.SoundFile(Trap(), "w", 16000, 1, format="WAV") as file:
        while True:
            try:
                file.write(numpy.zeros(16000))
            except AssertionError as error:
                # As every encoder of ours tells that libsndfile wrote less than it should.
                raise ItemError("x.wav", "could not be encoded", "Run again") from error

typer.run(job)
"""


def test_a_ctrl_c_that_falls_into_a_callback_is_not_lost():
    done = subprocess.run(
        [sys.executable, "-c", LOST], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (130, "audiokit: interrupted.\n")


def test_a_flag_beats_another_target_in_the_file(take, tmp_path, audiokit):
    (tmp_path / "audiokit.toml").write_text("[normalize]\ntarget_lufs = -30\n")
    done = audiokit("normalize", take, "-o", tmp_path / "a.wav", "--peak-dbfs", "-6")
    assert done.returncode == 0, done.stderr
    peak = np.abs(soundfile.read(tmp_path / "a.wav")[0]).max()
    assert 20 * np.log10(peak) == pytest.approx(-6, abs=0.01)


def test_a_source_that_is_not_there_is_what_is_told(tmp_path, audiokit):
    done = audiokit("normalize", tmp_path / "nope.wav", "-o", tmp_path / "x.wav")
    assert done.returncode == 3
    assert "nope.wav: there is no such file" in done.stderr


def test_a_wav_that_was_cut_short_says_so(take, tmp_path, audiokit):
    cut = tmp_path / "cut.wav"
    cut.write_bytes(take.read_bytes()[:10_001])
    done = audiokit("normalize", cut, "-o", tmp_path / "out.wav")
    assert done.returncode == 0
    assert "header claims 16000 samples" in done.stderr


def test_a_list_may_end_its_paths_with_nul(take, audiokit):
    names = f"{take}\0{take.parent}/gone.wav\0"
    done = audiokit("info", "@-", "--json", stdin=names)
    assert (done.returncode, done.stdout.count('"source"')) == (1, 2)
    assert "fault of audiokit" not in done.stderr


def test_what_a_killed_run_began_is_removed_by_the_next(take, tmp_path, audiokit):
    begun = tmp_path / ".a.wav.0123abcd.89ab4567.part"
    begun.write_bytes(b"half")
    assert audiokit("normalize", take, "-o", tmp_path / "a.wav").returncode == 0
    assert not begun.exists()


def test_a_recipe_that_writes_nothing_is_refused_beside_a_folder(take, tmp_path, audiokit):
    (tmp_path / "mine.toml").write_text('[[stage]]\nuse = "gain"\n')
    done = audiokit("process", take, "-o", tmp_path / "out", "-r", tmp_path / "mine.toml")
    assert done.returncode == 2
    assert "[write.audio]" in done.stderr


def test_an_album_does_not_hear_its_own_results(take, tmp_path, audiokit):
    folder = tmp_path / "album"
    folder.mkdir()
    take.rename(folder / "take.wav")
    command = ("normalize", folder, "-o", folder / "level", "--together")
    assert audiokit(*command).returncode == 0
    once = (folder / "level" / "take.wav").read_bytes()
    assert audiokit(*command, "--overwrite").returncode == 0
    assert (folder / "level" / "take.wav").read_bytes() == once
