# SPDX-License-Identifier: Apache-2.0
"""Run float models in ONNX Runtime while compiling: to check and to calibrate them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from vackit.compiler.dynamic import Sizes, example_sizes
from vackit.compiler.memory import give_back
from vackit.errors import ModelError

Arrays = dict[str, NDArray[Any]]


def open_session(
    model: onnx.ModelProto | str, where: object, *, threads: int = 0
) -> ort.InferenceSession:
    """Return a session on the CPU that keeps its warnings to itself.

    Args:
        model: The model, or the path of its file (for weights beside it).
        where: What to name in the error.
        threads: For the work inside one node; 0: one per processor.

    Raises:
        ModelError: ONNX Runtime does not take the model; its own words follow.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    # threads that spin while they wait take the processor from everything else that runs
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # its plans hold a run's memory in one piece: 50 MB more for a tapped MobileNetV2
    options.enable_mem_pattern = False
    source = model if isinstance(model, str) else model.SerializeToString()
    try:
        session = ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises a dozen unrelated classes
        raise ModelError(f"ONNX Runtime does not load it: {_words(error)}", where=where) from error
    # loading takes several copies of the weights
    del source
    give_back()
    return session


def run(session: ort.InferenceSession, feeds: Mapping[str, NDArray[Any]], where: object) -> Arrays:
    """Return the outputs by name.

    Raises:
        ModelError: The run failed; ONNX Runtime's own words follow.
    """
    names = [output.name for output in session.get_outputs()]
    try:
        return dict(zip(names, session.run(names, dict(feeds)), strict=True))
    except Exception as error:
        raise ModelError(f"ONNX Runtime cannot run it: {_words(error)}", where=where) from error


def random_feeds(
    graph: onnx.GraphProto,
    batch: int,
    seed: int,
    sizes_of: Callable[[onnx.ValueInfoProto, int], Sizes] = example_sizes,
) -> Arrays:
    """Return one random array per input: normal floats, zeros and ones for the rest.

    Axis 0 gets ``batch`` where it is symbolic or 1. Inputs that vary get sizes of their
    range, the largest for seed 0, as ``sizes_of`` says; every other symbolic axis is 1.
    """
    rng = np.random.default_rng(seed)
    feeds = {}
    for value in graph.input:
        tensor = value.type.tensor_type
        sizes = list(sizes_of(value, seed))
        if sizes and sizes[0] == 1:
            sizes[0] = batch
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        if np.issubdtype(dtype, np.floating):
            feeds[value.name] = rng.standard_normal(sizes).astype(dtype)
        else:
            feeds[value.name] = rng.integers(0, 2, sizes).astype(dtype)
    return feeds


def largest_difference(got: Sequence[NDArray[Any]], want: Sequence[NDArray[Any]]) -> float:
    """Return the largest difference, relative to the largest value expected of its output.

    Infinite where shapes differ, or one is NaN or infinite where the other is not so too.
    """
    worst = 0.0
    for have, expected in zip(got, want, strict=True):
        if have.shape != expected.shape:
            return float("inf")
        ours, theirs = have.astype(np.float64), expected.astype(np.float64)
        with np.errstate(invalid="ignore"):
            apart = np.asarray(np.abs(ours - theirs))
        apart[(ours == theirs) | (np.isnan(ours) & np.isnan(theirs))] = 0.0
        if not np.isfinite(apart).all():
            return float("inf")
        size = np.abs(theirs).max(where=np.isfinite(theirs), initial=1e-6)
        worst = max(worst, float(apart.max(initial=0.0) / size))
    return worst


def _words(error: Exception) -> str:
    text = " ".join(str(error).split())
    # "[ONNXRuntimeError] : 10 : INVALID_GRAPH : what we want"
    return text.split(" : ", 3)[-1][:300]
