# SPDX-License-Identifier: Apache-2.0
"""Sentences about measured effects say what is certain."""

import numpy as np

from vackit.compiler.explain.noise import Noise
from vackit.compiler.explain.patches import Patch
from vackit.compiler.explain.scores import Scores
from vackit.compiler.explain.timing import Latency
from vackit.compiler.explain.trials import Trial
from vackit.compiler.explain.words import effect, verdict


def _scores(num_right: int, num_images: int = 100, label: int | None = 0) -> Scores:
    """Float32 is right on all images, integers on the first ``num_right``."""
    scores, rows = Scores(), np.eye(2, dtype=np.float32)
    for number in range(num_images):
        scores.add("image", rows[:1], rows[[int(number >= num_right)]], label)
    return scores


def test_verdict_names_images_and_intervals() -> None:
    top1, agreement = verdict(_scores(90))
    assert top1 == (
        "top-1 of 100 labeled images: int8 90.00 %, float32 100.00 %: -10.00 points "
        "(95 %: -15.9 to -3.7)"
    )
    assert agreement == "agreement with float32: 90.00 % of 100 images (95 %: 82.6 to 94.5)"
    [alone] = verdict(_scores(90, label=None))
    assert alone.endswith("(95 %: 82.6 to 94.5), no labels")
    assert verdict(Scores()) == []


def test_effect_tells_the_change_and_that_it_is_emulated() -> None:
    before = Trial(Patch(), _scores(90), Noise(1.0, 1.0, 0.1), latency=Latency((1.0,) * 21))
    after = Trial(
        Patch(mode="mse"),
        _scores(100),
        Noise(1.0, 1.0, 0.01),
        is_rebuilt=True,
        base=Noise(1.0, 1.0, 0.02),
        latency=Latency((1.5,) * 21),
    )
    assert effect(before) == "outputs 10.0 dB, top-1 90.00 %, emulated 1.00 ms"
    assert effect(after, before) == (
        "outputs 20.0 dB (+10.0), top-1 100.00 % (+10.00 points; 95 %: +3.7 to +15.9), emulated "
        "1.50 ms (+50 %; 95 %: +50 to +50), calibrated with these images (without the patch that "
        "gives 17.0 dB)"
    )
