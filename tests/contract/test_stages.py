"""Every stage, analyzer and meter joins the contract here by one line."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.stage import Chain, StreamFormat
from audiokit.testing import (
    ANALYZER_CHECKS,
    METER_CHECKS,
    PROCESSOR_CHECKS,
    contract_params,
    render,
    speechlike,
    split_at,
)

PROCESSORS = {
    "empty chain": lambda fmt: Chain(fmt, []),
}
ANALYZERS = {}
METERS = {}


@pytest.mark.parametrize(("check", "build"), contract_params(PROCESSOR_CHECKS, PROCESSORS))
def test_processor(check, build):
    check(build)


@pytest.mark.parametrize(("check", "build"), contract_params(ANALYZER_CHECKS, ANALYZERS))
def test_analyzer(check, build):
    check(build)


@pytest.mark.parametrize(("check", "build"), contract_params(METER_CHECKS, METERS))
def test_meter(check, build):
    check(build)


FMT = StreamFormat(16000, 1)
SPEECH = speechlike(FMT, 0.6)


@pytest.mark.parametrize("name", PROCESSORS)
@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, len(SPEECH)), max_size=12))
def test_result_does_not_depend_on_how_the_stream_is_cut(name, cuts):
    whole = render(PROCESSORS[name](FMT), [SPEECH])
    pieces = render(PROCESSORS[name](FMT), split_at(SPEECH, cuts))
    np.testing.assert_allclose(pieces, whole, rtol=0, atol=PROCESSORS[name](FMT).tolerance)
