# SPDX-License-Identifier: Apache-2.0
"""What a pass is."""

from abc import ABC, abstractmethod
from typing import ClassVar

import onnx

_NO_KIND: frozenset[str] = frozenset()


class Pass(ABC):
    """One graph transformation.

    Its class docstring says what it changes and what it promises not to change. Its class
    attributes declare the effects that `running.run_passes` holds it to; no pass changes the names,
    order, dtypes or shapes of the graph's inputs.

    Attributes:
        name: For the manifest and for messages.
        removes: Kinds of nodes that may become fewer; `promises.ANY`: of every kind.
        adds: Kinds of nodes that may become more.
        changes_outputs: It is there to change what the model returns.
        raises_opset: It may bring the model to a newer opset.
    """

    name: ClassVar[str]
    removes: ClassVar[frozenset[str]] = _NO_KIND
    adds: ClassVar[frozenset[str]] = _NO_KIND
    changes_outputs: ClassVar[bool] = False
    raises_opset: ClassVar[bool] = False

    @abstractmethod
    def apply(self, model: onnx.ModelProto) -> int:
        """Change ``model`` in place; return the number of changes."""

    def sparing(self, nodes: frozenset[str]) -> "Pass":
        """Return the pass that leaves ``nodes`` as nodes of their own: most do in any case."""
        del nodes
        return self

    def precondition(self, model: onnx.ModelProto) -> str:
        """Say why the pass cannot be applied to ``model``; empty where it can."""
        del model
        return ""

    def postcondition(self, model: onnx.ModelProto) -> str:
        """Say what of its aim the pass has missed in ``model``; empty where nothing."""
        del model
        return ""
