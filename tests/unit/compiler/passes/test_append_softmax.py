# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
from tests.pass_checks import IMAGE, SHAPE, Run

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


def test_append_softmax_refuses_a_second_one() -> None:
    with pytest.raises(ModelError, match=r"already ends in Softmax \(node 'output_Softmax'\)"):
        AppendSoftmax().apply(tiny_models.classifier(softmax=True))


def test_append_softmax_refuses_what_are_no_logits() -> None:
    with pytest.raises(ModelError, match=r"output 'output' has \('N', 4, 8, 8\)"):
        AppendSoftmax().apply(tiny_models.conv())
    with pytest.raises(ModelError, match=r"one output, this one has output, features"):
        AppendSoftmax().apply(tiny_models.two_outputs())
