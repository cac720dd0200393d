# SPDX-License-Identifier: Apache-2.0
"""Sessions that calculate as the emulator does."""

from collections.abc import Mapping
from typing import Any

import onnx
import onnxruntime as ort
from numpy.typing import NDArray

from vackit.devices.onnxrt import session_options
from vackit.errors import ModelError

Arrays = dict[str, NDArray[Any]]


class Runner:
    """A model in ONNX Runtime, with the settings of the device ``onnxrt``.

    Args:
        model: Weights inside.
        where: What to name in errors.
        threads: 0: one per processor.
    """

    def __init__(self, model: onnx.ModelProto, where: str, threads: int = 0) -> None:
        self._where = where
        try:
            self._session = ort.InferenceSession(
                model.SerializeToString(),
                session_options(threads),
                providers=["CPUExecutionProvider"],
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
