# SPDX-License-Identifier: Apache-2.0
"""The high-level form: a stream of images whose results come by callback."""

import logging
import operator
import os
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vackit.compat.vacl_stream.callback import Callback
from vackit.compat.vacl_stream.delivery import Delivery
from vackit.compat.vacl_stream.inputs import (
    TOKENS,
    ImagePreparation,
    Preparation,
    Size,
    Submitted,
    TensorPreparation,
)
from vackit.compat.vacl_stream.memory import DEVICE_MEMORY, Bytes
from vackit.compat.vacl_stream.models import MODELS, triple_of
from vackit.compat.vacl_stream.structures import StreamInfo
from vackit.compat.vaststreamx.model import Model
from vackit.config.vdsp import load_vdsp_params
from vackit.errors import StreamError
from vackit.stream import graph as native_graph
from vackit.stream.model_operator import ModelOperator as NativeModelOperator
from vackit.stream.stream import Stream as NativeStream

_IDS = iter(range(1, 1 << 32))
_LARGEST_ID = (1 << 64) - 1
_END_S = 2.0  # what a callback may still take when its stream ends

logger = logging.getLogger(__name__)


def next_id() -> int:
    """Return a number above 0 that no stream or operator has yet."""
    return next(_IDS)


class RunningStream:
    """A model behind its preprocessing, with a callback. Thread-safe.

    Args:
        prepare: What stands before the model.
        model: The model.
        callback: Gets the results.
    """

    def __init__(self, prepare: Preparation, model: Model, callback: Callback) -> None:
        self._prepare = prepare
        workers = min(4, os.cpu_count() or 1)
        graph = native_graph.Graph(prepare, NativeModelOperator(model.program))
        self._native = NativeStream(graph, workers=workers, max_batch=model.batch_size)
        window = 4 * workers * model.batch_size
        self._delivery = Delivery(callback, str(model.artifact.prefix), window)
        weakref.finalize(self, _shut_down, self._native, self._delivery)

    def run(self, blocks: Sequence[Bytes], size: Size, input_id: int) -> int:
        """Submit one input; its callback gets one sample per image. Return 0.

        Raises:
            StreamError: The input cannot be what the stream takes.
        """
        if not 0 <= operator.index(input_id) <= _LARGEST_ID:
            raise StreamError(f"input_id is {input_id}, expected 0 to {_LARGEST_ID}")
        if not blocks:
            raise StreamError(f"input {input_id} has no address")
        step = self._prepare.per_sample or len(blocks)
        samples = [Submitted(blocks[i : i + step], size) for i in range(0, len(blocks), step)]
        for sample in samples:
            self._prepare.check(sample)
        self._delivery.submit(input_id, lambda: [self._native.submit(each) for each in samples])
        return 0


class VaststreamHandle:
    """What `create_vaststream` returns."""

    def __init__(self, stream: RunningStream) -> None:
        self._stream = stream

    def copy_data_to_device(self, data: Any, num_bytes: int) -> int:
        """Copy an array's bytes; return the address of the copy."""
        return DEVICE_MEMORY.copy_in(data, num_bytes)

    def run_stream_dynamic(self, addresses: Sequence[Any], size: Size, input_id: int) -> int:
        """Submit an input; returns 0 before it is executed. The callback gets its results.

        Args:
            addresses: Of one image, or of several of the same size that share the callback.
            size: (height, width).
            input_id: What the callback finds in ``output_description.contents.input_id``.

        Raises:
            DataError: Nothing lies at an address.
            StreamError: The size does not fit the bytes copied there.
        """
        height, width = (operator.index(side) for side in size)
        blocks = [DEVICE_MEMORY.read(address) for address in addresses]
        return self._stream.run(blocks, (height, width), input_id)

    dynamic = run_stream_dynamic


def create_vaststream(
    device_id: int,
    vdsp_params_path: str | os.PathLike[str],
    model_info: Mapping[str, Any],
    callback: Any,
    balance_mode: int = 0,
    batch_size: int = 1,
    **options: Any,
) -> VaststreamHandle:
    """Start a stream.

    Args:
        device_id: Index of the device.
        vdsp_params_path: vdsp_params JSON of any generation.
        model_info: The model_info as a dict; its relative paths start from the current
            folder.
        callback: Called on another thread, once per input.
        balance_mode: Accepted.
        batch_size: The most samples of one execution; it never waits for more to come.
        options: ``yolo_size`` is accepted: the size comes from the vdsp params or the model.

    Raises:
        ConfigError: A file or the dict is wrong.
        ArtifactError: The model is not there.
        StreamError: Preprocessing, model and callback do not fit together.
    """
    for name in sorted(set(options) - {"yolo_size"}):
        logger.warning("create_vaststream: '%s' has no effect", name)
    vdsp = load_vdsp_params(Path(vdsp_params_path), lenient=True)
    name, prefix = triple_of(model_info)
    model = MODELS.add(name, prefix, device_id, batch_size)
    prepare: Preparation = (
        TensorPreparation(model.program, tokens=True)
        if vdsp.op_type == TOKENS
        else ImagePreparation(vdsp, model.program)
    )
    info = StreamInfo(next_id(), device_id, next_id(), name)
    fields = {"stream_id": info.stream_id, "device_id": device_id}
    stream = RunningStream(prepare, model, Callback(callback, info, fields))
    return VaststreamHandle(stream)


def _shut_down(native: NativeStream, delivery: Delivery) -> None:
    native.close_input()
    delivery.close()
    delivery.join(_END_S)
