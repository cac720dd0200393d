# SPDX-License-Identifier: Apache-2.0
from vackit.tensors import TensorSpec

IMAGE = TensorSpec("input", (None, 3, 224, 224), "float32", "NCHW")


def test_tensor_spec_accepts_any_batch_on_the_symbolic_axis() -> None:
    assert IMAGE.accepts((8, 3, 224, 224))
    assert not IMAGE.accepts((8, 3, 224, 225))
    assert not IMAGE.accepts((3, 224, 224))


def test_tensor_spec_sample_shape_is_a_batch_of_one() -> None:
    assert IMAGE.sample_shape == (1, 3, 224, 224)


def test_tensor_spec_prints_name_shape_and_dtype() -> None:
    assert str(IMAGE) == "input [N, 3, 224, 224] float32"


def test_tensor_spec_survives_json() -> None:
    assert TensorSpec.from_json(IMAGE.to_json()) == IMAGE
