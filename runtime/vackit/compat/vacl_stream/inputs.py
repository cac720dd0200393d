# SPDX-License-Identifier: Apache-2.0
"""From blocks of bytes on the device to what the model takes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vackit.compat.vacl_stream.memory import Bytes
from vackit.compat.vaststreamx.inputs import token_arrays
from vackit.compat.vaststreamx.tensor import Tensor
from vackit.config.vdsp_types import VdspParams
from vackit.devices.base import Program
from vackit.errors import StreamError
from vackit.stream.operators import ImageOperator, TensorOperator, Tensors
from vackit.tensors import TensorSpec

TOKENS = "BERT_EMBEDDING_OP"
Size = tuple[int, int]


@dataclass
class Submitted:
    """One sample: its blocks, and an image's (height, width)."""

    blocks: Sequence[Bytes]
    size: Size


class Preparation(Protocol):
    """A stream's preparing operator, with what `VaststreamHandle.run` needs to know of it."""

    name: str
    per_sample: int | None  # blocks of a sample; None: all that come are one sample's

    def check(self, sample: Submitted) -> None:
        """Raise StreamError where the sample cannot be what the operator takes."""

    def __call__(self, sample: Submitted, params: Mapping[str, Any], /) -> Tensors:
        """Return the model's inputs, each with a leading 1."""


class ImagePreparation:
    """Images of any size, laid out as the vdsp params say."""

    per_sample: int | None = 1

    def __init__(self, vdsp: VdspParams, program: Program) -> None:
        self.name = vdsp.op_type
        self._format = vdsp.image_format
        self._run = ImageOperator(vdsp, program)

    def check(self, sample: Submitted) -> None:
        """Compare the image's size with its bytes."""
        shape = _image_shape(self._format, sample.size)
        if sample.blocks[0].size != math.prod(shape):
            height, width = sample.size
            raise StreamError(
                f"an image of (height, width) = ({height}, {width}) has {math.prod(shape)} bytes "
                f"as {self._format}, {sample.blocks[0].size} were copied to the device"
            )

    def __call__(self, sample: Submitted, params: Mapping[str, Any]) -> Tensors:
        """Preprocess the image."""
        return self._run(sample.blocks[0].reshape(_image_shape(self._format, sample.size)), params)


def _image_shape(image_format: str, size: Size) -> tuple[int, ...]:
    height, width = size
    if min(size) < 1:
        raise StreamError(f"(height, width) is ({height}, {width}), expected at least (1, 1)")
    if image_format == "YUV_NV12":
        return (height * 3 // 2, width)
    if image_format == "GRAY":
        return (height, width)
    return (3, height, width) if image_format.endswith("_PLANAR") else (height, width, 3)


class TensorPreparation:
    """Tensors: int32 tokens, or whatever a model without an operator before it takes.

    Args:
        program: The model.
        tokens: The text models' operator stands before it: 3 or 6 int32 tensors.
    """

    per_sample: int | None = None

    def __init__(self, program: Program, *, tokens: bool) -> None:
        self.name = TOKENS if tokens else "tensors"
        self._specs = program.inputs
        self._tokens = tokens
        self._operator = TensorOperator(program)

    def check(self, sample: Submitted) -> None:
        """Fit the blocks to the inputs, which raises where they do not."""
        self._arrays(sample)

    def __call__(self, sample: Submitted, params: Mapping[str, Any]) -> Tensors:
        """Return the blocks as the model's inputs."""
        return self._operator(self._arrays(sample), params)

    def _arrays(self, sample: Submitted) -> list[NDArray[Any]]:
        if self._tokens:
            tensors = [Tensor(_int32(block)) for block in sample.blocks]
            return token_arrays(tensors, self._specs)
        if len(sample.blocks) != len(self._specs):
            raise StreamError(
                f"the model takes {len(self._specs)} inputs "
                f"({', '.join(map(str, self._specs))}), got {len(sample.blocks)} addresses"
            )
        return [
            _as_input(block, spec) for block, spec in zip(sample.blocks, self._specs, strict=True)
        ]


def _int32(block: Bytes) -> NDArray[np.int32]:
    if block.size % 4:
        raise StreamError(f"tokens are int32, {block.size} bytes are none")
    return block.view(np.int32)


def _as_input(block: Bytes, spec: TensorSpec) -> NDArray[Any]:
    """Return a block as an input; the number of bytes tells the element type."""
    shape = spec.sample_shape
    kinds = ("float16", "float32") if spec.dtype.startswith("float") else ("int32", spec.dtype)
    for dtype in kinds:
        if block.size == math.prod(shape) * np.dtype(dtype).itemsize:
            return block.view(dtype).reshape(shape)
    raise StreamError(
        f"input {spec} takes a sample of shape {shape} as {' or '.join(dict.fromkeys(kinds))}, "
        f"got {block.size} bytes"
    )
