# SPDX-License-Identifier: Apache-2.0
"""Append the detection post-processing that ``graph.extra_ops`` asks for."""

import logging
from typing import ClassVar

import onnx
from onnx import TensorProto, helper

from vackit.compiler.batch import set_output_shapes
from vackit.compiler.detection.expectation import write_out_expectations
from vackit.compiler.detection.heads import HEADS
from vackit.compiler.detection.params import NmsParams
from vackit.compiler.detection.scene import Scene
from vackit.compiler.detection.select import Candidates, choose
from vackit.compiler.detection.tail import Tail
from vackit.compiler.graph import producers, replace, replace_uses
from vackit.compiler.opset import raise_opset
from vackit.compiler.passes.base import Pass
from vackit.compiler.passes.promises import ANY
from vackit.compiler.passes.remove_dead import RemoveDead
from vackit.errors import ModelError

logger = logging.getLogger(__name__)


class AppendNms(Pass):
    """Decode the model's head and choose among its boxes; the outputs become the choice.

    ``ids`` (N, K), ``scores`` (N, K) and ``boxes`` (N, K, 4) x1 y1 x2 y2 in pixels of the
    model's input, the best first, rows without a box -1; then mask coefficients ``masks``
    (N, K, m) and ``prototypes`` (N, m, h, w) where the head has them. retinaface:
    ``scores`` (N, K, 1), ``boxes`` (N, K, 4), ``landmarks`` (N, K, 10).

    Unlike other passes it changes what the model returns. A model older than opset 13 is
    raised to it.
    """

    name: ClassVar[str] = "append_nms"
    removes: ClassVar[frozenset[str]] = frozenset({ANY})
    adds: ClassVar[frozenset[str]] = frozenset({ANY})
    changes_outputs: ClassVar[bool] = True
    raises_opset: ClassVar[bool] = True

    def __init__(self, kind: str, params: NmsParams) -> None:
        self._kind = kind
        self._params = params

    def apply(self, model: onnx.ModelProto) -> int:
        """Append it.

        Raises:
            ModelError: The outputs are of no form that the head takes.
        """
        raise_opset(model, "")
        graph = model.graph
        tail = Tail(graph, self._kind)
        write_out_expectations(graph, tail)
        scene = Scene.of(model, self._params)
        found = self._decoded(scene, tail)
        unread = [str(output) for output in scene.outputs if output.name not in found.used]
        if unread:
            logger.warning("%s does not need these outputs: %s", self._kind, "; ".join(unread))
        results = self._results(tail, found, varies=scene.smallest is not None)
        _set_outputs(graph, results, tail)
        RemoveDead().apply(model)
        set_output_shapes(model, "")
        return 1

    def _decoded(self, scene: Scene, tail: Tail) -> Candidates:
        head = HEADS[self._kind]
        for form in head.forms:
            if (found := form(scene, tail)) is not None:
                return found
        levels = [scene.cells(stride) for stride in self._params.strides]
        raise ModelError(
            f"graph.extra_ops {self._kind} does not fit the model's outputs: "
            f"{'; '.join(map(str, scene.outputs))}. It takes "
            f"{head.describe(self._params, levels)}",
            hint="check num_classes, anchor and strides, or cut the model at such outputs",
        )

    def _results(self, tail: Tail, found: Candidates, *, varies: bool) -> dict[str, str]:
        head = HEADS[self._kind]
        chosen = choose(tail, found, self._params, suppress=head.suppress, varies=varies)
        if head.is_face:
            scores = tail("Unsqueeze", chosen.scores, tail.ints([2]))
            results = {"scores": scores, "boxes": chosen.boxes}
        else:
            results = {"ids": chosen.ids, "scores": chosen.scores, "boxes": chosen.boxes}
        return results | chosen.extras | found.kept


def _set_outputs(graph: onnx.GraphProto, results: dict[str, str], tail: Tail) -> None:
    """Make ``results``, values by output name, the graph's outputs."""
    del graph.output[:]
    makers = producers(graph)
    for name, value in results.items():
        if name in makers:  # a value of the model's gives the name up
            inner = tail.fresh(f"{name}/model")
            replace(makers[name].output, name, inner)
            replace_uses(graph, name, inner)
            value = inner if value == name else value
            output = name
        else:
            output = tail.fresh(name)
        graph.node.append(
            helper.make_node("Identity", [value], [output], name=tail.fresh(f"{output}/output"))
        )
        graph.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, None))
