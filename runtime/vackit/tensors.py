# SPDX-License-Identifier: Apache-2.0
"""What a tensor is called, how large it is and what it holds."""

from dataclasses import dataclass
from typing import Any

FLOAT_DTYPES = ("float16", "float32")
# rows and columns without a batch axis, as a card gives such outputs
MATRIX_LAYOUT = "YX"


@dataclass(frozen=True)
class TensorSpec:
    """Name, shape, dtype and layout of one input or output.

    Attributes:
        name: The name in the ONNX graph.
        shape: One entry per axis; ``None`` where it is free: the batch, always axis 0, and
            the axes that vary between `smallest` and `largest`.
        dtype: A numpy dtype name (``"float32"``).
        layout: ``"NCHW"`` for images, ``"YX"`` for outputs that a card gives as matrices,
            empty where the axes have no agreed names.
        smallest: Of a tensor whose sizes vary, its smallest shape for one sample; else empty.
        largest: Likewise the largest; 0 where an axis has no upper bound.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    layout: str = ""
    smallest: tuple[int, ...] = ()
    largest: tuple[int, ...] = ()

    @property
    def is_dynamic(self) -> bool:
        """Return whether more than the batch varies."""
        return bool(self.smallest)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Return the shape of a batch of one; of sizes that vary the largest that is known."""
        if self.smallest:
            return tuple(high or low for low, high in zip(self.smallest, self.largest, strict=True))
        return tuple(1 if dim is None else dim for dim in self.shape)

    def accepts(self, shape: tuple[int, ...]) -> bool:
        """Tell whether an array of ``shape`` fits: any batch, other axes within their range."""
        fits = len(shape) == len(self.shape) and all(
            want is None or want == got for want, got in zip(self.shape, shape, strict=True)
        )
        return fits and all(
            low <= size and (size <= high or not high)
            for low, size, high in zip(self.smallest[1:], shape[1:], self.largest[1:], strict=False)
        )

    def __str__(self) -> str:
        return f"{self.name} [{', '.join(map(self._axis, range(len(self.shape))))}] {self.dtype}"

    def _axis(self, axis: int) -> str:
        size = self.shape[axis]
        if size is not None or axis == 0 or not self.smallest:
            return "N" if size is None else str(size)
        return f"{self.smallest[axis]}..{self.largest[axis] or ''}"

    def to_json(self) -> dict[str, Any]:
        """Return the form in which manifests carry it (free axes are ``null``)."""
        data = {
            "name": self.name,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "layout": self.layout,
        }
        if self.smallest:
            data |= {"smallest": list(self.smallest), "largest": list(self.largest)}
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "TensorSpec":
        """Read what `to_json` returned."""
        return cls(
            data["name"],
            tuple(data["shape"]),
            data["dtype"],
            data.get("layout", ""),
            tuple(data.get("smallest", ())),
            tuple(data.get("largest", ())),
        )
