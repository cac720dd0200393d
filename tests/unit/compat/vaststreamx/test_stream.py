# SPDX-License-Identifier: Apache-2.0
"""Streams: what published programs rely on without saying so."""

import re
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from vackit.compat import vaststreamx as vsx
from vackit.compat.vaststreamx.stream import EndOfStream, close_all
from vackit.errors import DataError, StreamClosedError, StreamError
from vackit.testing.program_models import write_model
from vackit.testing.tiny_artifacts import write_tiny_artifact
from vackit.vdsp.layout884 import tile_activation

SECONDS = 20.0
A, F = vsx.AttrKey, vsx.ImageFormat
RNG = np.random.default_rng(3)


def image(seed: int = 0, width: int = 20, height: int = 14) -> vsx.Image:
    array = np.random.default_rng(seed).integers(0, 256, (3, height, width), np.uint8)
    return vsx.create_image(array, F.RGB_PLANAR, width, height, 0)


def graph_of(vdsp: str, batch_size: int = 1, kind: str = "identity", **options: Any) -> Any:
    write_tiny_artifact(Path("mod"), kind)
    model_op = vsx.ModelOperator(vsx.Model("mod", batch_size))
    ops = vsx.Operator.load_ops_from_json_file(vdsp)
    graph = vsx.Graph(**options)
    graph.add_operators(*ops, model_op)
    return graph, ops[0], model_op


def built(graph: vsx.Graph, *outputs: Any) -> vsx.Stream:
    stream = vsx.Stream(graph, vsx.StreamBalanceMode.RUN)
    for output in outputs:
        stream.register_operator_output(*output)
    stream.build()
    return stream


def numbers(outputs: list[list[vsx.Tensor]]) -> list[NDArray[Any]]:
    return [vsx.as_numpy(sample[0]) for sample in outputs]


def test_run_sync_returns_float16_of_one_sample_each(write_vdsp: Any) -> None:
    graph, _, model_op = graph_of(write_vdsp(), 2, "two_outputs")
    stream = built(graph, (model_op,))
    outputs = stream.run_sync([image(0), image(1, 33, 47), image(2)])
    assert [[tensor.shape for tensor in sample] for sample in outputs] == [
        [[1, 4], [1, 4, 8, 8]]
    ] * 3
    assert vsx.as_numpy(outputs[0][0]).dtype == np.float16
    alone = [stream.run_sync([one])[0] for one in (image(0), image(1, 33, 47), image(2))]
    for a, b in zip(outputs, alone, strict=True):
        # one float16 step: another batch size may add in another order
        np.testing.assert_allclose(vsx.as_numpy(a[0]), vsx.as_numpy(b[0]), rtol=2e-3, atol=1e-3)


def test_sync_results_stay_out_of_the_queues_and_order_is_kept(write_vdsp: Any) -> None:
    graph, op, model_op = graph_of(write_vdsp())
    info = [[(3, 8, 8), vsx.TypeFlag.FLOAT16]]
    stream = built(graph, ("preprocess_res", op, info), (model_op,))
    got: list[tuple[Any, Any]] = []

    def consume() -> None:
        while True:
            try:
                result = stream.get_operator_output(model_op)
                tap = stream.get_operator_output("preprocess_res")
            except ValueError:
                return
            got.append((numbers(result)[0], numbers(tap)[0]))

    consumer = threading.Thread(target=consume)
    consumer.start()
    expected = []
    for seed in range(10):
        expected.append(numbers(stream.run_sync([image(seed)]))[0])
        stream.run_async([image(seed)])
    stream.close_input()
    stream.wait_until_done()
    consumer.join(SECONDS)
    assert not consumer.is_alive()
    assert len(got) == 10
    for (result, tap), wanted in zip(got, expected, strict=True):
        assert np.array_equal(result, wanted)
        assert (tap.shape, tap.dtype) == ((3, 8, 8), np.float16)
        assert np.array_equal(tap, wanted[0])  # the model is the identity


