# SPDX-License-Identifier: Apache-2.0
"""Every way to damage one layer of an artifact: it comes first, with the right cause."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from tests.explain_sabotage import change_bias, change_rounding, change_weights

from vackit.artifact.store import Artifact
from vackit.compiler.explain.explain import Wish, explain
from vackit.compiler.explain.explanation import Explanation
from vackit.compiler.explain.images import open_images
from vackit.compiler.explain.table import table
from vackit.compiler.explain.twins import Twins, open_twins
from vackit.compiler.graph import add_constant, constants, copy_model, values_of

Sabotage = Callable[[onnx.ModelProto], None]
VICTIM, VALUE = "conv3_Conv", "relu3"
READ, WRITE = "DequantizeLinear", "QuantizeLinear"


def explained(
    artifact: Artifact, folder: Path, sabotage: Sabotage, num_cures: int = 0
) -> Explanation:
    _, twins = open_twins(artifact.prefix)
    integer = copy_model(twins.integer)
    sabotage(integer)
    images = open_images(artifact.manifest, folder, None, where="mod")
    wish = Wish(num_cures, use_cache=False)
    return explain(artifact.manifest, Twins(integer, twins.floating, "mod"), images, {}, wish)


def _channel(factor: float) -> Callable[[NDArray[Any]], NDArray[Any]]:
    def change(values: NDArray[Any]) -> NDArray[Any]:
        values[4] *= factor
        return values

    return change


def _weights(change: Callable[[NDArray[Any]], NDArray[Any]], part: int = 0) -> Sabotage:
    return lambda model: change_weights(model, VICTIM, change, part)


def _rounding(**changes: Any) -> Sabotage:
    return lambda model: change_rounding(model, VALUE, **changes)


def _shifted(values: NDArray[Any]) -> NDArray[Any]:
    values[4] += 2 * np.abs(values).max()
    return values


@pytest.mark.parametrize(
    ("sabotage", "kind", "text"),
    [
        (_weights(lambda s: 2 * s, 1), "wrong_weight_scale", "stand for 2 times the float"),
        (_weights(lambda s: s / 3, 1), "wrong_weight_scale", "stand for 0.33 times"),
        (_weights(_channel(20), 1), "wrong_weight_scale", "output channel 4 stand for 20 times"),
        (_weights(_channel(0)), "foreign_weights", "output channel 4 are all zero"),
        (_weights(_channel(50)), "foreign_weights", "output channel 4 are not the float weights"),
        (_weights(_channel(-1)), "foreign_weights", "output channel 4 are not the float weights"),
        (
            lambda m: change_bias(m, VICTIM, _shifted),
            "foreign_bias",
            "(channel 4) from the float one",
        ),
        (_rounding(scale=0.1), "changed_range", "which is no range that the build calibrated"),
        (_rounding(scale=10), "changed_range", "which is no range that the build calibrated"),
        (_rounding(zero=60), "changed_range", "which is no range that the build calibrated"),
        (_rounding(zero=20, op_types=(READ,)), "mismatched_pair", "zero point 0, but read with"),
        (_rounding(scale=2, op_types=(WRITE,)), "mismatched_pair", "are written with scale"),
    ],
    ids=[
        *("scale-doubled", "scale-third", "channel-scale", "channel-zeroed", "channel-times-50"),
        *("channel-turned", "bias-shifted", "range-tenth", "range-tenfold", "zero-point"),
        *("read-zero-point", "written-scale"),
    ],
)
def test_explain_puts_a_damaged_layer_first(
    artifact: Artifact, image_folder: Path, sabotage: Sabotage, kind: str, text: str
) -> None:
    found = explained(artifact, image_folder, sabotage)
    first, second = found.rows[:2]
    assert (first.block.name, first.causes[0].kind) == (VICTIM, kind)
    assert text in first.causes[0].text
    assert not second.is_faulty
    assert "1 of the nodes are not as a build makes them" in table(found)


def test_explain_mends_a_damaged_layer_by_building_again(
    artifact: Artifact, image_folder: Path
) -> None:
    found = explained(artifact, image_folder, _weights(_channel(0)), num_cures=2)
    first, second = found.rows[:2]
    assert first.cure is not None
    assert first.cure.patch.rebuild
    assert first.cure.outputs.sqnr_db > found.before.outputs.sqnr_db + 10
    assert not second.trials
    text = table(found)
    assert "build it again with `vamc build --force`" in text
    assert "to merge into" not in text


def test_explain_names_what_a_range_was_where_its_name_is_known(
    artifact: Artifact, image_folder: Path
) -> None:
    def in_place(model: onnx.ModelProto) -> None:
        tensor = next(t for t in model.graph.initializer if t.name == f"{VALUE}/scale")
        wrong = np.frombuffer(tensor.raw_data, np.float32) * np.float32(4)
        tensor.raw_data = wrong.tobytes()

    found = explained(artifact, image_folder, in_place)
    assert found.rows[0].causes[0].kind == "changed_range"
    assert "the build calibrated 0 to " in found.rows[0].causes[0].text


def test_explain_names_what_cannot_be_seen_in_the_values(
    artifact: Artifact, image_folder: Path
) -> None:
    def one_step(values: NDArray[Any]) -> NDArray[Any]:
        values[0, 0, 0, 0] -= np.sign(values[0, 0, 0, 0] or 1.0)
        return values

    found = explained(artifact, image_folder, _weights(one_step))
    assert found.rows[0].block.name == VICTIM
    assert "are others than those of the build" in found.rows[0].causes[0].text


def test_explain_names_integers_that_are_gone(artifact: Artifact, image_folder: Path) -> None:
    def in_float(model: onnx.ModelProto) -> None:
        node = next(node for node in model.graph.node if node.name == VICTIM)
        maker = next(n for n in model.graph.node if node.input[2] in n.output)
        values = values_of(constants(model.graph)[maker.input[0]]).astype(np.float32)
        node.input[2] = add_constant(model.graph, "bias_in_float", values)

    found = explained(artifact, image_folder, in_float)
    assert (found.rows[0].block.name, found.rows[0].causes[0].kind) == (VICTIM, "foreign_bias")


def test_explain_of_an_undamaged_artifact_finds_no_fault(
    artifact: Artifact, image_folder: Path
) -> None:
    found = explained(artifact, image_folder, lambda model: None)
    assert not any(row.is_faulty for row in found.rows)
    assert "not as a build makes them" not in table(found)
