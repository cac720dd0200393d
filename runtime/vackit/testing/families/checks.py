# SPDX-License-Identifier: Apache-2.0
"""Compare what is made of a model with the original."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from vackit.compiler.batch import free_batch
from vackit.compiler.graph import copy_model
from vackit.compiler.opset import raise_opset
from vackit.compiler.passes import FLOAT_PASSES, INTEGER_PASSES, Pass, run_passes
from vackit.compiler.running import largest_difference, open_session
from vackit.compiler.signature import set_inputs
from vackit.compiler.verify import TOLERANCE, run_alone

Images = NDArray[np.float32]


def read_input(model: onnx.ModelProto) -> str:
    """Return the name of the first input that is no weight."""
    weights = {tensor.name for tensor in model.graph.initializer}
    return next(str(value.name) for value in model.graph.input if value.name not in weights)


def original_output(model: onnx.ModelProto, x: Images) -> NDArray[Any]:
    """Return what the model makes of each image by itself, (images, ...)."""
    session = open_session(model, "original")
    feeds = ({read_input(model): x[i : i + 1]} for i in range(len(x)))
    outputs: list[NDArray[Any]] = [session.run(None, feed)[0] for feed in feeds]
    joined: NDArray[Any] = np.concatenate(outputs).astype(np.float64)
    return joined


def sqnr_db(got: NDArray[Any], want: NDArray[Any]) -> float:
    """Return the signal to noise ratio in dB: 10 log10(sum want^2 / sum (got - want)^2)."""
    noise = float(((got - want) ** 2).sum())
    return float("inf") if noise == 0 else 10 * float(np.log10((want**2).sum() / noise))


def assert_every_pass_keeps_the_output(model: onnx.ModelProto, x: Images) -> None:
    """Run all passes as a build does; every one of them keeps the output, the batch is free."""
    model = copy_model(model)
    name = read_input(model)
    set_inputs(model, {name: (1, *x.shape[1:])}, "family")
    want = original_output(model, x)
    samples = run_alone(model, "family")

    def check(step: str) -> None:
        got = open_session(model, step).run(None, {name: x[:1]})
        assert largest_difference([got[0]], [want[:1]]) < TOLERANCE, step

    def keep_promises(step: Pass) -> None:
        # raises where the pass does anything that it does not declare
        run_passes(model, [step], "family")

    raise_opset(model, "family")
    check("raise_opset")
    for step in FLOAT_PASSES:
        keep_promises(step)
        check(step.name)
    assert free_batch(model, samples, "family")
    for step in INTEGER_PASSES:
        keep_promises(step)
        check(step.name)
    together = open_session(model, "batch").run(None, {name: x})
    assert largest_difference([together[0]], [want]) < TOLERANCE
