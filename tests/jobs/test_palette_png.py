"""Pictures of few colours: another reader sees the same pixels."""

from __future__ import annotations

import io

import numpy as np
import pytest

from audiokit.jobs.palette_png import HEAT, palette_png


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (160, 1201)])
def test_another_reader_sees_the_colours_that_were_meant(shape):
    image = pytest.importorskip("PIL.Image")
    indices = np.random.default_rng(3).integers(0, len(HEAT), shape).astype(np.uint8)
    with image.open(io.BytesIO(palette_png(indices, HEAT))) as picture:
        seen = np.asarray(picture.convert("RGB"))
    np.testing.assert_array_equal(seen, HEAT[indices])


def test_the_ramp_gets_brighter_all_the_way():
    # Rec. 709 luma: what the eye takes for brightness.
    luma = HEAT @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(luma) > 0).all()
    assert luma[0] < 1
    assert luma[-1] > 245
