# SPDX-License-Identifier: Apache-2.0
"""Changes to a build YAML that may mend a block."""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import onnx

from vackit.compiler.explain.blocks import INPUT, Block
from vackit.compiler.explain.evidence import Cause
from vackit.compiler.graph import consumers
from vackit.compiler.placement import MOVING, WEIGHTED, place
from vackit.config.build import CALIBRATE_MODES, Quantize

# what a cause asks for, beside leaving nodes in float
_REBUILD = frozenset({"saturation", "wide_range"})
_OTHER_MODES = {
    "rare_outliers": ("percentile", "mse", "kl_divergence"),
    "saturation": ("max", "percentile"),
    "outlier_channel": ("percentile", "mse"),
}


@dataclass(frozen=True)
class Patch:
    """A change of ``backend.quantize``.

    Attributes:
        per_channel: Set ``quantize_per_channel: true``.
        mode: The new ``calibrate_mode``; empty: as it was.
        convs: Conv nodes to leave in float, by name.
        others: Other nodes to leave in float, by name.
        rebuild: Build again with images like these; for itself it changes no key.
    """

    per_channel: bool = False
    mode: str = ""
    convs: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    rebuild: bool = False

    def __bool__(self) -> bool:
        return self != Patch()

    def __add__(self, other: "Patch") -> "Patch":
        return Patch(
            self.per_channel or other.per_channel,
            self.mode or other.mode,
            _union(self.convs, other.convs),
            _union(self.others, other.others),
        )._rebuilding(self.rebuild or other.rebuild)

    def _rebuilding(self, wanted: bool) -> "Patch":
        # another mode or other scales mean building again anyway
        is_implied = self.per_channel or bool(self.mode)
        return dataclasses.replace(self, rebuild=wanted and not is_implied)

    @property
    def size(self) -> tuple[int, int]:
        """Return a sort key, the smallest change first: nodes in float cost speed."""
        return len(self.nodes), len(self.settings())

    @property
    def nodes(self) -> frozenset[str]:
        """Return the names of the nodes that it leaves in float."""
        return frozenset((*self.convs, *self.others))

    def applied(self, quantize: Quantize) -> Quantize:
        """Return ``quantize`` changed; its lists of nodes are the caller's to read."""
        return dataclasses.replace(
            quantize,
            quantize_per_channel=quantize.quantize_per_channel or self.per_channel,
            calibrate_mode=self.mode or quantize.calibrate_mode,
            # a percentile chosen for another mode means nothing to this one
            calibrate_range=None if self.mode else quantize.calibrate_range,
        )

    def settings(self) -> dict[str, bool | str | list[str]]:
        """Return the keys of ``backend.quantize`` that it sets."""
        found: dict[str, bool | str | list[str]] = {}
        if self.per_channel:
            found["quantize_per_channel"] = True
        if self.mode:
            found["calibrate_mode"] = self.mode
        if self.convs:
            found["skip_conv_layers"] = list(self.convs)
        if self.others:
            found["exclude_layers"] = list(self.others)
        return found

    def yaml(self) -> str:
        """Return it as YAML to merge into the build YAML."""
        lines = [f"    {key}: {_yaml(value)}" for key, value in self.settings().items()]
        return "\n".join(["backend:", "  quantize:", *lines]) if lines else ""

    def __str__(self) -> str:
        parts = [f"{key}: {_yaml(value)}" for key, value in self.settings().items()]
        return ", ".join(parts) or ("build again" if self else "as it is")


def candidates(
    block: Block, causes: Sequence[Cause], quantize: Quantize, twin: onnx.GraphProto
) -> list[Patch]:
    """Return what may mend a block, the smallest change first.

    What no build makes is mended by building, and by nothing less.
    """
    causes = [cause for cause in causes if not cause.is_note]
    kinds = {cause.kind for cause in causes}
    if any(cause.is_fault for cause in causes):
        return [Patch(rebuild=True)]
    found = [Patch(rebuild=True)] if kinds & _REBUILD else []
    if not quantize.quantize_per_channel and block.weights:
        found.append(Patch(per_channel=True))
    modes = dict.fromkeys(mode for cause in causes for mode in _OTHER_MODES.get(cause.kind, ()))
    found += [Patch(mode=m) for m in modes if m in CALIBRATE_MODES and m != quantize.calibrate_mode]
    own = skip([block.name] if block.op_type != INPUT else [], twin)
    readers = skip(readers_of(block, twin), twin)
    # its own node for what its weights lose, its readers for what the rounding of its value does
    found += [own, readers, own + readers]
    return list(dict.fromkeys(patch for patch in found if patch))


def skip(names: Iterable[str], twin: onnx.GraphProto) -> Patch:
    """Return the patch that leaves the named nodes of the twin in float."""
    listed = list(names)
    chosen = [node for node in twin.node if node.name in listed]
    return Patch(
        convs=tuple(node.name for node in chosen if node.op_type == "Conv"),
        others=tuple(node.name for node in chosen if node.op_type != "Conv"),
    )


def readers_of(block: Block, twin: onnx.GraphProto) -> list[str]:
    """Return the nodes that compute with a block's value, also behind nodes that move it."""
    readers = consumers(twin)
    pending, found = [block.value], dict[str, None]()
    while pending:
        for node in readers.get(pending.pop(), []):
            if node.op_type in MOVING:
                pending.extend(node.output)
            elif node.op_type in WEIGHTED:
                found[node.name] = None
    return list(found)


def is_heeded(patch: Patch, twin: onnx.ModelProto) -> bool:
    """Tell whether the compiler leaves all the nodes of a patch in float when told to."""
    return not patch.nodes & place(twin, patch.nodes).nodes


def _union(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def _yaml(value: bool | str | list[str]) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        quoted = ("'" + name.replace("'", "''") + "'" for name in value)
        return f"[{', '.join(quoted)}]"
    return value
