# SPDX-License-Identifier: Apache-2.0
"""The low-level form of 2023: streams put together by numbers, outputs copied to pointers."""

import ctypes
import threading
from collections.abc import Sequence
from ctypes import POINTER, c_uint32, c_uint64, c_void_p, c_wchar_p
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from vackit._version import tool_versions
from vackit.artifact.manifest import Manifest
from vackit.artifact.store import GRAPH_SUFFIX, WEIGHTS_SUFFIX, write_artifact
from vackit.compat import vacl_stream, vaststream
from vackit.compat.vacl_stream import delivery
from vackit.errors import ArtifactError, ConfigError, DataError, StreamError
from vackit.tensors import TensorSpec
from vackit.testing.tiny_artifacts import write_tiny_artifact

TIMEOUT_S = 60
LENGTH = 128


class StreamInfo(ctypes.Structure):
    """Programs define it anew."""

    _fields_: ClassVar = [
        ("stream_id", c_uint32), ("device_id", c_uint32), ("model_op_context", c_uint32),
        ("model_name", c_wchar_p),
    ]  # fmt: skip


@pytest.fixture(autouse=True)
def interrupts(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    happened = threading.Event()
    monkeypatch.setattr(delivery, "interrupt_main", happened.set)
    monkeypatch.setattr(delivery, "GRACE_S", 0.01)
    monkeypatch.setattr(delivery, "losses", [])
    return happened


def write_text_model(prefix: Path) -> None:
    """Write a model of tokens: (ids + types as float, ids masked, the number of tokens)."""
    names = ("input_ids", "attention_mask", "token_type_ids")
    ids = [helper.make_tensor_value_info(name, TensorProto.INT64, ["N", LENGTH]) for name in names]
    outputs = [
        helper.make_tensor_value_info("sum", TensorProto.FLOAT, ["N", LENGTH]),
        helper.make_tensor_value_info("count", TensorProto.FLOAT, ["N", 1]),
    ]
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    nodes = [
        helper.make_node("Mul", ["input_ids", "attention_mask"], ["masked"]),
        helper.make_node("Add", ["masked", "token_type_ids"], ["added"]),
        helper.make_node("Cast", ["added"], ["sum"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["attention_mask", "axes"], ["number"], keepdims=1),
        helper.make_node("Cast", ["number"], ["count"], to=TensorProto.FLOAT),
    ]
    graph = helper.make_graph(nodes, "text", ids, outputs, [axes])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    manifest = Manifest(
        name="text", dtype="fp32", max_batch=None, quantization=None, preprocessing=(),
        inputs=tuple(TensorSpec(name, (None, LENGTH), "int64") for name in names),
        outputs=(TensorSpec("sum", (None, LENGTH), "float32"),
                 TensorSpec("count", (None, 1), "float32")),
        tools=tool_versions("onnx"), model_sha256="0" * 64,
    )  # fmt: skip
    write_artifact(prefix, manifest, {GRAPH_SUFFIX: model.SerializeToString(), WEIGHTS_SUFFIX: b""})


class Program:
    """What published text programs do, in their order."""

    def __init__(self, model_name: str = "text", *, embedding: bool = True) -> None:
        self.vs = vacl_stream.VaclStream()
        assert self.vs.init(0) == 0
        self.context, self.stream_id = self.vs.create_stream(0, 0)
        assert self.stream_id != 0
        op = self.vs.create_stream_op(self.stream_id, 20001) if embedding else 0
        self.vs.invoke_stream_op(op, self.context)
        status = self.vs.register_static_model(
            model_name, "mod.so", "mod.json", "mod.params", 0, "", 1
        )
        assert status == 0
        model_context = self.vs.invoke_run_model_op(self.stream_id, op, model_name)
        self.info = StreamInfo(self.stream_id, 0, model_context, model_name)
        self.vs.build_stream(self.stream_id)
        self.done = threading.Event()
        self.got: dict[int, list[NDArray[np.float16]]] = {}
        self.callback = vaststream.output_callback_type(self._callback)
        user_data = ctypes.cast(ctypes.pointer(self.info), c_void_p)
        self.vs.subscribe_device_report(self.stream_id, self.callback, user_data)

    def _callback(self, description: Any, pointers: Any, size: int, user_data: Any) -> None:
        name = ctypes.cast(user_data, POINTER(StreamInfo)).contents.model_name
        outputs = []
        count = self.vs.get_output_num_per_batch(name)
        for i in range(0, size, count):
            for j in range(count):
                array = np.zeros(self.vs.get_output_size_by_index(name, j) // 2, np.float16)
                pointer = c_uint64(pointers[i + j])
                self.vs.get_model_output(name, j, pointer, c_void_p(array.ctypes.data))
                outputs.append(array)
        self.got[description.contents.input_id] = outputs
        self.done.set()

    def run(self, inputs: Sequence[NDArray[Any]], input_id: int = 0) -> list[NDArray[np.float16]]:
        self.done.clear()
        addresses = [
            self.vs.copy_data_to_device(array.ctypes.data_as(c_void_p), array.nbytes, 0)
            for array in inputs
        ]
        array = (c_uint64 * len(addresses))(*addresses)
        self.vs.run_stream(self.stream_id, input_id, array, len(addresses))
        assert self.done.wait(TIMEOUT_S)
        for address in addresses:
            assert self.vs.free_data_on_device(address, 0) == 0
        return self.got[input_id]


def tokens() -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    ids = np.arange(1, LENGTH + 1, dtype=np.int32)
    mask = (ids <= 100).astype(np.int32)
    types = ((ids > 50) & (ids <= 100)).astype(np.int32)
    return ids, types, mask


def test_a_text_model_takes_three_or_six_token_tensors() -> None:
    write_text_model(Path("mod"))
    program = Program()
    ids, types, mask = tokens()
    wanted = (ids * mask + types).astype(np.float16)
    for i, inputs in enumerate([(ids, types, mask), (ids, types, mask, mask, mask, mask)]):
        total, count = program.run(inputs, input_id=i)
        np.testing.assert_array_equal(total, wanted)
        assert count == [100]


def test_the_size_in_bytes_is_of_float16() -> None:
    write_text_model(Path("mod"))
    vs = Program().vs
    assert [vs.get_output_size_by_index("text", j) for j in range(2)] == [2 * LENGTH, 2]
    with pytest.raises(StreamError, match="model 'text' has 2 outputs, none is 2"):
        vs.get_output_size_by_index("text", 2)


@pytest.mark.parametrize("dtype", [np.float16, np.float32], ids=["float16", "float32"])
def test_a_model_alone_takes_its_tensors(dtype: type[np.generic]) -> None:
    write_tiny_artifact(Path("mod"), "identity")
    program = Program("tiny", embedding=False)
    array = np.arange(192).astype(dtype)
    np.testing.assert_array_equal(program.run([array])[0], array.astype(np.float16))


def test_run_stream_says_which_tensors_do_not_fit() -> None:
    write_tiny_artifact(Path("mod"), "identity")
    program = Program("tiny", embedding=False)
    vs, small = program.vs, np.zeros(5, np.uint8)
    address = vs.copy_data_to_device(small, 5, 0)
    with pytest.raises(StreamError, match=r"as float16 or float32, got 5 bytes"):
        vs.run_stream(program.stream_id, 0, [address], 1)
    with pytest.raises(StreamError, match=r"takes 1 inputs .*, got 2 addresses"):
        vs.run_stream(program.stream_id, 0, [address, address], 2)
    write_text_model(Path("mod"))
    program = Program()
    with pytest.raises(StreamError, match="tokens are int32, 5 bytes are none"):
        vs.run_stream(program.stream_id, 0, [address] * 3, 3)


def test_register_models_by_the_triple_or_by_a_dynamic_models_json() -> None:
    vs = vacl_stream.VaclStream()
    with pytest.raises(ArtifactError, match="mod: no compiled artifact here"):
        vs.register_static_model("m", "mod.so", "mod.json", "mod.params", 0, "", 1)
    with pytest.raises(ConfigError, match="is of another model than model_lib_path"):
        vs.register_static_model("m", "mod.so", "other.json", "mod.params", 0, "", 1)
    write_tiny_artifact(Path("mod"), "identity")
    assert vs.register_dynamic_model("dynamic", "yolov5s_module_info.json", 0, "", 1) == 0
    assert vs.get_output_num_per_batch("dynamic") == 1


def test_what_was_not_registered_or_put_together_is_named() -> None:
    write_tiny_artifact(Path("mod"), "identity")
    vs = vacl_stream.VaclStream()
    with pytest.raises(StreamError, match="there is no stream 0"):
        vs.build_stream(0)
    with pytest.raises(StreamError, match="no model 'nobody' is registered"):
        vs.get_output_num_per_batch("nobody")
    _, stream_id = vs.create_stream(0, 0)
    with pytest.raises(StreamError, match="operator 300 cannot be made alone, expected 20001"):
        vs.create_stream_op(stream_id, 300)
    with pytest.raises(StreamError, match=rf"stream {stream_id} has no model"):
        vs.build_stream(stream_id)
    address = vs.copy_data_to_device(np.zeros(4, np.uint8), 4, 0)
    vs.register_static_model("m", "mod.so", "mod.json", "mod.params", 0, "", 1)
    vs.invoke_run_model_op(stream_id, 0, "m")
    with pytest.raises(StreamError, match=rf"stream {stream_id} has no callback"):
        vs.run_stream(stream_id, 0, [address], 1)


def test_callbacks_of_a_programs_own_type_get_its_own_structure() -> None:
    class Description(ctypes.Structure):
        _fields_: ClassVar = [("anything", c_uint32), ("input_id", c_uint32)]

    write_tiny_artifact(Path("mod"), "identity")
    program = Program("tiny", embedding=False)
    got: list[tuple[int, int]] = []
    done = threading.Event()

    def callback(description: Any, pointers: Any, size: int, user_data: Any) -> None:
        got.append((description.contents.input_id, size))
        done.set()

    kind = ctypes.CFUNCTYPE(None, POINTER(Description), POINTER(c_uint64), c_uint32, c_void_p)
    program.vs.subscribe_device_report(program.stream_id, kind(callback), None)
    address = program.vs.copy_data_to_device(np.zeros(384, np.uint8), 384, 0)
    program.vs.run_stream(program.stream_id, 9, [address], 1)
    assert done.wait(TIMEOUT_S)
    assert got == [(9, 1)]


def test_subscribe_refuses_what_cannot_be_called() -> None:
    vs = vacl_stream.VaclStream()
    _, stream_id = vs.create_stream(0, 0)
    with pytest.raises(StreamError, match="the callback is no function, got int"):
        vs.subscribe_device_report(stream_id, 3, None)
    short = ctypes.CFUNCTYPE(None, c_uint32)(lambda x: None)
    with pytest.raises(StreamError, match="takes 1 arguments, expected 4"):
        vs.subscribe_device_report(stream_id, short, None)


def test_outputs_are_gone_after_their_callback() -> None:
    write_tiny_artifact(Path("mod"), "identity")
    program = Program("tiny", embedding=False)
    addresses: list[int] = []
    called = threading.Semaphore(0)

    def callback(description: Any, pointers: Any, size: int, user_data: Any) -> None:
        addresses.extend(pointers[:size])
        called.release()

    program.vs.subscribe_device_report(program.stream_id, callback, None)
    address = program.vs.copy_data_to_device(np.zeros(384, np.uint8), 384, 0)
    for input_id in range(2):  # when the second is called, the first has returned
        program.vs.run_stream(program.stream_id, input_id, [address], 1)
        assert called.acquire(timeout=TIMEOUT_S)
    host = np.zeros(192, np.float16)
    gone = addresses[0] if addresses[0] != addresses[1] else 1
    with pytest.raises(DataError, match="no output lies at address"):
        program.vs.get_model_output("tiny", 0, gone, host)


def test_get_model_output_checks_where_it_writes() -> None:
    write_tiny_artifact(Path("mod"), "identity")
    program = Program("tiny", embedding=False)
    messages: list[str] = []
    called = threading.Semaphore(0)
    hosts = [np.zeros(10, np.float16), np.zeros(400, np.float16)[::2], None]

    def callback(description: Any, pointers: Any, size: int, user_data: Any) -> None:
        for host in hosts:
            try:
                program.vs.get_model_output("tiny", 0, pointers[0], host)
            except DataError as error:
                messages.append(str(error))
        called.release()

    program.vs.subscribe_device_report(program.stream_id, callback, None)
    address = program.vs.copy_data_to_device(np.zeros(384, np.uint8), 384, 0)
    program.vs.run_stream(program.stream_id, 0, [address], 1)
    assert called.acquire(timeout=TIMEOUT_S)
    assert messages == [
        "the output has 384 bytes, the array has 20",
        "the output has 384 bytes, the array has 400 that are not contiguous",
        "cannot copy from the device: the pointer is null",
    ]
