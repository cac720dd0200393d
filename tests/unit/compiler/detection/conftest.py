# SPDX-License-Identifier: Apache-2.0
"""Append a head to a model that plants its outputs, and compare with the reference."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from vackit.compiler.detection import append_nms
from vackit.compiler.passes import run_passes
from vackit.testing.detection.models import planted
from vackit.testing.detection.reference import Box, choose

Array = NDArray[Any]
Arrays = dict[str, Array]
PARAMS = {"num_classes": 3, "nms_threshold": 0.5, "confidence_threshold": 0.25}


def run_model(model: onnx.ModelProto, feeds: Arrays) -> Arrays:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    wanted = {value.name for value in session.get_inputs()}
    names = [value.name for value in session.get_outputs()]
    given = {name: value for name, value in feeds.items() if name in wanted}
    return dict(zip(names, session.run(names, given), strict=True))


def detect(
    kind: str,
    outputs: Arrays,
    size: tuple[int, int] = (32, 48),
    through: str | Mapping[str, str] = "Identity",
    **params: Any,
) -> Arrays:
    """Return what a model with these outputs (leading axis: the batch) gives behind ``kind``."""
    model = planted(
        {name: value.shape[1:] for name, value in outputs.items()}, size, through=through
    )
    run_passes(model, [append_nms(kind, PARAMS | params, "x.yaml")], "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    batch = len(next(iter(outputs.values())))
    feeds = {f"in_{name}": value for name, value in outputs.items()}
    return run_model(model, {"image": np.zeros((batch, 3, *size), np.float32), **feeds})


def assert_same(
    results: Arrays, samples: Sequence[Sequence[Box]], *, suppress: bool = True, **params: Any
) -> None:
    """Compare every sample's rows with the reference's choice among ``samples``' boxes.

    Tolerances: float32 against float64, 1e-5 in scores; a thousandth of a pixel.
    """
    merged = PARAMS | {"max_detections": 300} | params
    names = list(results)
    for sample, boxes in enumerate(samples):
        found = choose(
            boxes,
            merged["confidence_threshold"],
            merged["nms_threshold"] if suppress else None,
            merged["max_detections"],
        )
        count, rows = len(found), merged["max_detections"]
        ids = [each[0] for each in found] + [-1] * (rows - count)
        if "ids" in results:
            assert results["ids"][sample].tolist() == ids
        scores = results["scores"][sample].reshape(-1)
        assert len(scores) == rows
        np.testing.assert_allclose(scores[:count], [each[1] for each in found], atol=1e-5)
        np.testing.assert_allclose(
            results["boxes"][sample][:count],
            np.array([each[2] for each in found]).reshape(-1, 4),
            atol=1e-3,
        )
        if found and found[0][3]:
            extra = results[names[-1] if names[-1] == "landmarks" else "masks"][sample][:count]
            np.testing.assert_allclose(extra, [each[3] for each in found], atol=1e-3)
        assert (scores[count:] == -1).all()
        assert (results["boxes"][sample][count:] == -1).all()


@pytest.fixture(name="detect")
def _detect() -> Callable[..., Arrays]:
    return detect


@pytest.fixture(name="assert_same")
def _assert_same() -> Callable[..., None]:
    return assert_same


@pytest.fixture(name="run_model")
def _run_model() -> Callable[..., Arrays]:
    return run_model
