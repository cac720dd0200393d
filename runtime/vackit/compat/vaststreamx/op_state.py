# SPDX-License-Identifier: Apache-2.0
"""What an operator in a graph and the same operator alone share: its state, and its image."""

import threading

import numpy as np
from numpy.typing import NDArray

from vackit.compat.vaststreamx.attributes import FORMAT_OF_TYPE, Attributes, params_of
from vackit.compat.vaststreamx.enums import ImageFormat, ImageType, OpType
from vackit.compat.vaststreamx.image import Image
from vackit.compat.vaststreamx.pixels import INTERLEAVED, PLANAR
from vackit.compat.vaststreamx.tensor import Tensor
from vackit.config.vdsp_types import VdspParams
from vackit.devices.base import Program
from vackit.errors import StreamError
from vackit.stream.operators import ImageOperator


class OpState:
    """What an operator and everything cast from it share. Thread-safe.

    Args:
        op_type: The operator.
        attributes: Its attributes.
        params: The vdsp params that the attributes started from; None where there are none.
    """

    def __init__(
        self, op_type: OpType, attributes: Attributes, params: VdspParams | None = None
    ) -> None:
        self.op_type = op_type
        self.attributes = attributes
        self._params = params
        self._lock = threading.Lock()
        self._operators: dict[Program, ImageOperator] = {}

    @property
    def params(self) -> VdspParams:
        """Return the vdsp params as the attributes say now."""
        if self._params is None:
            raise StreamError(f"{self.op_type} is no fused operator")
        return params_of(self.attributes, self._params)

    def update(self, values: Attributes) -> None:
        """Set attributes; samples submitted from now on follow them."""
        with self._lock:
            self.attributes = {**self.attributes, **values}
            self._operators.clear()

    def image_operator(self, program: Program) -> ImageOperator:
        """Return the operator in front of a program, as the attributes say now."""
        with self._lock:
            if program not in self._operators:
                self._operators[program] = ImageOperator(self.params, program)
            return self._operators[program]

    def image_array(self, given: Image | Tensor) -> NDArray[np.uint8]:
        """Return an image's array as the operator reads it.

        The order of an image's channels is the color code's affair: only the layout must fit.

        Raises:
            StreamError: The image is laid out in another way.
        """
        if isinstance(given, Tensor):
            return given.array
        code = ImageType(self.attributes.get("IIMAGE_FORMAT", ImageType.YUV_NV12))
        wanted = FORMAT_OF_TYPE[code]
        if _layout(given.format) != _layout(wanted):
            raise StreamError(
                f"{self.op_type} takes images of {wanted.name}, got {given.format.name}",
                hint="convert it with cvtcolor, or set the attribute IIMAGE_FORMAT",
            )
        return given.plain_array


def _layout(image_format: ImageFormat) -> int:
    return 1 if image_format in PLANAR else 2 if image_format in INTERLEAVED else int(image_format)
