# SPDX-License-Identifier: Apache-2.0
"""Operators: what turns a sample into model inputs.

A preparing operator is any callable from a sample (and its parameters) to the model's
inputs for that one sample, in the model's order, each with a leading 1. All operators are
thread-safe: a stream's workers call them at once.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vackit.config.vdsp import VdspParams
from vackit.devices.base import Program
from vackit.errors import StreamError
from vackit.tensors import FLOAT_DTYPES, TensorSpec
from vackit.vdsp.fusion import FusionOperator

Tensors = list[NDArray[Any]]
# of models that take a picture's pixels, such as TensorFlow's detectors and MoveNet
_PIXELS = ("int32", "uint8")
# operators kept for sizes that samples ask for
_MOST_SIZES = 64


class Operator(Protocol):
    """Prepares one sample for the model."""

    def __call__(self, sample: Any, params: Mapping[str, Any], /) -> Tensors:
        """Return the model's inputs for this sample, each with a leading 1."""


def prepared(
    operator: Operator, sample: Any, params: Mapping[str, Any], room: Tensors | None
) -> Tensors:
    """Prepare a sample, in ``room`` where there is one and the operator can (`into`)."""
    into = getattr(operator, "into", None)
    if into is None or room is None:
        return operator(sample, params)
    made: Tensors = into(sample, params, room)
    return made


class ImageOperator:
    """The vdsp params' fused preprocessing in front of an image model.

    A model that takes uint8 or int32 gets the pixels, if the vdsp params leave them as they are.
    A model of several sizes gets images of the size that the vdsp params say, else of its
    largest; a sample's parameter ``input_size=(height, width)`` says another.

    Args:
        vdsp: What to do with an image.
        program: The model that takes the result; it decides dtype and default size.

    Raises:
        StreamError: The model does not take one image, or not of the operator's shape.
    """

    def __init__(self, vdsp: VdspParams, program: Program) -> None:
        self._spec = _image_input(program)
        self._vdsp = vdsp
        self.name = vdsp.op_type
        self._operator = self._made(vdsp)
        self._of_size: dict[tuple[int, int], FusionOperator] = {}

    def __call__(self, sample: Any, params: Mapping[str, Any]) -> Tensors:
        """Preprocess an image (uint8, arranged as the vdsp params' image format says)."""
        if "input_size" in params:
            params = dict(params)
            operator = self._sized(params.pop("input_size"))
            return [self._typed(operator(sample, **params))[np.newaxis]]
        return [self._typed(self._operator(sample, **params))[np.newaxis]]

    def into(self, sample: Any, params: Mapping[str, Any], room: Tensors) -> Tensors:
        """Preprocess an image into ``room``, a sample's of `ModelOperator.rooms`."""
        if "input_size" in params or self._spec.dtype in _PIXELS:
            return self(sample, params)
        return [self._operator(sample, out=room[0][0], **params)[np.newaxis]]

    def _typed(self, made: NDArray[Any]) -> NDArray[Any]:
        return made.astype(self._spec.dtype) if self._spec.dtype in _PIXELS else made

    def _made(self, vdsp: VdspParams) -> FusionOperator:
        _, _, height, width = self._spec.sample_shape
        is_half = self._spec.dtype == "float16"
        operator = FusionOperator(vdsp, (height, width), "float16" if is_half else "float32")
        _check_fit(vdsp, operator.output_shape, self._spec)
        _check_pixels(vdsp, self._spec)
        return operator

    def _sized(self, size: tuple[int, int]) -> FusionOperator:
        """Return the operator that makes tensors of ``size``."""
        operator = self._of_size.get(size)
        if operator is None:
            operator = self._made(dataclasses.replace(self._vdsp, output_size=size))
            if len(self._of_size) >= _MOST_SIZES:
                self._of_size.clear()
            self._of_size[size] = operator
        return operator


class TensorOperator:
    """Passes arrays to a model that takes them as they are."""

    name = "tensors"

    def __init__(self, program: Program) -> None:
        self._specs = program.inputs

    def __call__(self, sample: Any, params: Mapping[str, Any]) -> Tensors:
        """Check one array per input (a lone array for a lone input); shapes as `_fitted`."""
        arrays = [sample] if isinstance(sample, np.ndarray) else list(sample)
        if params:
            raise StreamError(f"no operator takes the parameters {', '.join(sorted(params))}")
        if len(arrays) != len(self._specs):
            raise StreamError(
                f"the model takes {len(self._specs)} inputs "
                f"({', '.join(str(spec) for spec in self._specs)}), got {len(arrays)}"
            )
        return [_fitted(array, spec) for array, spec in zip(arrays, self._specs, strict=True)]


def _image_input(program: Program) -> TensorSpec:
    spec = program.inputs[0]
    dtypes = (*FLOAT_DTYPES, *_PIXELS)
    if len(program.inputs) != 1 or len(spec.shape) != 4 or spec.dtype not in dtypes:
        takes = ", ".join(str(spec) for spec in program.inputs)
        raise StreamError(
            f"vdsp params make one image tensor, the model takes {takes}",
            where=program.artifact.prefix,
            hint="leave --vdsp_params out",
        )
    return spec


def _check_fit(vdsp: VdspParams, made: tuple[int, ...], spec: TensorSpec) -> None:
    wanted = spec.sample_shape[1:]
    if not spec.accepts((1, *made)):
        raise StreamError(
            f"vdsp output {tuple(made)} (channels, OimageHeight, OimageWidth) does not fit "
            f"the model's input {spec}",
            where=vdsp.source or vdsp.op_type,
            hint=f"set OimageHeight to {wanted[1]} and OimageWidth to {wanted[2]}"
            if made[0] == wanted[0]
            else "",
        )


def _check_pixels(vdsp: VdspParams, spec: TensorSpec) -> None:
    if spec.dtype in _PIXELS and not vdsp.keeps_pixels:
        raise StreamError(
            f"the model's input {spec} takes pixels as they are, NormaType {vdsp.norma_type} "
            "makes other numbers",
            where=vdsp.source or vdsp.op_type,
            hint="set NormaType to EQUAL",
        )


def _fitted(array: NDArray[Any], spec: TensorSpec) -> NDArray[Any]:
    """Return ``array`` with its leading 1 and the input's dtype, if nothing is lost."""
    wanted, dtype = spec.sample_shape, np.dtype(spec.dtype)
    if array.dtype == np.uint8 and dtype.kind == "f":
        # a picture that skips its preprocessing must not pass for a float tensor
        raise StreamError(
            f"input {spec} takes floats, got {array.dtype} of shape {array.shape}",
            hint="give --vdsp_params to have images preprocessed",
        )
    if spec.is_dynamic:
        fits = spec.accepts(array.shape) and len(array) == wanted[0]
        wanted = array.shape if fits else (1, *array.shape)
        if not spec.accepts(wanted):
            raise StreamError(f"input {spec} takes one sample, got shape {array.shape}")
    elif array.shape not in (wanted, wanted[1:]):
        raise StreamError(f"input {spec} takes one sample of shape {wanted[1:]}, got {array.shape}")
    array = array.reshape(wanted)
    if array.dtype == dtype:
        return array
    if array.dtype.kind == "f" and dtype.kind == "f":
        return array.astype(dtype)
    if array.dtype.kind in "iu" and dtype.kind in "iu":
        cast = array.astype(dtype)
        if np.array_equal(cast, array):
            return cast
    raise StreamError(f"input {spec} does not take these {array.dtype} values")
