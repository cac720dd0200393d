# SPDX-License-Identifier: Apache-2.0
"""The high-level form of 2023: create_vaststream and its callbacks."""

import ctypes
import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vackit.compat import vacl_stream, vaststream
from vackit.compat.losses import Loss
from vackit.compat.vacl_stream import delivery
from vackit.config.vdsp import load_vdsp_params
from vackit.errors import ArtifactError, ConfigError, DataError, DeviceExecutionError, StreamError
from vackit.testing.tiny_artifacts import write_tiny_artifact
from vackit.vdsp.fusion import FusionOperator

FORM_A = {
    "vdsp_op_type": 300, "iimage_format": 5000, "iimage_width": 10, "iimage_height": 10,
    "iimage_width_pitch": 10, "iimage_height_pitch": 10, "short_edge_threshold": 10,
    "resize_type": 1, "color_cvt_code": 2, "color_space": 0, "crop_size": 8,
    "meanr": 14336, "meang": 14336, "meanb": 14336, "stdr": 13312, "stdg": 13312, "stdb": 13312,
    "norma_type": 4,
}  # fmt: skip
TIMEOUT_S = 60
lost: list[Loss] = []


@pytest.fixture(autouse=True)
def interrupts(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Return what is set in the place of an interrupted main thread."""
    happened = threading.Event()
    monkeypatch.setattr(delivery, "interrupt_main", happened.set)
    monkeypatch.setattr(delivery, "GRACE_S", 0.01)
    lost.clear()
    monkeypatch.setattr(delivery, "losses", lost)
    return happened


class Program:
    """What published programs of 2023 do around one stream."""

    def __init__(self, info: dict[str, Any], vdsp: str, batch_size: int = 1, **kw: Any) -> None:
        self.vs = vaststream.vast_stream()
        self.name = info["model_name"]
        self.results: dict[int, Any] = {}
        self.threads: set[int] = set()
        self.events: dict[int, threading.Event] = {}
        self.callback = vaststream.output_callback_type(self._callback)
        self.stream = vacl_stream.create_vaststream(
            0, vdsp, info, self.callback, 0, batch_size, **kw
        )

    def _callback(self, description: Any, pointers: Any, size: int, user_data: Any) -> None:
        input_id = description.contents.input_id
        info = ctypes.cast(user_data, ctypes.POINTER(vacl_stream.StreamInfo)).contents
        out = self.vs.stream_get_stream_output(info.model_name, pointers, size)
        self.threads.add(threading.get_ident())
        self.results[input_id] = out
        self.events[input_id].set()

    def submit(self, image: NDArray[np.uint8], input_id: int) -> int:
        self.events[input_id] = threading.Event()
        address = self.stream.copy_data_to_device(image, image.nbytes)
        assert self.stream.run_stream_dynamic([address], image.shape[1:], input_id) == 0
        return address

    def run(self, image: NDArray[np.uint8], input_id: int = 0) -> Any:
        address = self.submit(image, input_id)
        assert self.events[input_id].wait(TIMEOUT_S)
        assert self.vs.free_data_on_device(address, 0) == 0
        return self.results[input_id]


def model_info(stem: str = "deploy/mod", name: str = "tiny") -> dict[str, Any]:
    return {
        "model_name": name, "model_lib_path": f"{stem}.so", "model_graph_path": f"{stem}.json",
        "model_params_path": f"{stem}.params", "hw_config_file": "",
    }  # fmt: skip


def write_form_a(**changes: Any) -> str:
    Path("a.json").write_text(json.dumps({**FORM_A, **changes}))
    return "a.json"


def image(height: int = 20, width: int = 30, seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (3, height, width), np.uint8)


@pytest.fixture
def program() -> Program:
    write_tiny_artifact(Path("deploy/mod"), "identity")
    return Program(model_info(), write_form_a())


def prepared(picture: NDArray[np.uint8]) -> NDArray[np.float16]:
    operator = FusionOperator(load_vdsp_params(Path("a.json")), (8, 8))
    return np.asarray(operator(picture), np.float16)


@pytest.mark.parametrize("size", [(20, 30), (30, 20), (10, 10)], ids=["wide", "tall", "square"])
def test_callback_gets_the_flat_float16_outputs_of_its_input(
    program: Program, size: tuple[int, int]
) -> None:
    # the identity model returns what the 1.0 form made: short edge to 10, center crop of 8
    out = program.run(image(*size), input_id=7)
    assert [len(out), len(out[0]), out[0][0].dtype] == [1, 1, np.float16]
    np.testing.assert_array_equal(out[0][0], prepared(image(*size)).reshape(-1))
    assert np.squeeze(out[0]).shape == (192,)


def test_callbacks_run_on_one_thread_that_is_not_the_callers(program: Program) -> None:
    for i in range(4):
        program.run(image(seed=i), i)
    assert len(program.threads) == 1
    assert threading.get_ident() not in program.threads


def test_many_submissions_from_several_threads_each_get_their_own_result(
    program: Program,
) -> None:
    def submit(first: int) -> None:
        for i in range(first, first + 50):
            program.vs.free_data_on_device(program.submit(image(seed=i % 5), i), 0)

    threads = [threading.Thread(target=submit, args=(100 * t,)) for t in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(event.wait(TIMEOUT_S) for event in program.events.values())
    wanted = [prepared(image(seed=seed)).reshape(-1) for seed in range(5)]
    assert len(program.results) == 200
    for i, out in program.results.items():
        np.testing.assert_array_equal(out[0][0], wanted[i % 5])


def test_dynamic_is_the_same_call_by_another_name(program: Program) -> None:
    program.events[1] = threading.Event()
    address = program.stream.copy_data_to_device(image(), image().nbytes)
    program.stream.dynamic([address], (20, 30), 1)
    assert program.events[1].wait(TIMEOUT_S)


def test_several_addresses_are_samples_of_one_callback() -> None:
    write_tiny_artifact(Path("deploy/mod"), "identity")
    program = Program(model_info(), write_form_a(), batch_size=2, yolo_size=8)
    program.events[3] = threading.Event()
    pictures = [image(seed=1), image(seed=2)]
    addresses = [program.stream.copy_data_to_device(p, p.nbytes) for p in pictures]
    program.stream.run_stream_dynamic(addresses, (20, 30), 3)
    assert program.events[3].wait(TIMEOUT_S)
    for out, picture in zip(program.results[3], pictures, strict=True):
        np.testing.assert_array_equal(out[0], prepared(picture).reshape(-1))


def test_get_output_shape_by_index_is_a_structure(program: Program) -> None:
    status, shape = program.vs.get_output_shape_by_index("tiny", 0)
    assert (status, shape.ndims) == (0, 4)
    assert [shape.shapes[i] for i in range(shape.ndims)] == [1, 3, 8, 8]


def test_models_are_found_by_any_triple_and_by_the_current_folder() -> None:
    write_tiny_artifact(Path("deploy/mod"), "identity")
    info = json.loads(json.dumps(model_info()))
    info |= {
        "model_lib_path": "deploy/mod.onnx", "model_graph_path": "deploy/mod.vackit.json",
        "model_params_path": "deploy/mod.onnx.data", "hw_config_file": None,
    }  # fmt: skip
    assert Program(info, write_form_a()).run(image())[0][0].shape == (192,)


def test_create_vaststream_says_what_is_not_there() -> None:
    write_form_a()
    with pytest.raises(ArtifactError, match="deploy/mod: no compiled artifact here"):
        Program(model_info(), "a.json")
    with pytest.raises(ConfigError, match="required key 'model_name' is missing"):
        vacl_stream.create_vaststream(0, "a.json", {}, print)
    with pytest.raises(ConfigError, match=r"none\.json: cannot be read"):
        Program(model_info(), "none.json")


def test_create_vaststream_warns_of_options_it_does_not_know(
    caplog: pytest.LogCaptureFixture,
) -> None:
    write_tiny_artifact(Path("deploy/mod"), "identity")
    Program(model_info(), write_form_a(), threshold=3)
    assert "create_vaststream: 'threshold' has no effect" in caplog.text


def test_a_size_that_does_not_fit_the_bytes_is_an_error_at_once(program: Program) -> None:
    address = program.stream.copy_data_to_device(image(), image().nbytes)
    with pytest.raises(StreamError, match=r"\(20, 20\) has 1200 bytes as RGB_PLANAR, 1800 were"):
        program.stream.run_stream_dynamic([address], (20, 20), 0)
    with pytest.raises(StreamError, match=r"\(0, 20\), expected at least \(1, 1\)"):
        program.stream.run_stream_dynamic([address], (0, 20), 0)
    with pytest.raises(StreamError, match="input_id is -1, expected 0 to"):
        program.stream.run_stream_dynamic([address], (20, 30), -1)
    with pytest.raises(StreamError, match="input 5 has no address"):
        program.stream.run_stream_dynamic([], (20, 30), 5)


def test_freed_memory_is_no_input_any_more(program: Program) -> None:
    address = program.stream.copy_data_to_device(image(), image().nbytes)
    assert program.vs.free_data_on_device(address, 0) == 0
    assert program.vs.free_data_on_device(address, 0) == 1
    with pytest.raises(DataError, match="nothing lies on the device at address"):
        program.stream.run_stream_dynamic([address], (20, 30), 0)


@pytest.mark.parametrize(
    ("image_format", "code", "shape"),
    [
        (5002, 2, (20, 30, 3)),
        (5003, 3, (20, 30, 3)),
        (5001, 3, (3, 20, 30)),
    ],
    ids=["RGB888", "BGR888", "BGR_PLANAR"],
)
def test_images_are_laid_out_as_the_vdsp_params_say(
    image_format: int, code: int, shape: tuple[int, ...], write_vdsp: Callable[..., str]
) -> None:
    write_tiny_artifact(Path("deploy/mod"), "identity")
    names = {5001: "BGR_PLANAR", 5002: "RGB888", 5003: "BGR888"}
    codes = {2: "NO_CHANGE", 3: "BGR2RGB"}
    vdsp = write_vdsp(IimageFormat=names[image_format], ColorCvtCode=codes[code])
    program = Program(model_info(), vdsp)
    picture = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    program.events[0] = threading.Event()
    address = program.stream.copy_data_to_device(picture, picture.nbytes)
    program.stream.run_stream_dynamic([address], (20, 30), 0)
    assert program.events[0].wait(TIMEOUT_S)
    wanted = FusionOperator(load_vdsp_params(Path(vdsp)), (8, 8))(picture)
    np.testing.assert_array_equal(program.results[0][0][0], wanted.reshape(-1))


def test_a_callback_that_raises_is_printed_and_the_stream_goes_on(
    program: Program, monkeypatch: pytest.MonkeyPatch, interrupts: threading.Event
) -> None:
    printed: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: printed.append(what.exc_type))
    del program.results  # what the callback does with it raises
    program.submit(image(), 1)
    # nothing comes any more: the program may wait for it in vain
    assert interrupts.wait(TIMEOUT_S)
    assert printed == [AttributeError]
    assert [str(loss.error) for loss in lost] == [
        "the callback raised AttributeError for input 1; its result is lost"
    ]
    program.results = {}
    assert program.run(image(), 2)[0][0].shape == (192,)


def test_a_sample_that_fails_is_a_loss_and_interrupts(
    program: Program, monkeypatch: pytest.MonkeyPatch, interrupts: threading.Event
) -> None:
    from vackit.devices.onnxrt import OnnxRuntimeProgram

    def fail(self: Any, inputs: Any) -> Any:
        raise DeviceExecutionError("out of memory", where="card")

    with monkeypatch.context() as broken:
        broken.setattr(OnnxRuntimeProgram, "_submit", fail)
        program.submit(image(), 1)
        assert interrupts.wait(TIMEOUT_S)
    assert [(str(loss.error), loss.is_told) for loss in lost] == [("card: out of memory", False)]
    assert program.run(image(), 2)[0][0].shape == (192,)


def test_a_plain_function_may_be_the_callback() -> None:
    write_tiny_artifact(Path("deploy/mod"), "identity")
    done = threading.Event()
    stream = vacl_stream.create_vaststream(
        0, write_form_a(), model_info(), lambda *arguments: done.set(), 0, 1
    )
    address = stream.copy_data_to_device(image(), image().nbytes)
    stream.run_stream_dynamic([address], (20, 30), 0)
    assert done.wait(TIMEOUT_S)


def test_a_callback_may_submit_more_than_the_window_holds() -> None:
    write_tiny_artifact(Path("deploy/mod"), "identity")
    done = threading.Event()
    seen: list[int] = []

    def callback(description: Any, *rest: Any) -> None:
        seen.append(description.contents.input_id)
        if seen == [0]:
            for i in range(1, 200):
                stream.run_stream_dynamic([address], (20, 30), i)
        if len(seen) == 200:
            done.set()

    stream = vacl_stream.create_vaststream(
        0, write_form_a(), model_info(), vaststream.output_callback_type(callback), 0, 1
    )
    address = stream.copy_data_to_device(image(), image().nbytes)
    stream.run_stream_dynamic([address], (20, 30), 0)
    assert done.wait(TIMEOUT_S)
    assert seen == list(range(200))
