# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
from tests.pass_checks import IMAGE, SHAPE, Run

from vackit.compiler.graph import copy_model
from vackit.compiler.passes.append_softmax import AppendSoftmax
from vackit.errors import ModelError
from vackit.testing import tiny_models


@pytest.mark.parametrize("opset", [9, 13])
def test_append_softmax_makes_probabilities_under_the_same_name(run: Run, opset: int) -> None:
    build = tiny_models.Builder()
    build.add("Flatten", ["input"], "output", axis=1)
    model = build.model({"input": SHAPE}, {"output": [1, 192]}, opset)
    logits = run(model, input=IMAGE)["output"].astype(np.float64)
    assert AppendSoftmax().apply(model) == 1
    want = np.exp(logits) / np.exp(logits).sum()
    # float32 against float64
    np.testing.assert_allclose(run(model, input=IMAGE)["output"], want, rtol=1e-5)


@pytest.mark.parametrize("opset", [9, 13])
def test_append_softmax_takes_logits_of_one_pixel(run: Run, opset: int) -> None:
    build = tiny_models.Builder()
    build.add("GlobalAveragePool", ["input"], "output")
    model = build.model({"input": SHAPE}, {"output": [1, 3, 1, 1]}, opset)
    assert AppendSoftmax().apply(model) == 1
    # float32 sum of three probabilities
    np.testing.assert_allclose(run(model, input=IMAGE)["output"].sum(axis=1), 1, atol=1e-6)


def test_append_softmax_adds_no_second_one(caplog: pytest.LogCaptureFixture) -> None:
    model = tiny_models.classifier(softmax=True)
    before = copy_model(model)
    assert AppendSoftmax().apply(model) == 0
    assert model == before
    assert "already ends in Softmax (node 'output_Softmax'), no other is added" in caplog.text


def test_append_softmax_refuses_what_are_no_logits() -> None:
    with pytest.raises(ModelError, match=r"output 'output' has \('N', 4, 8, 8\)"):
        AppendSoftmax().apply(tiny_models.conv())
    with pytest.raises(ModelError, match=r"one output, this one has output, features"):
        AppendSoftmax().apply(tiny_models.two_outputs())
