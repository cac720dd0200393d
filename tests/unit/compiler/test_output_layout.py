# SPDX-License-Identifier: Apache-2.0
import pytest

from vackit.compiler.output_layout import with_layouts
from vackit.tensors import TensorSpec

OUTPUTS = (TensorSpec("a", (None, 4, 5), "float16"), TensorSpec("b", (None, 2), "float16"))


@pytest.mark.parametrize("wanted", [["1:YX"], ['1:"YX"'], [{1: "YX"}], "1:YX"], ids=str)
def test_with_layouts_marks_outputs(wanted: object) -> None:
    assert [spec.layout for spec in with_layouts(OUTPUTS, wanted, "b.yaml")] == ["", "YX"]


def test_with_layouts_leaves_outputs_that_nothing_is_said_of() -> None:
    assert with_layouts(OUTPUTS, None, "b.yaml") == OUTPUTS


@pytest.mark.parametrize("entry", ["2:YX", "0:NCHW", "YX"])
def test_with_layouts_warns_of_what_has_no_effect(
    entry: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert with_layouts(OUTPUTS, [entry], "b.yaml") == OUTPUTS
    assert f"output_layout: no effect: {entry}; expected a list like" in caplog.text
