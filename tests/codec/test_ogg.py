"""Ogg Opus: exact lengths for us and for others, gaps, damage, chains, and hostile bytes."""

from __future__ import annotations

import io
import itertools
import shutil
import struct
import subprocess
import time

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.codec.ogg_reader import OggGap, OggLink, OggOpusReader, OggPacket
from audiokit.codec.ogg_scan import PageScanner
from audiokit.codec.ogg_writer import OggOpusWriter, OpusHead, opus_tags
from audiokit.codec.opus import OPUS_RATES, OpusEncoder, OpusSettings
from audiokit.codec.opus_stream import OpusStreamDecoder
from audiokit.errors import MalformedPacketError, SettingError
from audiokit.files.ogg_pages import Page, first_page
from audiokit.stage import StreamFormat
from audiokit.testing import speechlike

FMT = StreamFormat(16_000, 1)
VOICE = speechlike(FMT, 3.5)[: 3 * 16_000 + 77]


def packets_of(block, fmt=FMT, wanted=None):
    encoder = OpusEncoder(fmt, wanted or OpusSettings(dtx=False))
    return encoder.push(block) + encoder.flush()


def ogg_of(packets, n_samples, *, fmt=FMT, serial=1, gain_q8=0, end_48k=None):
    head = OpusHead(fmt.channels, 312, fmt.sample_rate, gain_q8)
    writer = OggOpusWriter(head, opus_tags("tests", {"title": "a voice"}), serial=serial)
    pages = [writer.begin(), *map(writer.push, packets)]
    end = 312 + n_samples * 48_000 // fmt.sample_rate if end_48k is None else end_48k
    return b"".join([*pages, writer.finish(end)])


def read(data, fmt=FMT):
    """Return what a file decodes to, its reader and its decoder."""
    reader, decoder = OggOpusReader(), OpusStreamDecoder(fmt)
    blocks = [decoder.push(item) for item in reader.push(data) + reader.flush()]
    return np.concatenate([*blocks, decoder.flush()]), reader, decoder


def pages_of(data):
    """Return the pages as bytes."""
    pages, begin = [], 0
    while (found := first_page(data, begin)) is not None:
        pages.append(data[begin : found[1]])
        begin = found[1]
    return pages


@pytest.fixture(scope="module")
def packets():
    return packets_of(VOICE)


@pytest.fixture(scope="module")
def file(packets):
    return ogg_of(packets, len(VOICE))


@pytest.mark.parametrize("rate", OPUS_RATES)
@pytest.mark.parametrize("n_samples", [1, 159, 4000, 24_001])
def test_as_many_samples_come_out_as_went_in(rate, n_samples):
    fmt = StreamFormat(rate, 2)
    data = ogg_of(packets_of(speechlike(fmt, 4.0)[:n_samples], fmt), n_samples, fmt=fmt)
    block, reader, _ = read(data, fmt)
    assert block.shape == (n_samples, 2)
    assert not reader.warnings
    theirs, their_rate = soundfile.read(io.BytesIO(data))
    assert (len(theirs), their_rate) == (n_samples, rate)


@pytest.mark.parametrize("frame_ms", [2.5, 10.0, 60.0])
def test_libsndfile_hears_the_same_sound_at_the_same_place(frame_ms):
    wanted = OpusSettings(frame_ms=frame_ms, bitrate_bps=48_000, dtx=False)
    data = ogg_of(packets_of(VOICE, wanted=wanted), len(VOICE))
    theirs, _ = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    ours, _, _ = read(data)
    # Two builds of libopus decode speech to within their rounding.
    np.testing.assert_allclose(ours, theirs, atol=2e-3)