def test_the_other_order_of_ending_works_too(write_vdsp: Any) -> None:
    graph, _, model_op = graph_of(write_vdsp())
    stream = built(graph, ("out", model_op))
    seen: list[int] = []

    def consume() -> None:
        seen.append(len(stream.get_operator_output("out")))
        with pytest.raises(EndOfStream, match="the input is closed and all outputs are taken"):
            stream.get_operator_output("out")

    consumer = threading.Thread(target=consume)
    consumer.start()
    stream.run_async([image(0), image(1)])
    stream.close_input()
    stream.close_input()
    consumer.join(SECONDS)
    stream.wait_until_done()
    assert seen == [2]
    with pytest.raises(ValueError, match="all outputs are taken"):
        stream.get_operator_output(model_op)
    with pytest.raises(StreamClosedError, match="takes no more samples"):
        stream.run_async([image(0)])


def test_waiting_before_closing_waits_for_what_is_submitted(write_vdsp: Any) -> None:
    graph, _, model_op = graph_of(write_vdsp())
    stream = built(graph, (model_op,))
    for seed in range(5):
        stream.run_async([image(seed)])
    stream.wait_until_done()
    assert len(stream.get_operator_output(model_op)) == 1
    stream.close_input()


def test_many_threads_may_run_at_once(write_vdsp: Any) -> None:
    graph, _, model_op = graph_of(write_vdsp(), 4)
    stream = built(graph, (model_op,))
    expected = [numbers(stream.run_sync([image(seed)]))[0] for seed in range(8)]

    def run(seed: int) -> bool:
        vsx.set_device(0)
        results = numbers(stream.run_sync([image(seed % 8)] * 3))
        return all(np.array_equal(one, expected[seed % 8]) for one in results)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(run, range(64)))
    stream.close_input()
    stream.wait_until_done()


def test_attributes_set_after_build_take_effect_for_the_next_sample(write_vdsp: Any) -> None:
    graph, op, model_op = graph_of(write_vdsp())
    stream = built(graph, (model_op,))
    cast = op.cast_to_buildin_operator()
    one = image()
    before = numbers(stream.run_sync([one]))[0]
    cast.set_attribute({A.RESIZE_WIDTH: 16, A.RESIZE_HEIGHT: 12, A.CROP_X: 4, A.CROP_Y: 2})
    after = numbers(stream.run_sync([one]))[0]
    assert not np.array_equal(before, after)
    by_params = stream.run_sync([one, one], {"crop_resize_ext": [(1, 1, 10, 10), (4, 2, 16, 12)]})
    assert np.array_equal(numbers(by_params)[0], before)
    assert np.array_equal(numbers(by_params)[1], after)


def test_submitted_samples_keep_the_attributes_of_their_submission(write_vdsp: Any) -> None:
    graph, op, model_op = graph_of(write_vdsp())
    stream = built(graph, (model_op,))
    cast, expected = op.cast_to_buildin_operator(), []
    for x in range(3):
        cast.set_attribute({A.CROP_X: x})
        expected.append(numbers(stream.run_sync([image()]))[0])
    for x in range(3):
        cast.set_attribute({A.CROP_X: x})
        stream.run_async([image()])
    for wanted in expected:
        assert np.array_equal(numbers(stream.get_operator_output(model_op))[0], wanted)


def test_rgb_letterbox_ext_places_each_image(write_vdsp: Any) -> None:
    config = {
        "IimageFormat": "RGB_PLANAR", "ResizeType": "BILINEAR_CV", "ColorCvtCode": "NO_CHANGE",
        "NormaType": "EQUAL", "Padding": [0, 0, 0], "EdgePaddingType": "CONSTANT",
    }  # fmt: skip
    path = write_vdsp("FUSION_OP_RGB_LETTERBOX_CVTCOLOR_NORM_TENSOR_EXT", config)
    graph, _, model_op = graph_of(path)
    stream = built(graph, (model_op,))
    outputs = stream.run_sync([image()], {"rgb_letterbox_ext": [(8, 4, 1, 3, 0, 0)]})
    array = numbers(outputs)[0][0]
    assert not array[:, 0].any()
    assert not array[:, 5:].any()
    assert array[:, 1:5].any()


