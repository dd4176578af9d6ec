"""Loss patterns as text and G.192."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiokit.errors import AudiokitError, CorruptError, EmptyError, FormatError
from audiokit.transit.patterns import pattern_g192, pattern_text, read_pattern

LOSSES = st.lists(st.booleans(), min_size=1, max_size=300)


@given(losses=LOSSES)
def test_a_pattern_comes_back_from_text_and_from_g192(losses):
    assert read_pattern(pattern_text(losses).encode()) == tuple(losses)
    assert read_pattern(pattern_g192(losses)) == tuple(losses)


def test_g192_is_little_endian_words():
    # G.192, annex B: 0x6B21 announces a good frame, 0x6B20 an erased one.
    assert pattern_g192([False, True]) == b"\x21\x6b\x20\x6b"


def test_soft_bits_between_frames_are_skipped():
    bits = b"\x02\x00" + b"\x7f\x00\x81\x00"
    assert read_pattern(b"\x21\x6b" + bits + b"\x20\x6b" + bits) == (False, True)


def test_comments_and_white_space_do_not_matter():
    assert read_pattern(b"# 1 = lost\n0 1,1\r\n\n0 # 11\n") == (False, True, True, False)


@pytest.mark.parametrize(
    ("data", "kind", "problem"),
    [
        (b"", EmptyError, "no packet"),
        (b"# 01\n", EmptyError, "no packet"),
        (b"01\n0x1\n", FormatError, "line 2 holds 'x'"),
        (b"\x21\x6b\x20", CorruptError, "3 bytes"),
        (b"\x21\x6b\x09\x00\x7f\x00", CorruptError, "frame 1"),
        (b"\x21\x6b\x01\x00\x7f\x00\x7f\x00", CorruptError, "word 3 is 0x007F"),
    ],
)
def test_what_is_no_pattern_is_refused_with_the_place(data, kind, problem):
    with pytest.raises(kind, match=problem):
        read_pattern(data, name="losses.txt")


@given(data=st.binary(max_size=60))
def test_any_bytes_are_a_pattern_or_an_error(data):
    with contextlib.suppress(AudiokitError):
        assert read_pattern(data)


def test_the_shared_lists_have_the_losses_that_their_manifest_says(recordings):
    losses = read_pattern((recordings / "trace" / "plc_ms2307.loss.txt").read_bytes())
    assert len(losses) == 468
    assert 100.0 * sum(losses) / len(losses) == pytest.approx(6.6, abs=0.05)
