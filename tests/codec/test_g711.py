"""G.711 against the ITU's algorithm, written out sample by sample, and against audioop."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiokit.codec.g711 import compress, decode_g711, encode_g711, expand

EVERY_SAMPLE = np.arange(-32768, 32768).astype(np.int16)
EVERY_CODE = np.arange(256).astype(np.uint8)
both_laws = pytest.mark.parametrize("law", ["ulaw", "alaw"])


def alaw_code_by_g191(sample):
    """ITU-T G.191, g711.c, alaw_compress: on 12 bits, with the sign's complement."""
    magnitude = (~sample if sample < 0 else sample) >> 4
    if magnitude > 15:
        exponent = 1
        while magnitude > 31:
            magnitude >>= 1
            exponent += 1
        magnitude = (magnitude - 16) + (exponent << 4)
    if sample >= 0:
        magnitude |= 0x80
    return magnitude ^ 0x55


def ulaw_code_by_g191(sample):
    """ITU-T G.191, g711.c, ulaw_compress: on 14 bits, biased by 33."""
    biased = min(((~sample if sample < 0 else sample) >> 2) + 33, 0x1FFF)
    segment, rest = 1, biased >> 6
    while rest:
        segment += 1
        rest >>= 1
    code = (8 - segment) << 4 | (15 - ((biased >> segment) & 15))
    return code | 0x80 if sample >= 0 else code


def alaw_sample_by_g191(code):
    """ITU-T G.191, g711.c, alaw_expand."""
    plain = (code ^ 0x55) & 0x7F
    exponent, mantissa = plain >> 4, plain & 15
    if exponent > 0:
        mantissa += 16
    mantissa = (mantissa << 4) + 8
    if exponent > 1:
        mantissa <<= exponent - 1
    return mantissa if code > 127 else -mantissa


def ulaw_sample_by_g191(code):
    """ITU-T G.191, g711.c, ulaw_expand."""
    inverted = ~code
    exponent, mantissa = (inverted >> 4) & 7, inverted & 15
    step = 4 << (exponent + 1)
    value = (0x80 << exponent) + step * mantissa + step // 2 - 4 * 33
    return value if code >= 128 else -value


CODES = {"ulaw": ulaw_code_by_g191, "alaw": alaw_code_by_g191}
SAMPLES = {"ulaw": ulaw_sample_by_g191, "alaw": alaw_sample_by_g191}


@both_laws
def test_all_65536_samples_get_the_code_of_g191(law):
    expected = [CODES[law](int(sample)) for sample in EVERY_SAMPLE]
    assert np.count_nonzero(compress(EVERY_SAMPLE, law) != expected) == 0


@both_laws
def test_all_256_codes_get_the_sample_of_g191(law):
    expected = [SAMPLES[law](int(code)) for code in EVERY_CODE]
    np.testing.assert_array_equal(expand(EVERY_CODE, law), expected)


@both_laws
def test_expansion_is_that_of_audioop(law):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        audioop = pytest.importorskip("audioop")
    theirs = getattr(audioop, f"{law}2lin")(EVERY_CODE.tobytes(), 2)
    np.testing.assert_array_equal(expand(EVERY_CODE, law), np.frombuffer(theirs, np.int16))


@both_laws
def test_a_code_survives_expansion_and_compression(law):
    kept = compress(expand(EVERY_CODE, law), law)
    # Of the two zeros of the μ-law, G.191 gives the positive one.
    expected = np.where(expand(EVERY_CODE, law) == 0, 0xFF, EVERY_CODE)
    np.testing.assert_array_equal(kept, expected)


@both_laws
def test_blocks_become_the_codes_of_their_16_bit_samples(law):
    block = (EVERY_SAMPLE / 32768).astype(np.float32).reshape(-1, 2)
    assert encode_g711(block, law) == compress(EVERY_SAMPLE, law).tobytes()


@both_laws
def test_what_is_beyond_full_scale_is_clipped(law):
    block = np.float32([[5.0], [-5.0], [1.0], [-1.0]])
    expected = compress(np.int16([32767, -32768, 32767, -32768]), law).tobytes()
    assert encode_g711(block, law) == expected


@both_laws
@given(payload=st.binary(max_size=64), channels=st.integers(1, 3))
def test_any_payload_decodes_to_whole_samples_within_full_scale(law, payload, channels):
    block = decode_g711(payload, law, channels=channels)
    assert block.shape == (len(payload) // channels, channels)
    assert block.dtype == np.float32
    assert block.flags.c_contiguous
    assert np.abs(block).max(initial=0.0) < 1.0


@both_laws
@given(st.lists(st.floats(-1.5, 1.5, width=32), max_size=40))
def test_the_error_is_within_half_a_step(law, values):
    block = np.float32(values).reshape(-1, 1)
    error = np.abs(decode_g711(encode_g711(block, law), law) - np.clip(block, -1, 1))
    # Steps grow to 1/32 of full scale in the highest segment; clipping adds as much.
    assert np.all(error <= np.maximum(np.abs(block) / 32, 16 / 32768) + 1 / 32)
