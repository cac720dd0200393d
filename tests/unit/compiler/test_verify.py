# SPDX-License-Identifier: Apache-2.0
from typing import ClassVar

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from vackit.compiler.graph import copy_model, values_of
from vackit.compiler.passes.base import Pass
from vackit.compiler.passes.running import run_passes
from vackit.compiler.verify import Comparison, compare, difference, run_alone
from vackit.testing import tiny_models


def doubled(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same network with its first weights doubled."""
    changed = copy_model(model)
    tensor = changed.graph.initializer[0]
    tensor.CopyFrom(numpy_helper.from_array(2 * values_of(tensor), tensor.name))
    return changed


class _Wrong(Pass):
    """Doubles the first weights, which it must not."""

    name: ClassVar[str] = "wrong"

    def apply(self, model: onnx.ModelProto) -> int:
        model.CopyFrom(doubled(model))
        return 1


def test_difference_is_empty_for_the_same_model() -> None:
    model = tiny_models.conv()
    assert difference(model, run_alone(model, "m.onnx"), "m.onnx") == ""


def test_difference_says_which_output_is_off_and_by_how_much() -> None:
    model = tiny_models.conv()
    reason = difference(doubled(model), run_alone(model, "m.onnx"), "m.onnx")
    assert reason.startswith("output 'output' differs by ")


def test_compare_tells_the_largest_difference() -> None:
    model, samples = tiny_models.conv(), run_alone(tiny_models.conv(), "m.onnx")
    assert compare(model, samples, "m.onnx") == Comparison(0.0, "")
    tensor = model.graph.initializer[0]
    # a thousandth of the tolerance, far above float32's rounding
    tensor.CopyFrom(numpy_helper.from_array(values_of(tensor) * np.float32(1 + 1e-5), tensor.name))
    found = compare(model, samples, "m.onnx")
    assert not found.reason
    assert 1e-6 < found.largest < 2e-5


def test_difference_sees_what_only_a_real_sample_shows() -> None:
    model = tiny_models.conv()
    real = {"input": np.full((1, 3, 8, 8), 100, np.float32)}
    samples = run_alone(model, "m.onnx", [real])
    assert len(samples) == 4
    assert difference(model, samples, "m.onnx") == ""


def test_run_passes_undoes_a_pass_that_changes_the_results(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = tiny_models.conv()
    before = model.SerializeToString()
    samples = run_alone(model, "m.onnx")
    [record] = run_passes(model, [_Wrong()], "m.onnx", samples, undo=True)
    assert (record["pass"], record["changes"]) == ("wrong", 0)
    assert record["undone"].startswith("output 'output' differs by ")
    assert model.SerializeToString() == before
    assert "m.onnx: pass 'wrong' is undone: output 'output' differs by" in caplog.text


def test_run_passes_checks_nothing_without_samples() -> None:
    assert run_passes(tiny_models.conv(), [_Wrong()], "m.onnx") == [{"pass": "wrong", "changes": 1}]