def test_dynamic_shapes_are_accepted_where_they_are_the_artifacts(write_vdsp: Any) -> None:
    graph, _, model_op = graph_of(write_vdsp())
    stream = built(graph, (model_op,))
    params = {"dynamic_model_input_shapes": [[[1, 3, 8, 8]]]}
    assert numbers(stream.run_sync([image()], params))[0].shape == (1, 3, 8, 8)
    with pytest.raises(StreamError, match=r"\[\[1, 3, 16, 8\]\] are asked for, the artifact was"):
        stream.run_sync([image()], {"dynamic_model_input_shapes": [[[1, 3, 16, 8]]]})


def test_a_model_alone_takes_lists_of_tensors() -> None:
    write_tiny_artifact(Path("mod"), "identity")
    graph = vsx.Graph(vsx.GraphOutputType.GRAPH_OUTPUT_TYPE_NCHW_HOST)
    model_op = vsx.ModelOperator(vsx.Model("mod", 2))
    graph.add_operators(model_op)
    stream = built(graph, (model_op,))
    array = RNG.standard_normal((3, 8, 8)).astype(np.float16)
    for given in (array, array[np.newaxis], tile_activation(array)):
        (made,) = numbers(stream.run_sync([[vsx.from_numpy(given, 0)]]))
        assert np.array_equal(made[0], array)


def test_884_outputs_are_tiles_that_the_next_model_takes(write_vdsp: Any) -> None:
    kind = vsx.GraphOutputType.GRAPH_OUTPUT_TYPE_884_DEVICE
    graph, _, model_op = graph_of(write_vdsp(), output_type=kind)
    (tiles,) = built(graph, (model_op,)).run_sync([image()])[0]
    assert tiles.shape == [1, 1, 1, 1, 256]
    plain_graph, _, model_op = graph_of(write_vdsp())
    (plain,) = numbers(built(plain_graph, (model_op,)).run_sync([image()]))
    assert np.array_equal(vsx.as_numpy(tiles), tile_activation(plain))
    following = vsx.Graph(False)
    following.add_operators(model_op)
    (made,) = numbers(built(following, (model_op,)).run_sync([[tiles]]))
    assert np.array_equal(made, plain)


def test_884_outputs_of_more_axes_stay_plain() -> None:
    axes = onnx.numpy_helper.from_array(np.array([2], np.int64), "axes")
    shapes: dict[str, list[int | str]] = {"x": ["N", 4, 8, 8], "y": ["N", 4, 1, 8, 8]}
    x, y = (onnx.helper.make_tensor_value_info(name, 1, shape) for name, shape in shapes.items())
    node = onnx.helper.make_node("Unsqueeze", ["x", "axes"], ["y"])
    opset = [onnx.helper.make_opsetid("", 13)]
    graph = onnx.helper.make_graph([node], "five", [x], [y], [axes])
    write_model("five", onnx.helper.make_model(graph, opset_imports=opset, ir_version=8))
    following = vsx.Graph(vsx.GraphOutputType.GRAPH_OUTPUT_TYPE_884_DEVICE)
    following.add_operators(vsx.ModelOperator(vsx.Model("five")))
    tensor = vsx.from_numpy(np.zeros((4, 8, 8), np.float16))
    assert built(following).run_sync([[tensor]])[0][0].shape == [1, 4, 1, 8, 8]


