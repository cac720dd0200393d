# SPDX-License-Identifier: Apache-2.0
"""A graph: operators wired together, from a sample to the model's outputs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vackit.config.vdsp import VdspParams
from vackit.devices.base import Program
from vackit.stream.operators import (
    ImageOperator,
    ModelOperator,
    Operator,
    TensorOperator,
    Tensors,
)


@dataclass(frozen=True)
class Graph:
    """A preparing operator, sample by sample, and a model operator, batch by batch.

    Attributes:
        prepare: From a sample to the model's inputs.
        model: What executes them.
    """

    prepare: Operator
    model: ModelOperator

    def after(self, read: Callable[[Any], Any]) -> "Graph":
        """Return the graph whose samples are first passed through ``read``.

        Reading (a file, an encoded image) then happens in the stream's workers.
        """

        def prepare(sample: Any, params: Mapping[str, Any]) -> Tensors:
            return self.prepare(read(sample), params)

        return Graph(prepare, self.model)


def make_graph(program: Program, vdsp: VdspParams | None = None) -> Graph:
    """Wire a program behind its preprocessing, or alone where its inputs come as they are.

    Raises:
        StreamError: Preprocessing and model do not fit together.
    """
    prepare = TensorOperator(program) if vdsp is None else ImageOperator(vdsp, program)
    return Graph(prepare, ModelOperator(program))
