# SPDX-License-Identifier: Apache-2.0
from typing import get_args

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vackit.config.vdsp_types import NormaType
from vackit.errors import DataError
from vackit.vdsp.normalize import Normalizer, OutputDtype, normalized

PIXELS = np.arange(256, dtype=np.uint8).reshape(16, 16)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

means = st.floats(-300, 300, width=32)
stds = st.floats(0.0625, 300, width=32)


def formula(norma_type: NormaType, mean: np.float32, std: np.float32) -> np.ndarray:
    """Return what the definition gives, elementwise in float32."""
    x = PIXELS.astype(np.float32)
    return {
        "EQUAL": x,
        "DIV255": x / np.float32(255),
        "MINUSMEAN_DIVSTD": (x - mean) / std,
        "DIV255_MINUSMEAN_DIVSTD": (x / np.float32(255) - mean) / std,
        "DIV1275_MINUSONE": x / np.float32(127.5) - np.float32(1),
    }[norma_type]


@pytest.mark.parametrize("norma_type", get_args(NormaType))
@settings(max_examples=60, deadline=None)
@given(mean=means, std=stds)
def test_normalizer_equals_the_formula_rounded_to_float16(
    norma_type: NormaType, mean: float, std: float
) -> None:
    half_mean, half_std = np.float32(np.float16(mean)), np.float32(np.float16(std))
    expected = formula(norma_type, half_mean, half_std).astype(np.float16)
    assume(np.isfinite(expected).all())
    result = Normalizer(1, norma_type, (mean,), (std,), half=True)([PIXELS])
    assert result.dtype == np.float16
    # bits, so that -0.0 and 0.0 differ
    np.testing.assert_array_equal(result[0].view(np.uint16), expected.view(np.uint16))


@pytest.mark.parametrize("norma_type", get_args(NormaType))
@settings(max_examples=60, deadline=None)
@given(mean=means, std=stds)
def test_normalizer_equals_the_formula_in_float32(
    norma_type: NormaType, mean: float, std: float
) -> None:
    result = Normalizer(1, norma_type, (mean,), (std,), half=False, dtype="float32")([PIXELS])
    expected = formula(norma_type, np.float32(mean), np.float32(std))
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result[0].view(np.uint32), expected.view(np.uint32))


def test_normalizer_float32_of_half_holds_the_float16_values() -> None:
    halves = Normalizer(3, "DIV255_MINUSMEAN_DIVSTD", MEAN, STD, half=True)
    wide = Normalizer(3, "DIV255_MINUSMEAN_DIVSTD", MEAN, STD, half=True, dtype="float32")
    planes = [PIXELS] * 3
    np.testing.assert_array_equal(wide(planes), halves(planes).astype(np.float32))


def test_normalizer_keeps_the_channels_apart() -> None:
    result = Normalizer(3, "MINUSMEAN_DIVSTD", (1, 2, 3), (1, 2, 4), half=True)([PIXELS] * 3)
    assert result.shape == (3, 16, 16)
    assert result.flags.c_contiguous
    assert result[:, 1, 0].tolist() == [15.0, 7.0, 3.25]


def test_normalizer_takes_views_and_leaves_them_alone() -> None:
    image = np.arange(100, dtype=np.uint8).reshape(10, 10)
    image.setflags(write=False)
    result = Normalizer(1, "EQUAL", half=True)([image[2:5, 3:7]])
    np.testing.assert_array_equal(result[0], image[2:5, 3:7])


@pytest.mark.parametrize("norma_type", ["EQUAL", "DIV255", "DIV1275_MINUSONE"])
def test_normalizer_never_divides_by_an_unused_std(norma_type: NormaType) -> None:
    # published files carry stds of 0 and 5.96e-08 where none is used
    result = Normalizer(3, norma_type, (float("nan"),) * 3, (0.0, 5.96e-8, 0.0), half=True)
    np.testing.assert_array_equal(
        result([PIXELS] * 3)[1],
        formula(norma_type, np.float32(0), np.float32(1)).astype(np.float16),
    )


def test_normalizer_takes_one_value_for_all_channels() -> None:
    one = Normalizer(3, "MINUSMEAN_DIVSTD", (7.0,), (2.0, 2.0), half=True)([PIXELS] * 3)
    three = Normalizer(3, "MINUSMEAN_DIVSTD", (7.0,) * 3, (2.0,) * 3, half=True)([PIXELS] * 3)
    np.testing.assert_array_equal(one, three)


def test_normalizer_refuses_a_mean_of_other_length() -> None:
    with pytest.raises(DataError, match="mean has 3 values for an image of 1 channels"):
        Normalizer(1, "MINUSMEAN_DIVSTD", (1, 2, 3), (1,), half=True)


@pytest.mark.parametrize("std", [0.0, 5.96e-8, float("nan")], ids=["zero", "subnormal", "nan"])
def test_normalizer_refuses_a_std_that_overflows(std: float) -> None:
    with pytest.raises(DataError, match=r"with mean 0\.\d+ and std .* gives values beyond float16"):
        Normalizer(3, "DIV255_MINUSMEAN_DIVSTD", MEAN, (std,), half=True)


def test_normalizer_refuses_other_dtypes() -> None:
    dtype: OutputDtype = "int8"  # type: ignore[assignment]
    with pytest.raises(DataError, match="dtype is 'int8', expected float16 or float32"):
        Normalizer(3, "EQUAL", half=True, dtype=dtype)


def test_normalized_rounds_every_step_to_float32() -> None:
    result = normalized(np.array([200], np.uint8), "DIV255_MINUSMEAN_DIVSTD", 0.485, 0.229)
    step = np.float32(200) / np.float32(255)
    assert result[0] == (step - np.float32(0.485)) / np.float32(0.229)