@pytest.mark.parametrize(
    "arguments",
    [((), {}), ((vsx.GraphOutputType.GRAPH_OUTPUT_TYPE_NCHW_DEVICE,), {}), ((True,), {}),
     ((False,), {}), ((), {"do_copy": False}),
     ((vsx.GraphOutputType.GRAPH_OUTPUT_TYPE_NCHW_DEVICE, [0, 0, 1]), {}),
     ((), {"output_type": vsx.GraphOutputType.GRAPH_OUTPUT_TYPE_NCHW_HOST})],
    ids=["default", "type", "true", "false", "do_copy", "flags", "name"],
)  # fmt: skip
def test_graph_takes_all_constructor_forms(arguments: Any, write_vdsp: Any) -> None:
    write_tiny_artifact(Path("mod"), "identity")
    graph = vsx.Graph(*arguments[0], **arguments[1])
    model_op = vsx.ModelOperator(vsx.Model("mod"))
    graph.add_operators(vsx.Operator.load_ops_from_json_file(write_vdsp()), model_op)
    stream = built(graph, (model_op,))
    assert numbers(stream.run_sync([image()]))[0].shape == (1, 3, 8, 8)


def test_a_sample_that_fails_reaches_its_caller_and_stops_nothing(write_vdsp: Any) -> None:
    graph, op, model_op = graph_of(write_vdsp())
    stream = built(graph, (model_op,), ("tap", op))
    params = [(0, 0, 4, 4)]  # a crop of 8x8 does not fit
    stream.run_async([image(1)])
    stream.run_async([image(0)], {"crop_resize_ext": params})
    stream.run_async([image(2)])
    assert stream.get_operator_output(model_op)
    with pytest.raises(DataError, match="reaches out of the resized image of 4x4"):
        stream.get_operator_output(model_op)
    assert stream.get_operator_output(model_op)
    assert stream.get_operator_output("tap")
    with pytest.raises(DataError, match="reaches out of the resized image"):
        stream.get_operator_output(op)
    with pytest.raises(DataError, match="reaches out of the resized image"):
        stream.run_sync([image(0)], {"crop_resize_ext": params})
    assert stream.run_sync([image(0)])


def test_stream_explains_what_is_wrong(write_vdsp: Any) -> None:
    graph, op, model_op = graph_of(write_vdsp())
    bgr = vsx.cvtcolor(image(), F.BGR_INTERLEAVE)
    unbuilt = vsx.Stream(graph)
    with pytest.raises(StreamError, match=r"the stream is not built\n  hint: call `build\(\)`"):
        unbuilt.run_sync([image()])
    stream = built(graph, (model_op,), ("tap", op, [[(3, 9, 9), vsx.TypeFlag.FLOAT16]]))
    run: Any = stream.run_sync
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: run(image()), "a stream runs a list of images"),
        (lambda: run(["x"]), "a sample is an Image or a list of Tensors, got str"),
        (lambda: run([[]]), "a list of Tensors, got nothing"),
        (lambda: run([[image(), image()]]), "takes one image a sample, got 2"),
        (lambda: run([bgr]), "takes images of RGB_PLANAR, got BGR_INTERLEAVE"),
        (lambda: run([image()], {"crop": [1]}), "no run-time parameter 'crop'"),
        (lambda: run([image()], {"crop_resize_ext": []}), "0 entries for 1 samples"),
        (lambda: stream.get_operator_output("x"), "no output 'x' is registered; registered names"),
        (lambda: vsx.Stream(graph).register_operator_output("x", "y"), "it is not in the graph"),
        (lambda: vsx.Stream(graph).register_operator_output("x", op, 3), "output info is 3"),
    ]
    for call, message in calls:
        with pytest.raises(StreamError, match=re.escape(message)):
            call()
    stream.run_async([image()])
    with pytest.raises(StreamError, match=r"shape \(3, 8, 8\) is asked for as \(3, 9, 9\)"):
        stream.get_operator_output("tap")


def test_graph_explains_what_is_wrong(write_vdsp: Any) -> None:
    graph, op, model_op = graph_of(write_vdsp())
    with pytest.raises(StreamError, match="a graph takes operators, got int"):
        graph.add_operators(3)
    empty, reverse, single, two = vsx.Graph(), vsx.Graph(), vsx.Graph(), vsx.Graph()
    reverse.add_operators(model_op, op)
    two.add_operators(op, op, model_op)
    for wrong in (empty, reverse, two):
        with pytest.raises(StreamError, match="holds at most one operator and then a ModelOp"):
            vsx.Stream(wrong)
    single.add_operators(vsx.BuildInOperator(vsx.OpType.SINGLE_OP_CROP), model_op)
    with pytest.raises(StreamError, match=r"OpType.SINGLE_OP_CROP does not prepare a model's"):
        vsx.Stream(single)
    alone = vsx.Graph()
    alone.add_operators(model_op)
    with pytest.raises(StreamError, match="an image reaches the model without an operator"):
        built(alone).run_sync([image()])


