# SPDX-License-Identifier: Apache-2.0
"""Give a model the inputs that ``frontend.shape`` describes, images as NCHW."""

import difflib
import logging
from collections.abc import Mapping

import onnx
from onnx import helper

from vackit.compiler.dynamic import set_range
from vackit.compiler.graph import fresh_name, replace_uses, set_nodes, set_shape, shape_of
from vackit.compiler.reading.lone_image import add_batch_axis, drop_unread_inputs
from vackit.errors import ModelError

logger = logging.getLogger(__name__)

_IMAGE_CHANNELS = (1, 3)
_IMAGE_AXES = 4
_LEAST_FREE = 4  # channels of images end here
Shape = tuple[int | str | None, ...]


def set_inputs(
    model: onnx.ModelProto,
    shapes: Mapping[str, tuple[int, ...]],
    where: object,
    ranges: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]] | None = None,
) -> None:
    """Set the inputs' shapes for one sample; turn image inputs to NCHW.

    Args:
        model: Changed in place. All its inner shapes are forgotten.
        shapes: ``frontend.shape``: per input its shape with the batch first. Where it is
            empty the model's own shapes must be complete; one entry is taken for a single
            input whatever its name, which exporters choose, and a warning says so.
        where: What to name in errors: the build YAML.
        ranges: Of inputs that are dynamic instead, their smallest and largest shape (empty:
            no upper bound).

    Raises:
        ModelError: An input is missing, or a shape does not fit.
    """
    graph, ranges = model.graph, ranges or {}
    drop_unread_inputs(graph, where)
    if add_batch_axis(model):
        shapes = {name: _batched(shape) for name, shape in shapes.items()}
        ranges = {name: (_batched(low), _batched(high)) for name, (low, high) in ranges.items()}
    names = [value.name for value in graph.input]
    given = _ends(shapes, ranges, where)
    if len(names) == len(given) == 1 and names != list(given):
        logger.warning(
            "%s: frontend.shape names '%s'; taken for the model's one input, '%s'",
            where,
            next(iter(given)),
            names[0],
        )
        given = {names[0]: next(iter(given.values()))}
    if given:
        _check_names(names, list(given), where)
    # inputs that differ in their first axis have no common batch there
    is_batched = len({ends[0][:1] for ends in given.values()}) < 2
    for value in list(graph.input):
        own = shape_of(value)
        smallest, largest = given.get(value.name) or (_complete(value.name, own, where),) * 2
        if smallest != largest:
            _check_free(value.name, own, smallest, largest, where)
        is_nhwc = _set_input(graph, value, own, smallest, where, is_batched=is_batched)
        if smallest != largest:
            if is_nhwc:
                smallest = _as_channels_first(own, smallest)
                largest = _as_channels_first(own, largest)
            set_range(value, (1, *smallest[1:]), (1, *largest[1:]))
    del graph.value_info[:]


def _batched(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (1, *shape) if len(shape) == _IMAGE_AXES - 1 else shape


def _ends(
    shapes: Mapping[str, tuple[int, ...]],
    ranges: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]],
    where: object,
) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
    """Return the smallest and the largest shape of every input; 0: no upper bound."""
    ends = {name: (shape, shape) for name, shape in shapes.items()}
    for name, (smallest, largest) in ranges.items():
        # channels have no range; what is 1 or 3 in an image stays so without an upper bound
        largest = largest or tuple(0 if size > _LEAST_FREE else size for size in smallest)
        is_ordered = len(smallest) == len(largest) and all(
            low <= high or not high for low, high in zip(smallest, largest, strict=True)
        )
        if not is_ordered or len(smallest) < 2:
            raise ModelError(
                f"frontend.shape.{name}: {list(smallest)} to {list(largest)} is no range of "
                "shapes: expected the smallest shape, then the largest, batch first",
                where=where,
                hint=f"for instance {name}: [[1, 3, 416, 416], [1, 3, 640, 640]]",
            )
        ends[name] = ((1, *smallest[1:]), (1, *largest[1:]))
    return ends


def _check_free(
    name: str,
    own: Shape | None,
    smallest: tuple[int, ...],
    largest: tuple[int, ...],
    where: object,
) -> None:
    for axis, (low, high) in enumerate(zip(smallest, largest, strict=True)):
        if low != high and own is not None and axis < len(own) and isinstance(own[axis], int):
            raise ModelError(
                f"frontend.shape.{name} goes from {low} to {high or 'any size'} on axis {axis}, "
                f"but the model is fixed there: {list(own)}",
                where=where,
                hint="export it with dynamic axes, or write one shape",
            )