def test_ffmpeg_gives_every_sample_once(file, tmp_path):
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    path = tmp_path / "voice.opus"
    path.write_bytes(file)
    command = ["ffmpeg", "-v", "error", "-i", path, "-f", "f32le", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    theirs = np.frombuffer(done.stdout, np.float32)
    ours, _, _ = read(file, StreamFormat(48_000, 1))
    assert len(theirs) == 3 * len(VOICE) == len(ours)
    lags = range(-30, 31)
    likeness = [np.sum(theirs[1000 + lag : 100_000 + lag] * ours[1000:100_000, 0]) for lag in lags]
    # Its own resampler of the speech modes is a sample off libopus' at 48 kHz.
    assert abs(lags[int(np.argmax(likeness))]) <= 1


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("frame_ms", [2.5, 20.0, 60.0])
def test_opusinfo_has_nothing_to_warn_of(tmp_path, channels, frame_ms):
    if shutil.which("opusinfo") is None:
        pytest.skip("opusinfo is not installed (Debian: opus-tools)")
    fmt = StreamFormat(16_000, channels)
    block = np.concatenate([speechlike(fmt, 1.2), fmt.silence(16_000)])
    packets = packets_of(block, fmt, OpusSettings(frame_ms=frame_ms))
    path = tmp_path / "voice.opus"
    path.write_bytes(ogg_of(packets, len(block), fmt=fmt))
    done = subprocess.run(["opusinfo", path], capture_output=True, text=True, check=True)
    said = done.stdout + done.stderr
    assert "WARNING" not in said.upper()
    assert "Pre-skip: 312" in said
    assert "TITLE=a voice" in said


def test_opusdec_gives_every_sample_once(file, tmp_path):
    if shutil.which("opusdec") is None:
        pytest.skip("opusdec is not installed (Debian: opus-tools)")
    (tmp_path / "voice.opus").write_bytes(file)
    command = ["opusdec", "--quiet", "--rate", "16000", "voice.opus", "voice.wav"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert soundfile.info(tmp_path / "voice.wav").frames == len(VOICE)


def test_the_same_packets_give_the_same_bytes(packets, file):
    assert ogg_of(packets, len(VOICE)) == file


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_items_do_not_depend_on_how_the_bytes_are_cut(file, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(file)), max_size=10)))
    reader, whole = OggOpusReader(), OggOpusReader()
    bounds = [0, *cuts, len(file)]
    items = [
        item for begin, end in itertools.pairwise(bounds) for item in reader.push(file[begin:end])
    ]
    assert items + reader.flush() == whole.push(file) + whole.flush()


