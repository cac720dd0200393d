# SPDX-License-Identifier: Apache-2.0
import pytest
import yaml
from tests.explain_networks import network, quantized

from vackit.compiler.explain.blocks import find_blocks
from vackit.compiler.explain.evidence import Cause
from vackit.compiler.explain.patches import Patch, candidates, is_heeded, readers_of, skip
from vackit.config.build import Quantize
from vackit.testing import tiny_models


def test_patch_is_yaml_that_says_its_settings() -> None:
    patch = Patch(per_channel=True, mode="mse", convs=("a'b", "c"), others=("fc",))
    assert yaml.safe_load(patch.yaml()) == {"backend": {"quantize": patch.settings()}}
    assert patch.settings() == {
        "quantize_per_channel": True,
        "calibrate_mode": "mse",
        "skip_conv_layers": ["a'b", "c"],
        "exclude_layers": ["fc"],
    }
    assert str(Patch(convs=("a",))) == "skip_conv_layers: ['a']"


@pytest.mark.parametrize(
    ("patch", "text"),
    [(Patch(), "as it is"), (Patch(rebuild=True), "build again")],
    ids=["nothing", "rebuild"],
)
def test_patch_without_settings(patch: Patch, text: str) -> None:
    assert (patch.yaml(), str(patch), bool(patch)) == ("", text, text != "as it is")


def test_patch_adds_up_without_repeating() -> None:
    total = Patch(mode="mse", convs=("a",)) + Patch(per_channel=True, mode="max", convs=("a", "b"))
    assert total == Patch(per_channel=True, mode="mse", convs=("a", "b"))
    assert total.nodes == {"a", "b"}


def test_patch_that_builds_again_anyway_does_not_say_so() -> None:
    again = Patch(rebuild=True)
    assert again + Patch(mode="mse") == Patch(mode="mse")
    assert (again + Patch(convs=("a",))).rebuild


def test_patch_applied_keeps_what_it_does_not_name() -> None:
    before = Quantize("percentile", quantize_per_channel=True, calibrate_range=0.99)
    assert Patch(convs=("a",)).applied(before) == before
    after = Patch(mode="mse").applied(before)
    assert (after.calibrate_mode, after.calibrate_range) == ("mse", None)
    assert after.quantize_per_channel


def test_skip_sorts_nodes_by_the_key_that_takes_them() -> None:
    graph = network().graph
    found = skip(["output_Gemm", "conv3_Conv", "conv1_Conv", "no_such"], graph)
    assert found == Patch(convs=("conv1_Conv", "conv3_Conv"), others=("output_Gemm",))


def test_readers_are_found_behind_what_moves_values() -> None:
    model = tiny_models.shuffle_block(batch=1)
    block = next(b for b in find_blocks(quantized(model)) if b.value == "stem_relu")
    assert readers_of(block, model.graph) == ["pw1_Conv"]


def test_candidates_grow() -> None:
    model = network()
    block = next(b for b in find_blocks(quantized(model)) if b.name == "conv1_Conv")
    causes = [Cause("weight_range_spread", ""), Cause("rare_outliers", "")]
    per_tensor = Quantize("max", quantize_per_channel=False)
    assert candidates(block, causes, per_tensor, model.graph) == [
        Patch(per_channel=True),
        Patch(mode="percentile"),
        Patch(mode="mse"),
        Patch(mode="kl_divergence"),
        Patch(convs=("conv1_Conv",)),
        Patch(convs=("conv2_Conv",)),
        Patch(convs=("conv1_Conv", "conv2_Conv")),
    ]
    [first, *_] = candidates(block, [Cause("saturation", "")], Quantize("mse"), model.graph)
    assert first == Patch(rebuild=True)
    # what no build makes is mended by nothing less
    fault = [Cause("foreign_weights", "", is_fault=True), Cause("weight_range_spread", "")]
    assert candidates(block, fault, per_tensor, model.graph) == [Patch(rebuild=True)]


def test_candidates_for_an_input_are_its_readers() -> None:
    model = network()
    block = find_blocks(quantized(model))[0]
    found = candidates(block, [Cause("rounding", "")], Quantize(), model.graph)
    assert found == [Patch(convs=("conv0_Conv",))]


def test_is_heeded_where_the_compiler_leaves_the_nodes_alone() -> None:
    model = network()
    assert is_heeded(Patch(convs=("conv1_Conv",), others=("output_Gemm",)), model)
    assert is_heeded(Patch(others=("pool_GlobalAveragePool",)), model)
