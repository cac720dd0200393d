# SPDX-License-Identifier: Apache-2.0
"""Every common classifier family compiles to every dtype, whatever the opset.

``docs/supported_models.md`` is the table of these.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vackit.compiler.reading.new_opset import newest_opset
from vackit.testing import families
from vackit.testing.families.checks import (
    Images,
    assert_every_pass_keeps_the_output,
    original_output,
    sqnr_db,
)

Compile = Callable[..., tuple[NDArray[Any], int | None]]
Pictures = Callable[[int], Images]

# in dB. float16 rounds weights and outputs to 11 bits; int8 adds up the errors of every
# layer: random weights, narrow layers and eight calibration images leave 30 dB and more
FP16_FLOOR, INT8_FLOOR = 55.0, 28.0
# sums in another order
FP32_TOLERANCE = 1e-4
NEWEST = (24, newest_opset(), 28)


@pytest.mark.parametrize("name", families.FAMILIES, ids=str)
def test_every_pass_keeps_the_output_of(name: str, pictures: Pictures) -> None:
    assert_every_pass_keeps_the_output(families.build(name), pictures(64))


@pytest.mark.parametrize("name", families.FAMILIES, ids=str)
@pytest.mark.parametrize(
    "dtype",
    [
        pytest.param("fp32", marks=pytest.mark.slow),
        pytest.param("fp16", marks=pytest.mark.slow),
        "int8",
    ],
    ids=str,
)
def test_build_of_every_dtype_stays_close_to(
    name: str,
    dtype: str,
    compile_model: Compile,
    pictures: Pictures,
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = families.build(name)
    want = original_output(model, pictures(64))
    got, max_batch = compile_model(model, dtype)
    assert max_batch is None
    assert "undone" not in caplog.text
    if dtype == "fp32":
        assert np.abs(got - want).max() < FP32_TOLERANCE * np.abs(want).max()
    else:
        assert sqnr_db(got, want) > (FP16_FLOOR if dtype == "fp16" else INT8_FLOOR)


@pytest.mark.slow
@pytest.mark.parametrize("name", families.FAMILIES, ids=str)
def test_every_opset_of(
    name: str, compile_model: Compile, pictures: Pictures, caplog: pytest.LogCaptureFixture
) -> None:
    opsets = [n for n in (*families.OPSETS, *NEWEST) if n >= families.FAMILIES[name].oldest]
    # between the ends only float differs: int8 starts from what the passes leave
    quantized = {opsets[0], 13, newest_opset(), opsets[-1]}
    for opset in dict.fromkeys(opsets):
        model = families.build(name, opset)
        if opset <= newest_opset():
            assert_every_pass_keeps_the_output(model, pictures(64))
            want = original_output(model, pictures(64))
        if opset not in quantized:
            continue
        got, max_batch = compile_model(model, "int8")
        assert sqnr_db(got, want) > INT8_FLOOR, opset
        assert max_batch is None, opset
        assert "undone" not in caplog.text, opset
