# SPDX-License-Identifier: Apache-2.0
"""Streams: what published programs rely on without saying so."""

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from tests.vsx_streams import SECONDS, built, graph_of, image, numbers

from vackit.compat import vaststreamx as vsx
from vackit.compat.vaststreamx.stream import EndOfStream, close_all
from vackit.errors import DataError, StreamClosedError, StreamError

F = vsx.ImageFormat


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


def test_an_output_registered_twice_has_a_queue_of_its_own_each(write_vdsp: Any) -> None:
    graph, _, model_op = graph_of(write_vdsp())
    stream = built(graph, ("named", model_op), (model_op,))
    stream.run_async([image(0)])
    stream.close_input()
    named, plain = (numbers(stream.get_operator_output(key))[0] for key in ("named", model_op))
    assert np.array_equal(named, plain)


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
