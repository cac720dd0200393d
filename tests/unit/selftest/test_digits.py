# SPDX-License-Identifier: Apache-2.0
import hashlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest

from vackit.selftest import digits
from vackit.selftest.digits import DigitSet, load_calibration, load_heldout

SETS = pytest.mark.parametrize(
    "load", [load_heldout, load_calibration], ids=["heldout", "calibration"]
)


@SETS
def test_digits_are_gray_8x8_images_with_a_label_and_a_place(load: Callable[[], DigitSet]) -> None:
    part = load()
    assert part.images.dtype == np.uint8
    assert part.images.shape == (len(part), 8, 8)
    # 16 steps of the original, stretched
    assert set(np.unique(part.images)) <= {round(value * 255 / 16) for value in range(17)}
    assert part.labels.shape == part.index.shape == (len(part),)
    assert part.index.max() < 1797
    assert (np.diff(part.index.astype(int)) > 0).all()


@SETS
def test_digits_hold_every_class_alike(load: Callable[[], DigitSet]) -> None:
    counts = np.bincount(load().labels, minlength=10)
    assert counts.shape == (10,)
    assert counts.min() == counts.max() > 0


def test_heldout_has_at_least_300_images() -> None:
    assert len(load_heldout()) >= 300


def test_heldout_and_calibration_share_no_image() -> None:
    assert not np.intersect1d(load_heldout().index, load_calibration().index).size


def test_digits_are_those_of_scikit_learn() -> None:
    datasets = pytest.importorskip("sklearn.datasets", reason="needs scikit-learn")
    bundled = datasets.load_digits()
    for part in (load_heldout(), load_calibration()):
        np.testing.assert_array_equal(part.labels, bundled.target[part.index])
        expected = np.rint(bundled.images[part.index] * 255 / 16)
        np.testing.assert_array_equal(part.images, expected)


def test_embedded_default_takes_at_most_a_megabyte() -> None:
    folder = digits.model_path().parent
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= 1_000_000


def test_model_is_a_shufflenet_with_a_symbolic_batch() -> None:
    model = onnx.load(digits.model_path())
    onnx.checker.check_model(model, full_check=True)
    (entry,), (out,) = model.graph.input, model.graph.output
    assert (entry.name, out.name) == ("input", "output")
    dims = [dim.dim_param or dim.dim_value for dim in entry.type.tensor_type.shape.dim]
    assert dims == ["N", 3, 32, 32]
    assert model.opset_import[0].version >= 13
    kinds = {node.op_type for node in model.graph.node}
    assert {"Conv", "Split", "Concat", "Reshape", "Transpose"} <= kinds


def test_model_reaches_the_recorded_accuracy() -> None:
    heldout, record = load_heldout(), digits.load_record()
    session = onnxruntime.InferenceSession(digits.model_path(), providers=["CPUExecutionProvider"])
    large = np.stack([cv2.resize(image, (32, 32)) for image in heldout.images])
    scaled = (large.astype(np.float32) / 255 - 0.5) / 0.5
    logits = session.run(None, {"input": np.repeat(scaled[:, None], 3, axis=1)})[0]
    correct = int((logits.argmax(axis=1) == heldout.labels).sum())
    assert record["n"] == len(heldout)
    # another CPU sums in another order: one image may lie on the edge
    assert abs(correct - record["top1_count"]) <= 1
    assert correct / len(heldout) >= 0.98


def test_record_belongs_to_the_model_and_the_settings() -> None:
    record = digits.load_record()
    settings = Path(digits.__file__).parent / "training" / "digits.yaml"
    assert record["model_sha256"] == hashlib.sha256(digits.model_path().read_bytes()).hexdigest()
    assert record["settings_sha256"] == hashlib.sha256(settings.read_bytes()).hexdigest()
    assert record["top1"] == pytest.approx(100 * record["top1_count"] / record["n"])


def test_class_names_are_those_of_the_label_file() -> None:
    lines = digits.data_path("digits_classes.txt").read_text(encoding="utf-8").splitlines()
    assert tuple(lines) == digits.CLASS_NAMES
