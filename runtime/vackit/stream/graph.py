# SPDX-License-Identifier: Apache-2.0
"""A graph: operators wired together, from a sample to the model's outputs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vackit.config.vdsp import VdspParams
from vackit.devices.base import Program
from vackit.errors import VackitError
from vackit.stream.model_operator import ModelOperator
from vackit.stream.operators import (
    ImageOperator,
    Operator,
    TensorOperator,
    Tensors,
    prepared,
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

    def after(self, read: Callable[[Any], Any], place: Callable[[Any], str]) -> "Graph":
        """Return the graph whose samples are first passed through ``read``.

        Reading (a file, an encoded image) then happens in the stream's workers, and what
        is wrong with a sample is reported under its ``place``.
        """
        return Graph(_Reading(self.prepare, read, place), self.model)


@dataclass(frozen=True)
class _Reading:
    """An operator behind what reads its samples."""

    behind: Operator
    read: Callable[[Any], Any]
    place: Callable[[Any], str]
    name = "prepare"

    def __call__(self, sample: Any, params: Mapping[str, Any]) -> Tensors:
        return self.into(sample, params, None)

    def into(self, sample: Any, params: Mapping[str, Any], room: Tensors | None) -> Tensors:
        try:
            return prepared(self.behind, self.read(sample), params, room)
        except VackitError as error:
            here = self.place(sample)
            error.where = here if error.where in here else f"{here}: {error.where}"
            raise


def make_graph(program: Program, vdsp: VdspParams | None = None) -> Graph:
    """Wire a program behind its preprocessing, or alone where its inputs come as they are.

    Raises:
        StreamError: Preprocessing and model do not fit together.
    """
    prepare = TensorOperator(program) if vdsp is None else ImageOperator(vdsp, program)
    return Graph(prepare, ModelOperator(program))
