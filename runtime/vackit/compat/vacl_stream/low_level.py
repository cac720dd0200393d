# SPDX-License-Identifier: Apache-2.0
"""The low-level form: streams put together by numbers; and what callbacks read outputs with."""

import ctypes
import math
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vackit.compat.vacl_stream.callback import Callback
from vackit.compat.vacl_stream.handle import RunningStream, next_id
from vackit.compat.vacl_stream.inputs import TensorPreparation
from vackit.compat.vacl_stream.memory import DEVICE_MEMORY
from vackit.compat.vacl_stream.models import MODELS, triple_of
from vackit.compat.vacl_stream.outputs import OFFERED, Half
from vackit.compat.vacl_stream.structures import OutputShape, address_of, output_shape
from vackit.compat.vaststreamx.context import set_device
from vackit.compat.vaststreamx.model import Model
from vackit.config.model_info import dynamic_prefix
from vackit.errors import DataError, StreamError

BERT_EMBEDDING = 20001
_OK = 0
_NO_SIZE = (1, 1)  # of inputs that are no image


@dataclass
class _Stream:
    """A stream while it is put together, and then its running part."""

    device_id: int
    operators: dict[int, int]
    model: Model | None = None
    callback: Callback | None = None
    running: RunningStream | None = None


class _Streams:
    """By their ids, of all objects of the interface. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: dict[int, _Stream] = {}

    def add(self, stream: _Stream) -> int:
        with self._lock:
            stream_id = next_id()
            self._streams[stream_id] = stream
            return stream_id

    def get(self, stream_id: int) -> _Stream:
        with self._lock:
            if stream_id not in self._streams:
                raise StreamError(f"there is no stream {stream_id}")
            return self._streams[stream_id]


_STREAMS = _Streams()


class VaclStream:
    """The functions of the low-level form, and those for callbacks of both forms.

    Objects hold nothing of their own: what one has registered, all know.
    """

    def init(self, device_id: int) -> int:
        """Choose the device of the calling thread; return 0."""
        return set_device(device_id)

    def create_stream(self, device_id: int, balance_mode: int = 0) -> tuple[int, int]:
        """Return (context, stream id); neither is 0. The mode is accepted."""
        set_device(device_id)
        return next_id(), _STREAMS.add(_Stream(device_id, {}))

    def create_stream_op(self, stream_id: int, op_type: int) -> int:
        """Add the operator before the model; return its number.

        Raises:
            StreamError: It is another one than 20001, the text models': the others take
                vdsp params, which only `create_vaststream` has.
        """
        if op_type != BERT_EMBEDDING:
            raise StreamError(
                f"operator {op_type} cannot be made alone, expected {BERT_EMBEDDING}",
                hint="use create_vaststream with a vdsp_params file",
            )
        number = next_id()
        _STREAMS.get(stream_id).operators[number] = op_type
        return number

    def invoke_stream_op(self, operator: int, context: int) -> int:
        """Accept the operator's place before the model; return 0."""
        return _OK

    def register_static_model(
        self,
        name: str,
        lib_path: str,
        graph_path: str,
        params_path: str,
        device_id: int = 0,
        hw_config: str = "",
        batch_size: int = 1,
    ) -> int:
        """Load the model behind a triple of paths; return 0.

        Raises:
            ArtifactError: There is none.
            ConfigError: The paths are of several models.
        """
        triple = {
            "model_name": name, "model_lib_path": lib_path, "model_graph_path": graph_path,
            "model_params_path": params_path,
        }  # fmt: skip
        MODELS.add(name, triple_of(triple)[1], device_id, batch_size)
        return _OK

    def register_dynamic_model(
        self,
        name: str,
        dynamic_json: str,
        device_id: int = 0,
        hw_config: str = "",
        batch_size: int = 1,
    ) -> int:
        """Load the artifact that stands beside a dynamic model's JSON; return 0."""
        MODELS.add(name, dynamic_prefix(Path(dynamic_json)), device_id, batch_size)
        return _OK

    def invoke_run_model_op(self, stream_id: int, operator: int, name: str) -> int:
        """Put a registered model behind the operator; return its context's number.

        Raises:
            StreamError: Stream or model is not known.
        """
        _STREAMS.get(stream_id).model = MODELS.get(name)
        return next_id()

    def build_stream(self, stream_id: int) -> int:
        """Accept that the stream is complete; return 0.

        Raises:
            StreamError: It has no model.
        """
        if _STREAMS.get(stream_id).model is None:
            raise StreamError(f"stream {stream_id} has no model", hint="call invoke_run_model_op")
        return _OK

    def subscribe_device_report(self, stream_id: int, callback: Any, user_data: Any = None) -> int:
        """Choose who gets the results, and with what; return 0.

        Raises:
            StreamError: The callback cannot be called.
        """
        stream = _STREAMS.get(stream_id)
        fields = {"stream_id": stream_id, "device_id": stream.device_id}
        stream.callback = Callback(callback, user_data, fields)
        return _OK

    def copy_data_to_device(self, data: Any, num_bytes: int, device_id: int = 0) -> int:
        """Copy from a pointer or an array of the host; return the address of the copy."""
        return DEVICE_MEMORY.copy_in(data, num_bytes)

    def free_data_on_device(self, address: Any, device_id: int = 0) -> int:
        """Give a copy up; return 0, or 1 where none lies there."""
        return DEVICE_MEMORY.free(address)

    def run_stream(self, stream_id: int, input_id: int, addresses: Any, count: int) -> int:
        """Submit one sample, one address per input; returns 0 before it is executed.

        Raises:
            StreamError: The stream is not complete, or the inputs are not the model's.
        """
        stream = _STREAMS.get(stream_id)
        blocks = [DEVICE_MEMORY.read(addresses[i]) for i in range(count)]
        return _running(stream, stream_id).run(blocks, _NO_SIZE, input_id)

    def get_output_num_per_batch(self, name: str) -> int:
        """Return the number of outputs that a sample has."""
        return MODELS.get(name).output_count

    def get_output_size_by_index(self, name: str, index: int) -> int:
        """Return the size of a sample's output in bytes, as float16."""
        return math.prod(_sample_shape(name, index)) * np.dtype(np.float16).itemsize

    def get_output_shape_by_index(self, name: str, index: int) -> tuple[int, OutputShape]:
        """Return 0 and the shape of an output for one sample."""
        return _OK, output_shape(_sample_shape(name, index))

    def get_model_output(self, name: str, index: int, address: Any, host: Any) -> int:
        """Copy an output of the sample at ``address`` to the host; return 0.

        Args:
            name: The model's.
            index: Which output.
            address: One that the callback got, of any output of the sample.
            host: Pointer to, or array of, `get_output_size_by_index` bytes.
        """
        output = _chosen(OFFERED.sample(address), index)
        if isinstance(host, np.ndarray):
            if host.nbytes < output.nbytes or not host.flags.c_contiguous:
                raise DataError(
                    f"the output has {output.nbytes} bytes, the array has {host.nbytes} "
                    f"{'' if host.flags.c_contiguous else 'that are not contiguous'}".rstrip()
                )
            host = host.ctypes.data
        target = address_of(host)
        if not target:
            raise DataError("cannot copy from the device: the pointer is null")
        ctypes.memmove(target, output.ctypes.data, output.nbytes)
        return _OK

    def stream_get_stream_output(self, name: str, addresses: Any, count: int) -> list[list[Half]]:
        """Return copies of the outputs: per sample one flat float16 array per output.

        Args:
            name: The model's.
            addresses: As the callback got them.
            count: Their number.
        """
        return [[output.copy() for output in s] for s in OFFERED.samples(addresses, count)]


def _running(stream: _Stream, stream_id: int) -> RunningStream:
    with _BUILDING:
        if stream.running is None:
            if stream.model is None or stream.callback is None:
                missing = "model" if stream.model is None else "callback"
                raise StreamError(f"stream {stream_id} has no {missing}")
            prepare = TensorPreparation(stream.model.program, tokens=bool(stream.operators))
            stream.running = RunningStream(prepare, stream.model, stream.callback)
        return stream.running


_BUILDING = threading.Lock()


def _sample_shape(name: str, index: int) -> tuple[int, ...]:
    outputs = MODELS.get(name).program.outputs
    if not 0 <= index < len(outputs):
        raise StreamError(f"model '{name}' has {len(outputs)} outputs, none is {index}")
    return outputs[index].sample_shape


def _chosen(sample: tuple[Half, ...], index: int) -> Half:
    if not 0 <= index < len(sample):
        raise StreamError(f"the sample has {len(sample)} outputs, none is {index}")
    return sample[index]
