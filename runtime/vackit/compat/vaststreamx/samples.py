# SPDX-License-Identifier: Apache-2.0
"""One sample on its way: what it was submitted with, decided at submission.

A program may change an operator's attributes for every image; each sample keeps the
operator as it was when it was submitted.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from vackit.compat.vaststreamx.enums import OpType
from vackit.compat.vaststreamx.image import Image
from vackit.compat.vaststreamx.inputs import Arrays, plain_arrays, token_arrays
from vackit.compat.vaststreamx.model import Model, Shapes, checked_shapes
from vackit.compat.vaststreamx.operators import Operator
from vackit.compat.vaststreamx.tensor import Tensor
from vackit.devices.base import Program
from vackit.errors import StreamError
from vackit.stream.operators import TensorOperator, Tensors

PARAMETERS = ("crop_resize_ext", "rgb_letterbox_ext", "dynamic_model_input_shapes")
_OPERATOR_PARAMETERS = PARAMETERS[:2]


@dataclass
class Sample:
    """One sample.

    Attributes:
        make: From its arrays and parameters to the model's inputs.
        source: What ``make`` takes; dropped once it is done.
        params: Run-time parameters of the operator.
        prepared: Gets the prepared inputs, where they are wanted.
    """

    make: Callable[[Any, Mapping[str, Any]], Tensors]
    source: Any
    params: dict[str, Any]
    prepared: "Future[Tensors] | None" = None


class Prepare:
    """The native graph's preparing operator: each sample brings what is done to it."""

    def __init__(self, operator: Operator | None) -> None:
        self.name = operator.op_type.name if operator else "tensors"

    def __call__(self, sample: Sample, params: Mapping[str, Any]) -> Tensors:
        """Prepare a sample."""
        try:
            tensors = sample.make(sample.source, params)
        except Exception as error:
            if sample.prepared is not None:
                sample.prepared.set_exception(error)
            raise
        finally:
            sample.source = None
        if sample.prepared is not None:
            sample.prepared.set_result(tensors)
        return tensors


def make_samples(
    operator: Operator | None,
    model: Model,
    inputs: Sequence[Any],
    params: Mapping[str, Sequence[Any]],
) -> list[Sample]:
    """Return the samples of one run.

    Raises:
        StreamError: Inputs or parameters are not such as graph and model take.
    """
    if isinstance(inputs, Image | Tensor) or not isinstance(inputs, Sequence):
        raise StreamError(
            f"a stream runs a list of images, or of lists of tensors; got {type(inputs).__name__}"
        )
    rows = _rows(params, len(inputs))
    shapes = _shapes(params, len(inputs), model)
    return [
        _sample(operator, model.program, one, row, shape)
        for one, row, shape in zip(inputs, rows, shapes, strict=True)
    ]


def _rows(params: Mapping[str, Sequence[Any]], count: int) -> list[dict[str, Any]]:
    for name, values in params.items():
        if name not in PARAMETERS:
            known = ", ".join(PARAMETERS)
            raise StreamError(f"there is no run-time parameter '{name}'; there are: {known}")
        if len(values) != count:
            raise StreamError(f"{name} has {len(values)} entries for {count} samples")
    return [
        {name: tuple(params[name][i]) for name in _OPERATOR_PARAMETERS if name in params}
        for i in range(count)
    ]


def _shapes(params: Mapping[str, Sequence[Any]], count: int, model: Model) -> list[Shapes]:
    """Return per sample the shapes that it asks of a dynamic model; empty: none in particular."""
    given = params.get("dynamic_model_input_shapes")
    if given is None:
        return [model.chosen_shapes] * count
    checked = [checked_shapes(shapes, model.program) for shapes in given]
    varies = any(spec.is_dynamic for spec in model.program.inputs)
    return checked if varies else [()] * count


def _sample(
    operator: Operator | None, program: Program, given: Any, params: dict[str, Any], shapes: Shapes
) -> Sample:
    parts = list(given) if isinstance(given, Sequence) else [given]
    if not parts or not all(isinstance(part, Image | Tensor) for part in parts):
        kinds = ", ".join(type(part).__name__ for part in parts) or "nothing"
        raise StreamError(f"a sample is an Image or a list of Tensors, got {kinds}")
    if operator is None or operator.op_type is OpType.BERT_EMBEDDING_OP:
        return _tensor_sample(operator, program, parts, params, shapes)
    if len(parts) != 1:
        raise StreamError(f"{operator.op_type} takes one image a sample, got {len(parts)}")
    run = operator.state.image_operator(program)
    if shapes:
        params["input_size"] = shapes[0][-2:]
    return Sample(run, operator.state.image_array(parts[0]), params)


def _tensor_sample(
    operator: Operator | None,
    program: Program,
    parts: Sequence[Any],
    params: dict[str, Any],
    shapes: Shapes,
) -> Sample:
    if any(isinstance(part, Image) for part in parts):
        raise StreamError(
            "an image reaches the model without an operator that makes its tensor",
            hint="add the operators of a vdsp_params file to the graph, before the model",
        )
    fit = plain_arrays if operator is None else token_arrays
    specs = program.inputs

    def make(tensors: Sequence[Tensor], row: Mapping[str, Any]) -> Tensors:
        arrays: Arrays = fit(tensors, specs, shapes)
        return TensorOperator(program)(arrays, row)

    return Sample(make, parts, params)
