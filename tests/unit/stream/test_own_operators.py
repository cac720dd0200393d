# SPDX-License-Identifier: Apache-2.0
"""Preparing operators that a user writes: what they get wrong is told, and hurts no other."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from vackit.devices.base import Program
from vackit.errors import StreamError
from vackit.stream.graph import Graph
from vackit.stream.model_operator import ModelOperator
from vackit.stream.stream import Stream

SECONDS = 20.0  # a wait that ends this late is a hang
TAKES = r"the model takes 1 arrays \(x \[N, 1\] float32\), its operator made"
ONE = np.ones((1, 1), np.float32)


def as_it_is(sample: Any, _: Mapping[str, Any]) -> Any:
    return sample


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (None, f"{TAKES} NoneType"),
        (ONE, f"{TAKES} ndarray"),
        ([ONE, ONE], f"{TAKES} 2"),
        ([np.ones((2, 1), np.float32)], r"input x \[N, 1\] float32 takes one sample, got .*2, 1"),
        ([np.array(1.0, np.float32)], r"input x \[N, 1\] float32 takes one sample, got shape \(\)"),
        ([[[1.0]]], r"input x \[N, 1\] float32 takes an array, got list"),
        ([1.0], r"input x \[N, 1\] float32 takes an array, got float"),
    ],
    ids=["nothing", "bare", "too many", "two samples", "no axis", "list", "number"],
)
def test_what_the_model_does_not_take_is_told_and_fails_alone(
    program: Program, made: Any, message: str
) -> None:
    with Stream(Graph(as_it_is, ModelOperator(program)), max_batch=4, max_delay_us=None) as stream:
        futures = [stream.submit(one) for one in ([ONE], made, [3 * ONE])]
        stream.flush()
        with pytest.raises(StreamError, match=message):
            futures[1].result(SECONDS)
        assert [futures[i].result(SECONDS)[0].item() for i in (0, 2)] == [2, 6]


def test_two_samples_of_one_never_stand_in_for_one_that_made_none(program: Program) -> None:
    both, none = np.array([[1], [2]], np.float32), np.ones((0, 1), np.float32)
    with pytest.raises(StreamError, match=r"input x \[N, 1\] float32 takes one sample of each"):
        ModelOperator(program)([[both], [none]])


def test_an_operator_that_exits_ends_its_sample_and_not_the_stream(program: Program) -> None:
    def leave(sample: Any, _: Mapping[str, Any]) -> Any:
        if sample is None:
            raise SystemExit(3)
        return [sample]

    with Stream(Graph(leave, ModelOperator(program))) as stream:
        futures = [stream.submit(one) for one in (None, ONE)]
        with pytest.raises(SystemExit, match="3"):
            futures[0].result(SECONDS)
        assert futures[1].result(SECONDS)[0].item() == 2
