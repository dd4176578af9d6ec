"""The contract as a test: what every stage, ours or yours, must do.

A stage joins by one line in a list of builders::

    PROCESSORS = {"gain": lambda fmt: Gain(fmt, GainSettings(6.0))}

    @pytest.mark.parametrize(("check", "build"), contract_params(PROCESSOR_CHECKS, PROCESSORS))
    def test_processor(check, build):
        check(build)

Each check takes a builder, ``StreamFormat -> stage``, and raises AssertionError. They
run on mono and stereo, at 8, 16 and 44.1 kHz.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pytest

from audiokit.errors import BlockError
from audiokit.stage import Analyzer, Block, Chain, Meter, Processor, StreamFormat

__all__ = [
    "ANALYZER_CHECKS",
    "FORMATS",
    "METER_CHECKS",
    "PROCESSOR_CHECKS",
    "analyze",
    "contract_params",
    "measure",
    "render",
    "speechlike",
    "split_at",
]

Check: TypeAlias = Callable[[Callable[[StreamFormat], Any]], None]

FORMATS = (StreamFormat(16000, 1), StreamFormat(44100, 2), StreamFormat(8000, 1))
_SEED = 20260
_CUTS_PER_FORMAT = 4


def speechlike(fmt: StreamFormat, seconds: float = 1.2, seed: int = _SEED) -> Block:
    """Return noise under a syllable-like envelope with pauses, within ±0.5."""
    n_samples = round(seconds * fmt.sample_rate)
    rng = np.random.default_rng(seed)
    time_s = np.arange(n_samples) / fmt.sample_rate
    syllables = np.clip(np.sin(2 * np.pi * 3.1 * time_s), 0.0, None)
    voice = np.sin(2 * np.pi * 140 * time_s) + 0.4 * np.sin(2 * np.pi * 1120 * time_s)
    channels = rng.standard_normal((n_samples, fmt.channels)) * 0.05
    mixed = syllables[:, None] * (0.25 * voice[:, None] + channels) + 0.002 * channels
    return np.ascontiguousarray(mixed, dtype=np.float32)


def split_at(block: Block, cuts: Iterable[int]) -> list[Block]:
    """Cut a block at the given samples; equal cuts make empty blocks."""
    return [np.ascontiguousarray(piece) for piece in np.split(block, sorted(cuts))]


def render(processor: Processor, blocks: Iterable[Block]) -> Block:
    """Return the whole output of a processor for a stream."""
    pieces = [processor.process(block) for block in blocks]
    return np.concatenate([*pieces, processor.flush()])


def analyze(analyzer: Analyzer[Any], blocks: Iterable[Block]) -> Any:
    """Return all rows of an analyzer for a stream: one list, or one array."""
    pieces = [analyzer.process(block) for block in blocks]
    pieces.append(analyzer.flush())
    if isinstance(pieces[-1], np.ndarray):
        return np.concatenate(pieces)
    return [row for piece in pieces for row in piece]


def measure(meter: Meter[Any], blocks: Iterable[Block]) -> Any:
    """Return the report of a meter on a stream."""
    for block in blocks:
        meter.update(block)
    return meter.result()


def contract_params(
    checks: Sequence[Check], builders: Mapping[str, Callable[[StreamFormat], Any]]
) -> list[Any]:
    """Return every pair of check and builder, named, for `pytest.mark.parametrize`."""
    return [
        pytest.param(check, build, id=f"{name}-{check.__name__.removeprefix('check_')}")
        for name, build in builders.items()
        for check in checks
    ]


def _random_cuts(rng: np.random.Generator, length: int) -> list[int]:
    cuts = rng.integers(0, length + 1, size=int(rng.integers(1, 12)))
    # An empty block, a lone sample and a live-sized block are always among them.
    return sorted([*cuts.tolist(), int(cuts[0]), min(length, int(cuts[0]) + 1), length // 7])


def _cuttings(block: Block) -> list[list[Block]]:
    rng = np.random.default_rng(_SEED)
    cuttings = [split_at(block, _random_cuts(rng, len(block))) for _ in range(_CUTS_PER_FORMAT)]
    cuttings.append(split_at(block, range(0, len(block), 320)))
    return cuttings


def _extremes(fmt: StreamFormat) -> dict[str, Block]:
    n_samples = fmt.sample_rate // 4
    square = np.where(np.arange(n_samples) // 40 % 2 == 0, 1.0, -1.0)
    return {
        "nothing": fmt.silence(0),
        "one sample": fmt.silence(1) + np.float32(0.5),
        "silence": fmt.silence(n_samples),
        "DC": fmt.silence(n_samples) + np.float32(0.7),
        "full scale": np.repeat(square[:, None], fmt.channels, axis=1).astype(np.float32),
    }


def check_any_cutting_gives_the_same_output(build: Callable[[StreamFormat], Processor]) -> None:
    """However the stream is cut, the output is the same."""
    for fmt in FORMATS:
        block = speechlike(fmt)
        stage = build(fmt)
        whole = render(stage, [block])
        for pieces in _cuttings(block):
            cut = render(build(fmt), pieces)
            if stage.tolerance == 0.0:
                np.testing.assert_array_equal(cut, whole, err_msg=str(fmt))
            else:
                np.testing.assert_allclose(cut, whole, rtol=0, atol=stage.tolerance)


def check_length_and_type_are_kept(build: Callable[[StreamFormat], Processor]) -> None:
    """As many samples come out as went in, in proportion to the rates."""
    for fmt in FORMATS:
        for name, block in {"speech": speechlike(fmt, 0.5), **_extremes(fmt)}.items():
            stage = build(fmt)
            out = render(stage, [block])
            ratio = stage.out_fmt.sample_rate / fmt.sample_rate
            assert abs(len(out) - len(block) * ratio) < 1, f"{name}: {len(block)} -> {len(out)}"
            assert out.dtype == np.float32, name
            assert out.shape[1] == stage.out_fmt.channels, name
            assert out.flags.c_contiguous, name


def check_extremes_stay_finite(build: Callable[[StreamFormat], Processor]) -> None:
    """Silence, DC, full scale, one sample and nothing at all give finite output."""
    for fmt in FORMATS:
        for name, block in _extremes(fmt).items():
            out = render(build(fmt), [block])
            assert np.isfinite(out).all(), name
            if name == "silence":
                assert not out.any(), "silence must stay silent"


def check_a_chain_refuses_nan(build: Callable[[StreamFormat], Processor]) -> None:
    """NaN, infinity and wrong shapes stop at the door."""
    for fmt in FORMATS:
        for bad in (np.nan, np.inf, -np.inf, 1e30):
            block = speechlike(fmt, 0.1)
            block[7, -1] = bad
            with pytest.raises(BlockError, match="at sample 7"):
                Chain(fmt, [build(fmt)]).process(block)


def check_reset_forgets_everything(build: Callable[[StreamFormat], Processor]) -> None:
    """After `reset` a stage answers as if newly built."""
    for fmt in FORMATS:
        block = speechlike(fmt, 0.4)
        stage = build(fmt)
        stage.process(speechlike(fmt, 0.31, seed=7) * 3)
        stage.reset()
        np.testing.assert_array_equal(render(stage, [block]), render(build(fmt), [block]))


def check_a_pickled_stage_goes_on(build: Callable[[StreamFormat], Processor]) -> None:
    """A stage that is pickled in mid-stream goes on where it was."""
    for fmt in FORMATS:
        block = speechlike(fmt, 0.5)
        first, second = split_at(block, [len(block) // 3])
        stage = build(fmt)
        head = stage.process(first)
        twin = pickle.loads(pickle.dumps(stage))  # noqa: S301  our own bytes
        rest = render(stage, [second])
        np.testing.assert_array_equal(render(twin, [second]), rest)
        assert len(head) + len(rest) > 0


def check_latency_is_never_exceeded(build: Callable[[StreamFormat], Processor]) -> None:
    """No more than `latency_samples` are ever held back."""
    for fmt in FORMATS:
        block = speechlike(fmt, 0.6)
        stage = build(fmt)
        ratio = fmt.sample_rate / stage.out_fmt.sample_rate
        n_in = n_out = 0
        for piece in _cuttings(block)[0]:
            n_in += len(piece)
            n_out += len(stage.process(piece))
            held = n_in - n_out * ratio
            assert held <= stage.latency_samples + ratio, f"{held} samples held at {fmt}"
            assert held > -max(1.0, ratio), "more samples came out than went in"


def check_output_is_aligned_in_time(build: Callable[[StreamFormat], Processor]) -> None:
    """What was said at a time is heard at that time."""
    for fmt in FORMATS:
        stage = build(fmt)
        block = speechlike(fmt)
        out = render(stage, [block])
        step = 1.0 / fmt.sample_rate
        times_out = np.arange(len(out)) / stage.out_fmt.sample_rate
        resampled = np.interp(np.arange(len(block)) * step, times_out, out.mean(axis=1))
        if not resampled.any():
            continue
        n_fft = 1 << (2 * len(block) - 1).bit_length()
        spectrum = np.fft.rfft(block.mean(axis=1), n_fft).conj() * np.fft.rfft(resampled, n_fft)
        lag = int(np.argmax(np.fft.irfft(spectrum, n_fft)))
        lag -= n_fft if lag > n_fft // 2 else 0
        assert abs(lag) * step <= 0.002, f"output is {lag * step * 1000:.2f} ms late at {fmt}"


def check_rows_do_not_depend_on_cutting(build: Callable[[StreamFormat], Analyzer[Any]]) -> None:
    """However the stream is cut, the rows are the same."""
    for fmt in FORMATS:
        block = speechlike(fmt, 2.5)
        whole = analyze(build(fmt), [block])
        for pieces in _cuttings(block):
            _assert_same_rows(analyze(build(fmt), pieces), whole)


def check_analyzer_meets_extremes(build: Callable[[StreamFormat], Analyzer[Any]]) -> None:
    """Silence, DC, full scale, one sample and nothing give rows without NaN."""
    for fmt in FORMATS:
        for name, block in _extremes(fmt).items():
            rows = analyze(build(fmt), [block])
            if isinstance(rows, np.ndarray):
                assert np.isfinite(rows).all(), name


def check_analyzer_resets_and_pickles(build: Callable[[StreamFormat], Analyzer[Any]]) -> None:
    """`reset` makes an analyzer new; pickling in mid-stream loses nothing."""
    for fmt in FORMATS:
        block = speechlike(fmt, 1.0)
        analyzer = build(fmt)
        analyzer.process(speechlike(fmt, 0.3, seed=3))
        analyzer.reset()
        first, second = split_at(block, [len(block) // 3])
        head = analyzer.process(first)
        twin = pickle.loads(pickle.dumps(analyzer))  # noqa: S301  our own bytes
        rest = analyze(analyzer, [second])
        _assert_same_rows(analyze(twin, [second]), rest)
        fresh = build(fmt)
        _assert_same_rows(fresh.process(first), head)
        _assert_same_rows(analyze(fresh, [second]), rest)


def check_report_does_not_depend_on_cutting(build: Callable[[StreamFormat], Meter[Any]]) -> None:
    """However the stream is cut, the report is the same."""
    for fmt in FORMATS:
        block = speechlike(fmt, 2.5)
        whole = measure(build(fmt), [block])
        for pieces in _cuttings(block):
            assert measure(build(fmt), pieces) == whole


def check_meter_meets_extremes(build: Callable[[StreamFormat], Meter[Any]]) -> None:
    """Silence, DC, full scale, one sample and nothing give a report."""
    for fmt in FORMATS:
        for block in _extremes(fmt).values():
            measure(build(fmt), [block])


def check_meter_resets_and_pickles(build: Callable[[StreamFormat], Meter[Any]]) -> None:
    """`reset` makes a meter new; asking and pickling in mid-stream change nothing."""
    for fmt in FORMATS:
        block = speechlike(fmt, 1.0)
        meter = build(fmt)
        meter.update(speechlike(fmt, 0.3, seed=3))
        meter.reset()
        first, second = split_at(block, [len(block) // 3])
        meter.update(first)
        meter.result()
        twin = pickle.loads(pickle.dumps(meter))  # noqa: S301  our own bytes
        whole = measure(build(fmt), [block])
        assert measure(meter, [second]) == whole
        assert measure(twin, [second]) == whole


def _assert_same_rows(actual: Any, expected: Any) -> None:
    if isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(actual, expected)
    else:
        assert actual == expected


PROCESSOR_CHECKS: tuple[Check, ...] = (
    check_any_cutting_gives_the_same_output,
    check_length_and_type_are_kept,
    check_extremes_stay_finite,
    check_a_chain_refuses_nan,
    check_reset_forgets_everything,
    check_a_pickled_stage_goes_on,
    check_latency_is_never_exceeded,
    check_output_is_aligned_in_time,
)
ANALYZER_CHECKS: tuple[Check, ...] = (
    check_rows_do_not_depend_on_cutting,
    check_analyzer_meets_extremes,
    check_analyzer_resets_and_pickles,
)
METER_CHECKS: tuple[Check, ...] = (
    check_report_does_not_depend_on_cutting,
    check_meter_meets_extremes,
    check_meter_resets_and_pickles,
)
