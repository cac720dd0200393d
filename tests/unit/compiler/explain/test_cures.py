# SPDX-License-Identifier: Apache-2.0
import dataclasses
from pathlib import Path

import numpy as np
import pytest

from vackit.artifact.store import Artifact
from vackit.compiler.explain.blocks import Block, find_blocks
from vackit.compiler.explain.cures import (
    CureSearch,
    Found,
    advised,
    choose,
    gain_db,
    mends,
    timed,
)
from vackit.compiler.explain.evidence import Cause
from vackit.compiler.explain.explain import maker_of
from vackit.compiler.explain.explanation import Row
from vackit.compiler.explain.images import open_images
from vackit.compiler.explain.measure import BlockStatistics
from vackit.compiler.explain.noise import Noise
from vackit.compiler.explain.patches import Patch
from vackit.compiler.explain.samples import Samples
from vackit.compiler.explain.scores import Scores
from vackit.compiler.explain.trials import Trial, run_trial
from vackit.compiler.explain.twins import open_twins


def _trial(apart: float, *convs: str) -> Trial:
    return Trial(Patch(convs=convs), Scores(), Noise(1.0, 1.0, apart))


def _row(apart: float) -> Row:
    block = Block("n", "Conv", None, None, "v", (), None, "v", None, (), is_output=False)
    return Row(1, 0, block, BlockStatistics(), Noise(1.0, 1.0, apart), 0.0, ())


BEFORE = _trial(0.1)


def test_mends_takes_most_of_what_the_block_does() -> None:
    assert mends(BEFORE, _trial(0.05, "a"), _row(0.08))
    assert not mends(BEFORE, _trial(0.08, "a"), _row(0.08))
    # what the block does alone may be more than is there with all the others
    assert mends(BEFORE, _trial(0.04, "a"), _row(5.0))


def test_choose_takes_the_first_that_mends_else_the_best() -> None:
    half, most = _trial(0.05, "a"), _trial(0.01, "a", "b")
    assert choose(BEFORE, [half, most], _row(0.08)) is half
    assert choose(BEFORE, [_trial(0.09, "c"), _trial(0.08, "d")], _row(0.09)) == _trial(0.08, "d")
    assert choose(BEFORE, [_trial(0.0999, "a"), _trial(0.2, "b")], _row(0.08)) is None
    assert choose(BEFORE, [], _row(0.08)) is None


def test_gain_is_in_decibels() -> None:
    assert gain_db(BEFORE, _trial(0.01)) == pytest.approx(10)
    exact = _trial(0.0)
    assert gain_db(exact, exact) == 0


def test_gain_of_a_build_is_what_it_gains_over_building_again_alone() -> None:
    trial = dataclasses.replace(_trial(0.01), base=Noise(1.0, 1.0, 0.011))
    assert gain_db(BEFORE, trial) == pytest.approx(0.414, abs=0.001)
    assert not mends(BEFORE, trial, _row(0.08))
    # where building again alone is worse, it has to be better than what is there
    assert gain_db(BEFORE, dataclasses.replace(trial, base=Noise(1, 1, 0.5))) == pytest.approx(10)


def test_search_tries_measures_and_times(artifact: Artifact, image_folder: Path) -> None:
    _, twins = open_twins(artifact.prefix)
    images = open_images(artifact.manifest, image_folder, 6, where="mod")
    maker = maker_of(artifact.manifest, twins, images, use_cache=False)
    samples = Samples(images)
    before = run_trial(maker, Patch(), samples, {})
    assert not before.is_rebuilt
    block = next(b for b in find_blocks(twins) if b.name == "conv3_Conv")
    row = dataclasses.replace(_row(1.0), block=block)
    feeds = next(iter(samples))[1]
    found = CureSearch(maker, samples, {}, before).search([row, _row(0.0)], 1)
    before, found, floating = timed(maker, before, found, feeds)
    assert len(found.rows) == 2
    assert found.rows[0].trials[0].patch == Patch(convs=("conv3_Conv",))
    assert before.latency is not None
    assert len(before.latency.rounds_ms) == len(floating.rounds_ms)
    assert all(trial.slowdown(before) is not None for trial in found.trials)
    assert not found.rows[1].trials
    for trial in found.rows[0].trials:
        # fewer nodes in integers, on the images that it is measured on: no build of its own
        assert not trial.is_rebuilt
        assert trial.yaml.startswith("backend:\n  quantize:\n    skip_conv_layers: ['conv")


def test_run_trial_builds_anew_what_cannot_be_grafted(
    artifact: Artifact, image_folder: Path
) -> None:
    _, twins = open_twins(artifact.prefix)
    images = open_images(artifact.manifest, image_folder, 6, where="mod")
    maker = maker_of(artifact.manifest, twins, images, use_cache=False)
    trial = run_trial(maker, Patch(mode="mse"), Samples(images), {})
    assert trial.is_rebuilt
    assert trial.to_json(trial)["patch"] == {"calibrate_mode": "mse"}
    assert trial.outputs.sqnr_db > 15  # 8 bits, five layers
    # and once: it is wanted again to be timed
    assert maker.make(Patch(mode="mse"))[0] is maker.make(Patch(mode="mse"))[0]


def test_search_tries_nothing_but_building_again_where_there_is_a_fault(
    artifact: Artifact, image_folder: Path
) -> None:
    _, twins = open_twins(artifact.prefix)
    images = open_images(artifact.manifest, image_folder, 6, where="mod")
    maker = maker_of(artifact.manifest, twins, images, use_cache=False)
    samples = Samples(images)
    before = run_trial(maker, Patch(), samples, {})
    faulty = dataclasses.replace(_row(1.0), causes=(Cause("changed_range", "", is_fault=True),))
    found = CureSearch(maker, samples, {}, before).search([faulty, _row(1.0)], 2)
    assert [trial.patch for trial in found.rows[0].trials] == [Patch(rebuild=True)]
    assert not found.rows[1].trials


def test_advised_is_the_smallest_that_gains_as_much_as_any() -> None:
    small, large = _trial(0.0101, "a"), _trial(0.01, "a", "b")
    rows = tuple(dataclasses.replace(_row(0.1), cure=cure) for cure in (small, None, large))
    assert advised(BEFORE, Found(rows)) is small
    assert advised(BEFORE, Found(rows[:2], _trial(0.001, "a", "c"))) == _trial(0.001, "a", "c")
    assert advised(BEFORE, Found(rows[1:2])) is None


def test_advised_is_nothing_that_certainly_makes_the_classes_worse() -> None:
    good, bad = (np.eye(2, dtype=np.float32)[[i]] for i in (0, 1))
    before, worse = _trial(0.1), _trial(0.01, "a")
    for _ in range(20):
        before.scores.add("x", good, good, 0)
        worse.scores.add("x", good, bad, 0)
    assert advised(before, Found((dataclasses.replace(_row(0.1), cure=worse),))) is None
