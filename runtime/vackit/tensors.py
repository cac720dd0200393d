# SPDX-License-Identifier: Apache-2.0
"""What a tensor is called, how large it is and what it holds."""

from dataclasses import dataclass
from typing import Any

FLOAT_DTYPES = ("float16", "float32")


@dataclass(frozen=True)
class TensorSpec:
    """Name, shape, dtype and layout of one input or output.

    Attributes:
        name: The name in the ONNX graph.
        shape: One entry per axis; ``None`` for the symbolic batch axis, always axis 0.
        dtype: A numpy dtype name (``"float32"``).
        layout: ``"NCHW"`` for images, empty where the axes have no agreed names.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    layout: str = ""

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Return the shape of a batch of one."""
        return tuple(1 if dim is None else dim for dim in self.shape)

    def accepts(self, shape: tuple[int, ...]) -> bool:
        """Tell whether an array of ``shape`` fits, any size on a symbolic axis."""
        return len(shape) == len(self.shape) and all(
            want is None or want == got for want, got in zip(self.shape, shape, strict=True)
        )

    def __str__(self) -> str:
        dims = ", ".join("N" if dim is None else str(dim) for dim in self.shape)
        return f"{self.name} [{dims}] {self.dtype}"

    def to_json(self) -> dict[str, Any]:
        """Return the form in which manifests carry it (symbolic axes are ``null``)."""
        return {
            "name": self.name,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "layout": self.layout,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "TensorSpec":
        """Read what `to_json` returned."""
        return cls(data["name"], tuple(data["shape"]), data["dtype"], data.get("layout", ""))