def test_lost_packets_keep_their_place_and_come_back_from_copies(tmp_path):
    packets = packets_of(VOICE, wanted=OpusSettings(expected_loss_percent=30, dtx=False))
    head = OpusHead(1, 312, 16_000)
    writer = OggOpusWriter(head, opus_tags("tests", {}))
    data = writer.begin()
    for number, packet in enumerate(packets):
        data += writer.lose(960) if number % 5 == 3 else writer.push(packet)
    data += writer.finish(312 + 3 * len(VOICE))
    block, reader, decoder = read(data)
    assert len(block) == len(VOICE)
    assert not reader.warnings
    n_lost = len([number for number in range(len(packets)) if number % 5 == 3])
    assert decoder.n_pause_samples == 320 * n_lost
    assert decoder.n_recovered_samples > 0.5 * 320 * n_lost
    assert len(soundfile.read(io.BytesIO(data))[0]) == len(VOICE)
    if shutil.which("opusinfo") is not None:
        (tmp_path / "lossy.opus").write_bytes(data)
        command = ["opusinfo", tmp_path / "lossy.opus"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "WARNING" not in (done.stdout + done.stderr).upper()


def test_a_missing_page_becomes_a_gap_of_its_length(packets):
    data = ogg_of(packets, len(VOICE))
    pages = pages_of(data)
    assert len(pages) == 6
    block, reader, decoder = read(b"".join(pages[:3] + pages[4:]))
    assert len(block) == len(VOICE)
    assert decoder.n_lost_samples == 16_000
    assert any("missing or damaged" in warning for warning in reader.warnings)


def test_a_damaged_page_becomes_a_gap_of_its_length(file):
    pages = pages_of(file)
    damaged = bytearray(pages[3])
    damaged[100] ^= 1
    block, reader, decoder = read(b"".join([*pages[:3], bytes(damaged), *pages[4:]]))
    assert len(block) == len(VOICE)
    assert decoder.n_lost_samples == 16_000
    assert any("passed over" in warning for warning in reader.warnings)


def test_an_end_far_before_the_last_packet_is_kept_to(packets):
    # Half a second of the last page is not wanted: more than any packet holds.
    n_48k = 960 * len(packets)
    writer = OggOpusWriter(OpusHead(1, 312, 16_000), opus_tags("tests", {}))
    data = writer.begin() + b"".join(map(writer.push, packets[:100]))
    data += writer.finish(960 * 100 - 24_000)
    assert n_48k > 96_000
    block, reader, _ = read(data)
    assert len(block) == (96_000 - 24_000 - 312) // 3
    assert not reader.warnings
    assert len(soundfile.read(io.BytesIO(data))[0]) == len(block)


def test_an_end_outside_the_last_page_is_refused_by_the_writer(packets):
    writer = OggOpusWriter(OpusHead(1, 312), opus_tags("tests", {}))
    for packet in packets[:60]:
        writer.push(packet)
    with pytest.raises(SettingError, match="end_48k is 100, expected 48000 to 57600"):
        writer.finish(100)


def repositioned(page, granule):
    """Return a page with another position and the checksum that fits it."""
    found, _ = first_page(page)
    (serial,) = struct.unpack_from("<I", page, 14)
    moved = Page(found.flags, struct.pack("<q", granule), found.number, found.lacing, found.body)
    return moved.to_bytes(serial, found.number)


def test_a_position_years_ahead_is_told_and_not_filled(file):
    pages = pages_of(file)
    pages[-1] = repositioned(pages[-1], 48_000 * 3600 * 24 * 365)
    block, reader, _ = read(b"".join(pages))
    assert len(block) < len(VOICE) + 320
    assert any("which is not filled" in warning for warning in reader.warnings)


def test_positions_that_go_back_are_told(file):
    pages = pages_of(file)
    pages[4] = repositioned(pages[4], 480)
    block, reader, _ = read(b"".join(pages))
    assert any("go back" in warning for warning in reader.warnings)
    assert len(block) >= 16_000


def test_a_last_page_that_ends_before_the_one_before_is_told(file):
    pages = pages_of(file)
    pages[-1] = repositioned(pages[-1], 960)
    block, reader, _ = read(b"".join(pages))
    assert any("last position lies before" in warning for warning in reader.warnings)
    assert len(block) == 3 * 16_000 - 104


def test_a_cut_file_gives_what_there_is_and_says_so(file):
    block, reader, _ = read(file[: len(file) // 2])
    assert 0 < len(block) < len(VOICE)
    assert any("without its last page" in warning for warning in reader.warnings)


def test_streams_one_after_the_other_are_all_read(packets):
    second = ogg_of(packets[:40], 4000, serial=9)
    block, reader, _ = read(ogg_of(packets, len(VOICE)) + second)
    assert reader.n_streams == 2
    assert len(block) == len(VOICE) + 4000


def test_the_second_of_two_interleaved_streams_is_named(packets):
    one, two = (
        pages_of(ogg_of(packets, len(VOICE))),
        pages_of(ogg_of(packets, 4000, serial=2, end_48k=960 * len(packets))),
    )
    mixed = [page for pair in zip(one, two, strict=True) for page in pair]
    block, reader, _ = read(b"".join(mixed))
    assert len(block) == len(VOICE)
    assert reader.warnings == ["it also holds more Opus, which is left out"]


def test_other_streams_are_named():
    stereo = np.zeros((4000, 2))
    vorbis = io.BytesIO()
    soundfile.write(vorbis, stereo, 16_000, format="OGG", subtype="VORBIS")
    block, reader, _ = read(vorbis.getvalue())
    assert not len(block)
    assert reader.others == ["Vorbis"]


def test_a_stream_that_was_recorded_from_its_middle_begins_at_once(packets):
    pages = pages_of(ogg_of(packets, len(VOICE)))
    later = [repositioned(page, 48_000 * 900 + 48_000 * n) for n, page in enumerate(pages[2:-1])]
    block, reader, decoder = read(b"".join([*pages[:2], *later]))
    assert len(block) == 16_000 * len(later) - 104
    assert decoder.n_lost_samples == 0
    assert reader.n_streams == 1


@pytest.mark.parametrize(
    "header",
    [
        b"OpusHead",
        b"OpusTags" + bytes(11),
        OpusHead(1, 312).to_bytes()[:18],
        b"OpusHead\x10" + OpusHead(1, 312).to_bytes()[9:],
        OpusHead(3, 312).to_bytes(),
        OpusHead(0, 312).to_bytes(),
    ],
)
def test_a_header_that_cannot_be_is_refused(header):
    with pytest.raises(MalformedPacketError, match="expected"):
        OpusHead.from_bytes(header)


def test_a_header_says_what_was_written():
    head = OpusHead(2, 3840, 44_100, -512)
    assert OpusHead.from_bytes(head.to_bytes()) == head
    assert head.gain_db == pytest.approx(-2.0)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_flipped_bits_anywhere_never_crash_and_never_make_it_longer(file, data):
    damaged = bytearray(file)
    for _ in range(data.draw(st.integers(1, 12))):
        bit = data.draw(st.integers(0, 8 * len(file) - 1))
        damaged[bit // 8] ^= 1 << bit % 8
    cut = data.draw(st.integers(0, len(file)))
    block, _, _ = read(bytes(damaged[:cut]))
    assert len(block) <= len(VOICE)
    assert np.abs(block).max(initial=0.0) <= 1.0


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_pages_with_right_checksums_and_wrong_contents_never_crash(file, data):
    pages = pages_of(file)
    made = []
    for _ in range(data.draw(st.integers(1, 10))):
        page = data.draw(st.sampled_from(pages))
        found, _ = first_page(page)
        body = bytearray(found.body)
        for _ in range(data.draw(st.integers(0, 5))):
            body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
        granule = data.draw(st.one_of(st.just(found.granule), st.binary(min_size=8, max_size=8)))
        flags = data.draw(st.integers(0, 7))
        number = data.draw(st.integers(0, 20))
        made.append(Page(flags, granule, number, found.lacing, bytes(body)).to_bytes(1, number))
    reader, decoder = OggOpusReader(), OpusStreamDecoder(FMT)
    for item in reader.push(b"".join([*pages[:2], *made])) + reader.flush():
        if isinstance(item, OggPacket | OggLink) or item.n_48k < 480_000:
            assert np.abs(decoder.push(item)).max(initial=0.0) <= 1.0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=60), st.just(b"OggS"), st.just(b"OggS\0\2"))))
