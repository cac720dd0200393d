# SPDX-License-Identifier: Apache-2.0
from typing import ClassVar

import onnx
import pytest

from vackit.compiler.passes import FLOAT_PASSES, INTEGER_PASSES, run_float_passes
from vackit.compiler.passes.base import Pass
from vackit.compiler.passes.running import run_passes
from vackit.compiler.passes.untangle_channels import UntangleChannels
from vackit.errors import ModelError
from vackit.testing import tiny_models


class _Step(Pass):
    name: ClassVar[str] = "step"

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def apply(self, model: onnx.ModelProto) -> int:
        """Count the nodes, or fail."""
        if self.error:
            raise self.error
        return len(model.graph.node)


def test_run_passes_records_what_each_changed() -> None:
    records = run_passes(tiny_models.residual(), [_Step(), _Step()], "m.onnx")
    assert records == [{"pass": "step", "changes": 5}] * 2


def test_run_passes_names_the_file_in_errors_for_users() -> None:
    with pytest.raises(ModelError, match=r"^m.onnx: no good$"):
        run_passes(tiny_models.conv(), [_Step(ModelError("no good"))], "m.onnx")


def test_run_passes_says_which_pass_failed() -> None:
    with pytest.raises(
        RuntimeError, match=r"pass 'step': it failed: KeyError\('x'\) \(after: step\)"
    ):
        run_passes(tiny_models.conv(), [_Step(), _Step(KeyError("x"))], "m.onnx")


class _Half(Pass):
    """Removes a node, then fails."""

    name: ClassVar[str] = "half"

    def apply(self, model: onnx.ModelProto) -> int:
        del model.graph.node[0]
        raise KeyError("x")


def test_run_passes_undoes_a_pass_that_fails_half_way(caplog: pytest.LogCaptureFixture) -> None:
    model = tiny_models.conv()
    before = model.SerializeToString()
    records = run_passes(model, [_Half(), _Step()], "m.onnx", undo=True)
    assert [record["changes"] for record in records] == [0, 1]
    assert model.SerializeToString() == before
    assert "m.onnx: pass 'half' is undone: it failed: KeyError('x')" in caplog.text


def test_passes_have_names_and_docstrings_of_their_own() -> None:
    assert len({step.name for step in FLOAT_PASSES}) == len(FLOAT_PASSES)
    kinds = {type(step) for step in (*FLOAT_PASSES, *INTEGER_PASSES)}
    assert len({kind.name for kind in kinds}) == len(kinds)
    assert all(kind.__doc__ and kind.__doc__ != Pass.__doc__ for kind in kinds)


@pytest.mark.parametrize("kind", sorted(tiny_models.MODELS))
def test_run_float_passes_keeps_the_signature(kind: str) -> None:
    model = tiny_models.MODELS[kind]()
    before = onnx.ModelProto.FromString(model.SerializeToString())
    run_float_passes(model, "m.onnx")
    onnx.checker.check_model(model)
    assert list(model.graph.input) == list(before.graph.input)
    assert list(model.graph.output) == list(before.graph.output)
    # what is in its final form already stays
    assert not any(record["changes"] for record in run_float_passes(model, "m.onnx"))


def test_run_passes_tells_how_many_nodes_of_each_kind_a_pass_changed() -> None:
    records = run_float_passes(tiny_models.conv_bn_relu(), "m.onnx")
    [folding] = [record for record in records if record["pass"] == "fold_batch_norm"]
    assert folding["nodes"] == {"BatchNormalization": -1}


def test_run_passes_leaves_out_a_pass_whose_precondition_does_not_hold() -> None:
    model = tiny_models.shuffle_block()
    model.opset_import[0].version = 9
    [record] = run_passes(model, [UntangleChannels()], "m.onnx")
    assert record == {
        "pass": "untangle_channels",
        "changes": 0,
        "skipped": "opset 9, it needs 10",
    }
