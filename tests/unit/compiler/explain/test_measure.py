# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from tests.explain_networks import feeds, network, quantized

from vackit.compiler.explain.blocks import find_blocks
from vackit.compiler.explain.graphs import alone_graph, with_outputs
from vackit.compiler.explain.measure import BlockStatistics, measure
from vackit.compiler.explain.noise import Noise
from vackit.compiler.explain.ranking import is_crippled, severity
from vackit.compiler.explain.sensitivity import Sensitivity, together
from vackit.compiler.explain.sessions import Runner
from vackit.compiler.explain.twins import Twins
from vackit.errors import ModelError


def test_measure_accumulates_what_the_integer_graph_makes(twins: Twins) -> None:
    blocks = find_blocks(twins)
    measured = measure(twins, blocks, feeds(), {})
    exact = Runner(with_outputs(twins.floating, ["relu2"]), "x")
    integer = Runner(with_outputs(twins.integer, ["relu2/dequantized"]), "x")
    noise = Noise()
    for _, sample in feeds():
        noise.add(exact(sample)["relu2"], integer(sample)["relu2/dequantized"])
    index = [block.value for block in blocks].index("relu2")
    assert measured.blocks[index].entire.sqnr_db == pytest.approx(noise.sqnr_db, abs=1e-3)
    assert (measured.num_images, len(measured.scores.predictions)) == (4, 4)
    # of the last block both ways of counting are the output's
    assert measured.blocks[-1].entire.sqnr_db == pytest.approx(measured.outputs["output"].sqnr_db)


def test_measure_does_not_depend_on_the_order_of_the_images(twins: Twins) -> None:
    blocks = find_blocks(twins)
    forth, back = (measure(twins, blocks, order, {}).blocks for order in (feeds(), feeds()[::-1]))
    for a, b in zip(forth, back, strict=True):
        assert a.single.sqnr_db == pytest.approx(b.single.sqnr_db)
        np.testing.assert_array_equal(a.histogram, b.histogram)


def test_measure_of_single_blocks_is_exact_where_nothing_is_lost(twins: Twins) -> None:
    blocks = find_blocks(twins)
    for block, statistics in zip(blocks, measure(twins, blocks, feeds(), {}).blocks, strict=True):
        # 8 bits: about 6 dB each
        assert 20 < statistics.single.sqnr_db < 70
        # at most what came with the inputs is added
        assert statistics.entire.sqnr_db <= statistics.single.sqnr_db + 3
        if block.step is not None:
            assert statistics.histogram.sum() == 4 * statistics.channel_low.size * (
                64 if block.op_type in ("Conv", "Input") else 1
            )
            assert statistics.low >= block.step.low - block.step.scale / 2


def test_measure_counts_what_saturates() -> None:
    twins = quantized(network(), narrower={"relu1": 0.5})
    blocks = find_blocks(twins)
    measured = measure(twins, blocks, feeds(), {}).blocks
    shares = {b.value: s.saturated_share for b, s in zip(blocks, measured, strict=True)}
    step = next(block.step for block in blocks if block.value == "relu1")
    assert step is not None
    show = Runner(with_outputs(twins.floating, ["relu1"]), "x")
    values = np.stack([show(sample)["relu1"] for _, sample in feeds()])
    assert shares["relu1"] == pytest.approx((values > step.high + step.scale / 2).mean())
    assert shares["relu2"] == 0


def test_statistics_of_nothing_saturate_nothing() -> None:
    assert BlockStatistics().saturated_share == 0


def test_sensitivity_is_the_noise_at_the_outputs(twins: Twins) -> None:
    samples = [sample for _, sample in feeds()]
    block = find_blocks(twins)[2]
    noise = Noise()
    for sample in samples:
        exact = Runner(twins.floating, "x")(sample)["output"]
        noise.add(exact, Runner(alone_graph(twins, block), "x")(sample)["output"])
    assert Sensitivity(twins, samples).of(block).sqnr_db == pytest.approx(noise.sqnr_db)


def test_together_counts_every_output_alike() -> None:
    small, large = Noise(1e-6, 1e-6, 1e-7), Noise(1e6, 1e6, 0.0)
    assert together([small, large]).sqnr_db == pytest.approx(10 * np.log10(2 / 0.1))


def test_severity_puts_crippled_blocks_first_in_order_of_the_graph() -> None:
    healthy, crippled = BlockStatistics(), BlockStatistics()
    healthy.channels.add(np.ones((2, 4), np.float32), np.full((2, 4), 0.99, np.float32))
    crippled.channels.add(np.ones((2, 4), np.float32), np.zeros((2, 4), np.float32))
    assert is_crippled(crippled)
    assert not is_crippled(healthy)
    keys = [
        severity(3, crippled, Noise(1, 1, 1e-6), is_faulty=False),
        severity(5, crippled, Noise(1, 1, 0.5), is_faulty=False),
        severity(1, healthy, Noise(1, 1, 0.1), is_faulty=False),
        severity(0, healthy, Noise(1, 1, 1e-3), is_faulty=False),
    ]
    # what it loses alone counts where the outputs do not show it
    healthy.single.add(np.ones(4, np.float32), np.full(4, 0.9, np.float32))
    keys.insert(3, severity(2, healthy, Noise(1, 1, 1e-6), is_faulty=False))
    keys[4] = severity(0, BlockStatistics(), Noise(1, 1, 1e-3), is_faulty=False)
    assert keys == sorted(keys)
    # what no build makes stands before all of them
    assert severity(9, healthy, Noise(1, 1, 1e-9), is_faulty=True) < keys[0]


def test_runner_names_what_it_runs(twins: Twins) -> None:
    with pytest.raises(ModelError, match="mod: ONNX Runtime does not run what explains it"):
        Runner(twins.floating, "mod")({"other": np.zeros(1, np.float32)})
    twins.floating.graph.node[0].op_type = "NoSuchOp"
    with pytest.raises(ModelError, match="NoSuchOp"):
        Runner(twins.floating, "mod")


def test_measure_holds_a_value_that_was_cut_against_what_is_left_of_it() -> None:
    twins = quantized(network(), narrower={"relu1": 0.5})
    blocks = find_blocks(twins)
    index = [block.name for block in blocks].index("conv1_Conv")
    whole = measure(twins, blocks, feeds(), {}).blocks[index]
    cut = measure(twins, blocks, feeds(), {}, {blocks[index].value: (0.0, 1.0)}).blocks[index]
    # half of the range is gone: what is left is rounded to eight bits
    assert whole.single.sqnr_db < 20 < 35 < cut.single.sqnr_db
    assert whole.entire.sqnr_db < 20 < 35 < cut.entire.sqnr_db
    assert cut.num_saturated == whole.num_saturated > 0