def test_random_bytes_hold_no_pages(pieces):
    reader = OggOpusReader()
    assert reader.push(b"".join(pieces)) + reader.flush() == []


def test_junk_before_and_between_pages_is_passed_over(file):
    junk = b"OggSsomething elseOggS\0" + bytes(500)
    pages = pages_of(file)
    scanner = PageScanner()
    found = scanner.push(junk + junk.join(pages)) + scanner.flush()
    assert len(found) == len(pages)
    assert scanner.n_skipped_bytes == len(junk) * len(pages)


def test_time_is_linear_in_pages_that_are_none():
    # Each beginning claims some 20 kB, within which lie hundreds of others.
    fake = b"OggS\0" + bytes(21) + b"\xff" + b"P" * 5
    hostile = fake * 60_000
    begin_s = time.process_time()
    scanner = PageScanner()
    assert scanner.push(hostile) + scanner.flush() == []
    taken_s = time.process_time() - begin_s
    # 1.9 MB; checking every claim would take some 10 s and more.
    assert taken_s < 3.0


def test_a_gap_is_bounded(file):
    reader = OggOpusReader()
    pages = pages_of(file)
    jumps = [repositioned(page, 2_000_000 * 3**number) for number, page in enumerate(pages[2:])]
    data = b"".join([*pages[:2], *jumps])
    items = reader.push(data) + reader.flush()
    assert sum(item.n_48k for item in items if isinstance(item, OggGap)) <= 60 * 48_000 * 4