def test_close_all_wakes_who_waits_for_outputs(write_vdsp: Any) -> None:
    graph, _, model_op = graph_of(write_vdsp())
    stream = built(graph, (model_op,))
    ended = threading.Event()

    def consume() -> None:
        with pytest.raises(ValueError, match="all outputs are taken"):
            stream.get_operator_output(model_op)
        ended.set()

    threading.Thread(target=consume, daemon=True).start()
    close_all()
    assert ended.wait(SECONDS)


@pytest.fixture
def busy_threads() -> Iterator[None]:
    """Let threads take turns every few instructions, so that missing locks show."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.slow
def test_ten_thousand_submissions_from_eight_threads(write_vdsp: Any, busy_threads: None) -> None:
    import resource

    graph, op, model_op = graph_of(write_vdsp(), 4)
    stream = built(graph, (model_op,), ("tap", op))
    images = [image(seed, 100, 100) for seed in range(32)]
    owner = {numbers(stream.run_sync([one]))[0].tobytes(): i for i, one in enumerate(images)}
    assert len(owner) == len(images)
    total, start = 10_000, threading.Barrier(8)

    def submit(thread: int) -> None:  # four pictures of its own, one after the other
        start.wait(SECONDS)
        for turn in range(total // 8):
            stream.run_async([images[4 * thread + turn % 4].clone()])

    threads = [threading.Thread(target=submit, args=(i,)) for i in range(8)]
    for one in threads:
        one.start()
    counts = [0] * 8
    before = 0
    for index in range(total):
        (output,) = numbers(stream.get_operator_output(model_op))
        (tap,) = numbers(stream.get_operator_output("tap"))
        assert tap.tobytes() == output.tobytes()  # the model hands its input on
        thread, turn = divmod(owner[output.tobytes()], 4)
        assert turn == counts[thread] % 4
        counts[thread] += 1
        if index == 2000:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    for one in threads:
        one.join()
    assert counts == [total // 8] * 8
    stream.close_input()
    stream.wait_until_done()
    for key in (model_op, "tap"):
        with pytest.raises(ValueError, match="all outputs are taken"):
            stream.get_operator_output(key)
    # kilobytes: 8000 images of 30 kB, kept, would be 240 MB
    assert grown < 16 * 1024


def test_outputs_that_nothing_reads_are_bounded(
    write_vdsp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vackit.compat.vaststreamx.taps.UNREAD_BYTES", 100 * 4 * 3 * 8 * 8)
    graph, op, model_op = graph_of(write_vdsp())
    stream = built(graph, ("unread", op), (model_op,))
    for turn in range(150):
        stream.run_async([image(turn % 4), image(1)])
        stream.get_operator_output(model_op)
    assert stream._taps["unread"]._queue.qsize() == 50
    with pytest.raises(StreamError, match=r"first 100 outputs of FUSION_OP_RGB_\w+ were dropped"):
        stream.get_operator_output("unread")


def test_outputs_that_something_reads_are_kept_however_late(
    write_vdsp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vackit.compat.vaststreamx.taps.UNREAD_BYTES", 1)
    graph, op, _ = graph_of(write_vdsp())
    stream = built(graph, ("tap", op))
    stream.run_async([image(0)])
    stream.get_operator_output("tap")
    seeds = range(50)
    for seed in seeds:
        stream.run_async([image(seed)])
    late = [numbers(stream.get_operator_output("tap"))[0].tobytes() for _ in seeds]
    assert len(set(late)) == len(seeds)
