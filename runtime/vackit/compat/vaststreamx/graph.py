# SPDX-License-Identifier: Apache-2.0
"""Graphs of a program: at most one operator that prepares, and a model."""

from collections.abc import Iterable, Sequence

from vackit.compat.vaststreamx.enums import GraphOutputType, OpType
from vackit.compat.vaststreamx.operators import ModelOperator, Operator
from vackit.errors import StreamError


class Graph:
    """Operators in the order in which samples pass them.

    Args:
        output_type: A `GraphOutputType`; or the older form, a bool that says whether
            outputs are copied to the host (they always are here).
        output_flags: Accepted: one number per output (their meaning is not published).
        do_copy: The older form by name.
    """

    def __init__(
        self,
        output_type: GraphOutputType | bool = GraphOutputType.GRAPH_OUTPUT_TYPE_NCHW_DEVICE,
        output_flags: Sequence[int] = (),
        *,
        do_copy: bool | None = None,
    ) -> None:
        if isinstance(output_type, bool) or do_copy is not None:
            output_type = GraphOutputType.GRAPH_OUTPUT_TYPE_NCHW_HOST
        self.output_type = GraphOutputType(output_type)
        self.output_flags = tuple(output_flags)
        self.operators: list[Operator] = []

    def add_operators(self, *operators: Operator | Iterable[Operator]) -> None:
        """Append operators, or lists of them.

        Raises:
            StreamError: Something is no operator.
        """
        for one in operators:
            if isinstance(one, Operator):
                self.operators.append(one)
            elif isinstance(one, Iterable):
                self.add_operators(*one)
            else:
                raise StreamError(f"a graph takes operators, got {type(one).__name__}")

    def checked(self) -> tuple[Operator | None, ModelOperator]:
        """Return the preparing operator, if any, and the model's.

        Raises:
            StreamError: They are others, or in another order.
        """
        before, last = self.operators[:-1], self.operators[-1] if self.operators else None
        if not isinstance(last, ModelOperator) or len(before) > 1:
            names = ", ".join(str(one.op_type) for one in self.operators) or "nothing"
            raise StreamError(
                f"a graph holds at most one operator and then a ModelOperator, got {names}",
                hint="run single and custom operators by themselves, with their `execute`",
            )
        prepare = before[0] if before else None
        if prepare is not None and prepare.op_type < OpType.BERT_EMBEDDING_OP:
            raise StreamError(
                f"{prepare.op_type} does not prepare a model's input",
                hint="run it by itself, with `execute`",
            )
        return prepare, last
