# SPDX-License-Identifier: Apache-2.0
"""What stands before a detection head is decoded: the model's outputs, and what fits what."""

from collections.abc import Sequence
from dataclasses import dataclass

import onnx

from vackit.compiler.detection.params import NmsParams
from vackit.compiler.dynamic import range_of
from vackit.compiler.graph import producers, shape_of
from vackit.errors import ModelError

# behind these lies another part of the network
_WEIGHTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})


@dataclass(frozen=True)
class Output:
    """One output of the model; ``shape`` is that of one sample, without the batch."""

    name: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.name} [{', '.join(map(str, ('N', *self.shape)))}]"


@dataclass(frozen=True)
class Scene:
    """A model whose head is to be decoded.

    Attributes:
        outputs: In the model's order.
        size: (height, width) of the model's input in pixels.
        params: From the build YAML.
        tail_ops: Per output the operators between it and the nearest convolutions.
        image: Name of that input.
        smallest: Its (height, width) where it varies: then all shapes are those of its
            largest size. None where it does not.
    """

    outputs: tuple[Output, ...]
    size: tuple[int, int]
    params: NmsParams
    tail_ops: dict[str, frozenset[str]]
    image: str = ""
    smallest: tuple[int, int] | None = None

    @classmethod
    def of(cls, model: onnx.ModelProto, params: NmsParams) -> "Scene":
        """Look at ``model``, whose outputs have their shapes.

        Raises:
            ModelError: It takes no image, or images without an upper bound of their size.
        """
        images = [value for value in model.graph.input if len(_sizes(value)) == 4]
        if not images:
            raise ModelError(
                "detection post-processing needs a model that takes an image [N, C, H, W]",
                hint="remove graph.extra_ops",
            )
        bounds = range_of(images[0])
        if bounds and not all(bounds[1]):
            raise ModelError(
                f"detection post-processing needs an upper bound of the sizes of "
                f"'{images[0].name}', which goes from {list(bounds[0])} on",
                hint="write the largest shape too into frontend.shape",
            )
        smallest = (bounds[0][2], bounds[0][3]) if bounds else None
        height, width = _sizes(images[0])[2:]
        outputs = tuple(Output(value.name, _sizes(value)[1:]) for value in model.graph.output)
        tails = {output.name: _tail_ops(model.graph, output.name) for output in outputs}
        return cls(outputs, (height, width), params, tails, images[0].name, smallest)

    def has_tail(self, op_type: str, outputs: Sequence[Output]) -> bool:
        """Tell whether ``op_type`` lies between any of ``outputs`` and its convolutions."""
        return any(op_type in self.tail_ops[output.name] for output in outputs)

    def cells(self, stride: int) -> tuple[int, int]:
        """Return (rows, columns) of a level: convolutions round its size up."""
        return -(-self.size[0] // stride), -(-self.size[1] // stride)

    @property
    def num_cells(self) -> int:
        """Return how many cells all levels have together."""
        return sum(rows * columns for rows, columns in map(self.cells, self.params.strides))

    def maps(self, channels: int, num_anchors: int = 1) -> list[list[Output]]:
        """Return per stride the outputs that are maps of its level.

        Args:
            channels: Of one anchor.
            num_anchors: Of one cell.

        Returns:
            Outputs of shape (anchors * channels, rows, columns), (anchors, rows, columns,
            channels) or (rows, columns, anchors * channels).
        """
        found = []
        for stride in self.params.strides:
            rows, columns = self.cells(stride)
            shapes = [
                (num_anchors * channels, rows, columns),
                (num_anchors, rows, columns, channels),
                (rows, columns, num_anchors * channels),
            ]
            found.append([output for output in self.outputs if output.shape in shapes])
        return found

    def one_map_a_level(self, channels: int, num_anchors: int = 1) -> list[Output]:
        """Return the one map of each level, empty where a level has none or several."""
        found = self.maps(channels, num_anchors)
        return [each[0] for each in found] if all(len(each) == 1 for each in found) else []

    def split_maps(self, *channels: int, num_anchors: int = 1) -> list[list[Output]]:
        """Return per part of a head its maps, one a level; empty where a level lacks one.

        Args:
            channels: Of one anchor, part by part; of equal parts the model's first output
                is the first part.
            num_anchors: Of one cell.
        """
        parts: list[list[Output]] = []
        taken: set[str] = set()
        for each in channels:
            levels = self.maps(each, num_anchors)
            free = [[o for o in level if o.name not in taken] for level in levels]
            if not all(free):
                return []
            parts.append([level[0] for level in free])
            taken.update(output.name for output in parts[-1])
        return parts

    def table(self, columns: int) -> Output | None:
        """Return the one output of shape (boxes, ``columns``) or (``columns``, boxes)."""
        fits = [o for o in self.outputs if len(o.shape) == 2 and columns in o.shape]
        return fits[0] if len(fits) == 1 else None


def _sizes(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    if bounds := range_of(value):
        return bounds[1]
    return tuple(size if isinstance(size, int) else 0 for size in shape_of(value) or ())


def _tail_ops(graph: onnx.GraphProto, name: str) -> frozenset[str]:
    makers = producers(graph)
    ops: set[str] = set()
    waiting, seen = [name], set[str]()
    while waiting:
        node = makers.get(waiting.pop())
        if node is None or node.name in seen or node.op_type in _WEIGHTED:
            continue
        seen.add(node.name)
        ops.add(node.op_type)
        waiting.extend(node.input)
    return frozenset(ops)
