# SPDX-License-Identifier: Apache-2.0
"""Operators of a program: loaded from vdsp params, single ones, and the model's."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from vackit.compat.vaststreamx.attributes import (
    Attributes,
    Value,
    attributes_of,
    coded,
    single_attributes,
)
from vackit.compat.vaststreamx.enums import AttrKey, OpType
from vackit.compat.vaststreamx.image import Image
from vackit.compat.vaststreamx.model import Model
from vackit.compat.vaststreamx.op_state import OpState
from vackit.compat.vaststreamx.single_files import is_single, read_single
from vackit.compat.vaststreamx.single_ops import execute
from vackit.compat.vaststreamx.tensor import Tensor
from vackit.config.load import load_json
from vackit.config.vdsp import load_vdsp_params, to_json
from vackit.config.vdsp_types import VdspParams
from vackit.errors import StreamError

T = TypeVar("T", bound="Operator")


class Operator:
    """An operator of a graph.

    Args:
        op_type: Which. Fused operators come from `load_ops_from_json_file`.
    """

    def __init__(self, op_type: OpType | int) -> None:
        self.state = _state(OpType(op_type))

    @property
    def op_type(self) -> OpType:
        """Return which operator it is; from 100 on it is a fused one."""
        return self.state.op_type

    @staticmethod
    def load_ops_from_json_file(path: str | PathLike[str]) -> "list[Operator]":
        """Return the operators of a vdsp_params JSON of any generation, or of a single operator's.

        Raises:
            ConfigError: With everything that is wrong in the file.
        """
        document = load_json(Path(path))
        if is_single(document):
            return [_sharing(Operator, OpState(*read_single(document)))]
        params = load_vdsp_params(Path(path), lenient=True)
        data: Any = document.data
        if params.generation != "C":
            data = to_json(params)
        config = data.get("OpConfig") or {}
        op_type = OpType[params.op_type]
        if op_type is OpType.BERT_EMBEDDING_OP:
            return [Operator(op_type)]
        return [_sharing(Operator, OpState(op_type, attributes_of(config, params), params))]

    def cast_to_buildin_operator(self) -> "BuildInOperator":
        """Return this same operator with its attributes in reach."""
        return _sharing(BuildInOperator, self.state)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Operator) and other.state is self.state

    def __hash__(self) -> int:
        return hash(id(self.state))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.op_type})"


class BuildInOperator(Operator):
    """A single or fused operator whose attributes can be read, set, and which executes."""

    @property
    def attributes(self) -> Attributes:
        """Return the attributes by name: those that this operator has."""
        return dict(self.state.attributes)

    def get_attribute(self, key: AttrKey, index: int | None = None) -> Any:
        """Return an attribute, or one entry of it.

        Raises:
            StreamError: The operator does not have it, or not so many entries.
        """
        attributes = self.state.attributes
        name = AttrKey(key).name
        if name not in attributes:
            has = ", ".join(sorted(attributes)) or "none"
            raise StreamError(f"{self.op_type} has no attribute {name}; it has: {has}")
        value = attributes[name]
        if index is None:
            return value
        entries = value if isinstance(value, list) else [value]
        if not 0 <= index < len(entries):
            raise StreamError(f"attribute {name} has {len(entries)} entries, none is {index}")
        return entries[index]

    def set_attribute(self, attributes: Mapping[AttrKey, Any]) -> None:
        """Set attributes; streams that are built already follow with the next sample.

        Raises:
            StreamError: A value is none that the attribute can have.
        """
        changes: dict[str, Value] = {}
        for key, value in attributes.items():
            name = AttrKey(key).name
            changes[name] = coded(name, value)
        self.state.update(changes)

    def execute(
        self,
        images: Sequence[Image] | None = None,
        output_info: Sequence[Any] | None = None,
        tensors: Sequence[Image | Tensor] | None = None,
    ) -> list[Any]:
        """Run the operator alone.

        Args:
            images: What it takes.
            output_info: Per result (format, width, height), or for tensors (shape, type).
            tensors: What it takes where the results are tensors.
        """
        return execute(self.state, list(images or tensors or ()), output_info)


class ModelOperator(Operator):
    """A model as an operator of a graph."""

    def __init__(self, model: Model) -> None:
        super().__init__(OpType.MODEL_OP)
        if not isinstance(model, Model):
            raise StreamError(f"ModelOperator takes a Model, got {type(model).__name__}")
        self.model = model


def _state(op_type: OpType) -> OpState:
    if op_type >= OpType.FUSION_OP_YUV_NV12_RESIZE_2RGB_NORM_TENSOR:
        params = VdspParams(
            op_type.name,
            image_format="YUV_NV12" if "NV12" in op_type.name else "RGB_PLANAR",
            color_cvt_code="YUV2RGB_NV12" if "NV12" in op_type.name else "NO_CHANGE",
        )
        return OpState(op_type, attributes_of(to_json(params)["OpConfig"], params), params)
    return OpState(op_type, single_attributes(op_type))


def _sharing(kind: type[T], state: OpState) -> T:
    made = kind.__new__(kind)
    made.state = state
    return made