def _check_names(names: list[str], given: list[str], where: object) -> None:
    unknown = [name for name in given if name not in names]
    missing = [name for name in names if name not in given]
    if unknown and not missing:
        # exporters leave out inputs that a model does not use, such as XLM-R's token types
        logger.warning("%s: frontend.shape: the model takes no '%s'", where, "', '".join(unknown))
    elif unknown:
        if len(missing) == 1:
            near = missing
        else:
            near = difflib.get_close_matches(unknown[0], missing or names, n=1)
        raise ModelError(
            f"frontend.shape names '{unknown[0]}'; the model's inputs are {', '.join(names)}",
            where=where,
            hint=f"did you mean '{near[0]}'?" if near else "",
        )
    if missing:
        raise ModelError(
            f"frontend.shape says nothing of the model's input '{missing[0]}'",
            where=where,
            hint=f"add '{missing[0]}' with its shape to frontend.shape",
        )


def _complete(name: str, own: Shape | None, where: object) -> tuple[int, ...]:
    sizes = [1, *own[1:]] if own else []
    if not sizes or not all(isinstance(size, int) for size in sizes):
        raise ModelError(
            f"input '{name}' has no complete shape of its own: {own}",
            where=where,
            hint=f"add it to frontend.shape, for instance {name}: [1, 3, 224, 224]",
        )
    return tuple(int(size) for size in sizes if isinstance(size, int))


def _set_input(
    graph: onnx.GraphProto,
    value: onnx.ValueInfoProto,
    own: Shape | None,
    wanted: tuple[int, ...],
    where: object,
    *,
    is_batched: bool,
) -> bool:
    """Set one input's shape; return whether it was channels-last."""
    if any(size < 1 for size in wanted):
        raise ModelError(f"frontend.shape.{value.name}: {list(wanted)} is no shape", where=where)
    is_whole = own is not None and _has_no_batch(value.name, own, wanted, where)
    is_whole = is_whole or not is_batched
    is_nhwc = _is_channels_last(own, wanted)
    if is_nhwc:
        wanted = _as_channels_first(own, wanted)
        last = (1, *wanted[2:], wanted[1])
        _check_shape(value.name, own, last, where)
        _transpose(graph, value, wanted)
        logger.info("input '%s' is NHWC in the model; the artifact takes NCHW", value.name)
    else:
        _check_shape(value.name, own, wanted, where)
    set_shape(value, wanted if is_whole else (1, *wanted[1:]))
    return is_nhwc


def _has_no_batch(name: str, own: Shape, wanted: tuple[int, ...], where: object) -> bool:
    """Tell whether an input is a vector or matrix (rows, columns) for one sample.

    Raises:
        ModelError: It is fixed to a batch.
    """
    if not own:
        return True
    if not isinstance(own[0], int) or own[0] == 1:
        return False
    if own == wanted and len(own) != _IMAGE_AXES:
        return True
    raise ModelError(
        f"the model's input '{name}' is fixed to a batch of {own[0]}: {list(own)}",
        where=where,
        hint="export it with a batch of 1, or with a dynamic batch"
        if len(own) == _IMAGE_AXES
        else f"if it has no batch, set frontend.shape.{name} to {list(own)}",
    )


def _check_shape(name: str, own: Shape | None, wanted: tuple[int, ...], where: object) -> None:
    if own is None:
        return
    fits = len(own) == len(wanted) and all(
        not isinstance(size, int) or size == want
        for size, want in zip(own[1:], wanted[1:], strict=True)
    )
    if not fits:
        raise ModelError(
            f"frontend.shape.{name} is {list(wanted)}, but the model takes {list(own)}",
            where=where,
            hint="set frontend.shape to the model's, or export the model with this shape",
        )


def _is_channels_last(own: Shape | None, wanted: tuple[int, ...]) -> bool:
    shape: Shape = own if own is not None and _tells_layout(own) else wanted
    if len(shape) != _IMAGE_AXES:
        return False
    # a picture one pixel wide is a vector of channels
    is_picture = shape[2] != 1
    return is_picture and shape[3] in _IMAGE_CHANNELS and shape[1] not in _IMAGE_CHANNELS


def _tells_layout(own: Shape) -> bool:
    """Tell whether the model itself says where its channels are; open axes may be any."""
    return len(own) != _IMAGE_AXES or isinstance(own[1], int) or isinstance(own[3], int)


def _as_channels_first(own: Shape | None, wanted: tuple[int, ...]) -> tuple[int, ...]:
    # the YAML may say either; the channel count tells which
    channels = own[3] if own is not None and _tells_layout(own) else wanted[3]
    if len(wanted) == 4 and wanted[1] == channels and wanted[3] != channels:
        return wanted
    return (wanted[0], wanted[3], wanted[1], wanted[2]) if len(wanted) == 4 else wanted


def _transpose(graph: onnx.GraphProto, value: onnx.ValueInfoProto, shape: tuple[int, ...]) -> None:
    inside = fresh_name(graph, f"{value.name}_nhwc")
    replace_uses(graph, value.name, inside)
    node = helper.make_node(
        "Transpose", [value.name], [inside], name=f"{inside}_Transpose", perm=[0, 2, 3, 1]
    )
    set_nodes(graph, [node, *graph.node])
