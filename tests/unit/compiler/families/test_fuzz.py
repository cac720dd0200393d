# SPDX-License-Identifier: Apache-2.0
"""Random graphs of the families' operators: no pass changes them, every build succeeds."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vackit.testing.families.blocks import BlockBuilder
from vackit.testing.families.checks import (
    Images,
    assert_every_pass_keeps_the_output,
    original_output,
    sqnr_db,
)

SIZE = 16
Compile = Callable[..., tuple[NDArray[Any], int | None]]


class Value(NamedTuple):
    name: str
    channels: int
    size: int


Step = Callable[["Net", Value, int], Value]


class Net(BlockBuilder):
    """A graph that grows by one step at a time; each reads any value made before."""

    def __init__(self, opset: int, seed: int, *, batch_norm: bool) -> None:
        super().__init__(opset, seed=seed, batch_norm=batch_norm)
        self.values = [Value(self.conv("input", 3, 8, 3, 2), 8, SIZE // 2)]

    def partner(self, like: Value, pick: int, *, channels: bool) -> Value:
        """Return another value of the same size (and channels), or the same one."""
        fits = [
            v
            for v in self.values
            if v.size == like.size and (v.channels == like.channels or not channels)
        ]
        return fits[pick % len(fits)]

    def finish(self) -> onnx.ModelProto:
        last = self.values[-1]
        y = self.head(last.name, last.channels, 5)
        return self.model({"input": [1, 3, SIZE, SIZE]}, {"output": (y, [1, 5])})


def dense(net: Net, x: Value, pick: int) -> Value:
    channels = (6, 8, 10, 16)[pick % 4]
    return Value(net.conv(x.name, x.channels, channels, (1, 3)[pick // 4 % 2]), channels, x.size)


def depthwise(net: Net, x: Value, pick: int) -> Value:
    stride = 2 if pick % 2 and x.size > 2 else 1
    y = net.conv(x.name, x.channels, x.channels, 3, stride, groups=x.channels)
    return Value(y, x.channels, -(-x.size // stride))


def grouped(net: Net, x: Value, pick: int) -> Value:
    return Value(net.conv(x.name, x.channels, x.channels, groups=2), x.channels, x.size)


def activate(net: Net, x: Value, pick: int) -> Value:
    kinds = ("relu", "relu6", "swish", "hswish", "hswish_clip", "gelu", "Tanh", "LeakyRelu")
    return x._replace(name=net.act(x.name, kinds[pick % len(kinds)]))


def norm(net: Net, x: Value, pick: int) -> Value:
    return x._replace(name=net.norm(x.name, x.channels))


def slopes(net: Net, x: Value, pick: int) -> Value:
    return x._replace(name=net.prelu(x.name, x.channels))


def scale(net: Net, x: Value, pick: int) -> Value:
    constant = net.weight((x.channels, 1, 1), 1)
    inputs = [x.name, constant] if pick % 2 else [constant, x.name]
    return x._replace(name=net.node(("Mul", "Add", "Sub")[pick // 2 % 3], inputs))


def combine(net: Net, x: Value, pick: int) -> Value:
    other = net.partner(x, pick, channels=True)
    return x._replace(name=net.node(("Add", "Mul")[pick % 2], [x.name, other.name]))


def concat(net: Net, x: Value, pick: int) -> Value:
    other = net.partner(x, pick, channels=False)
    joined = net.node("Concat", [other.name, x.name], axis=1)
    return Value(joined, x.channels + other.channels, x.size)


def part(net: Net, x: Value, pick: int) -> Value:
    half = x.channels // 2
    if pick % 3 == 0:
        return Value(net.split(x.name, [half, x.channels - half])[0], half, x.size)
    if pick % 3 == 1:
        return Value(net.slice(x.name, x.channels - half, x.channels), half, x.size)
    indices = list(range(0, 2 * half, 2))
    return Value(net.node("Gather", [x.name, net.constant(indices)], axis=1), half, x.size)


def shuffle(net: Net, x: Value, pick: int) -> Value:
    apart = [(1, -1)[pick % 2], 2, x.channels // 2, x.size, x.size]
    y = net.node("Reshape", [x.name, net.constant(apart)])
    y = net.node("Transpose", [y], perm=[0, 2, 1, 3, 4])
    return x._replace(name=net.node("Reshape", [y, net.constant([apart[0], *x[1:], x.size])]))


def pool(net: Net, x: Value, pick: int) -> Value:
    op = ("MaxPool", "AveragePool")[pick % 2]
    return x._replace(name=net.pool(op, x.name, 3, 1, 1))


def gate(net: Net, x: Value, pick: int) -> Value:
    kind = ("hard", "soft", "clip")[pick % 3]
    return x._replace(name=net.squeeze_excite(x.name, x.channels, 4, kind))


STEPS: tuple[Step, ...] = (
    *(dense, dense, depthwise, grouped, activate, activate, norm, slopes, scale),
    *(combine, concat, part, shuffle, pool, gate),
)


@st.composite
def nets(draw: st.DrawFn) -> onnx.ModelProto:
    opset = draw(st.sampled_from([9, 11, 13, 18]))
    net = Net(opset, draw(st.integers(0, 99)), batch_norm=draw(st.booleans()))
    numbers = st.integers(0, 1000)
    for step, source, pick in draw(
        st.lists(
            st.tuples(st.sampled_from(STEPS), st.integers(0, 3), numbers), min_size=4, max_size=16
        )
    ):
        # mostly the newest value, so that chains get long
        x = net.values[-1 - source % len(net.values)]
        needs_even = step in (grouped, shuffle)
        if x.channels < 2 or x.channels > 64 or (needs_even and x.channels % 2):
            continue
        net.values.append(step(net, x, pick))
    return net.finish()


def _is_tame(model: onnx.ModelProto, x: Images) -> bool:
    """Tell whether the outputs vary enough to compare: products may die out or explode."""
    want = original_output(model, x)
    return bool(np.isfinite(want).all()) and 1e-3 < float(want.std()) < 1e4


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(model=nets())
def test_no_pass_changes_a_random_graph(
    model: onnx.ModelProto, pictures: Callable[[int], Images]
) -> None:
    if _is_tame(model, pictures(SIZE)):
        assert_every_pass_keeps_the_output(model, pictures(SIZE))


@pytest.mark.slow
@settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(model=nets())
def test_a_random_graph_becomes_int8(
    model: onnx.ModelProto, compile_model: Compile, pictures: Callable[[int], Images]
) -> None:
    x = pictures(SIZE)
    if not _is_tame(model, x):
        return
    assert_every_pass_keeps_the_output(model, x)
    want = original_output(model, x)
    exact, _ = compile_model(model, "fp32", SIZE)
    assert np.abs(exact - want).max() < 1e-4 * np.abs(want).max()
    got, max_batch = compile_model(model, "int8", SIZE)
    assert max_batch is None
    # products of products have ranges that 8 bits hold badly; noise as loud as the signal
    # would mean that something is wrong
    assert sqnr_db(got, want) > 3
