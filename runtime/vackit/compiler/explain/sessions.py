# SPDX-License-Identifier: Apache-2.0
"""Sessions that calculate as the emulator does."""

import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from vackit.devices.onnxrt import OPTIMIZATION_LEVEL
from vackit.errors import ModelError

Arrays = dict[str, NDArray[Any]]
_QUIET = 4


class Runner:
    """A model in ONNX Runtime, with the settings of the device ``onnxrt``.

    Args:
        model: Weights inside.
        where: What to name in errors.
        threads: 0: one per processor.
    """

    def __init__(self, model: onnx.ModelProto, where: str, threads: int = 0) -> None:
        self._where = where
        options = ort.SessionOptions()
        options.log_severity_level = _QUIET
        options.intra_op_num_threads = threads
        options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, OPTIMIZATION_LEVEL)
        options.add_session_config_entry("session.x64quantprecision", "1")
        if threads == 1:
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises a dozen unrelated classes
            raise self._failure(error) from error
        self._names = [output.name for output in self._session.get_outputs()]

    def __call__(self, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
        """Return the outputs by name.

        Raises:
            ModelError: The run failed; ONNX Runtime's own words follow.
        """
        try:
            outputs = self._session.run(self._names, dict(feeds))
        except Exception as error:  # as above
            raise self._failure(error) from error
        return dict(zip(self._names, outputs, strict=True))

    def _failure(self, error: Exception) -> ModelError:
        words = " ".join(str(error).split())[:300]
        return ModelError(f"ONNX Runtime does not run what explains it: {words}", where=self._where)


def interleaved_medians_ms(
    models: Sequence[onnx.ModelProto], feeds: Mapping[str, NDArray[Any]], where: str, rounds: int
) -> list[float]:
    """Return each model's median latency in ms: batch 1, one thread, in turns.

    In turns, because whatever else the machine does then slows all of them alike.
    """
    runners = [Runner(model, where, threads=1) for model in models]
    times: list[list[float]] = [[] for _ in runners]
    for turn in range(rounds + 2):
        for runner, spent in zip(runners, times, strict=True):
            start = time.perf_counter()
            runner(feeds)
            if turn >= 2:  # the first two warm up
                spent.append((time.perf_counter() - start) * 1e3)
    return [statistics.median(spent) for spent in times]
