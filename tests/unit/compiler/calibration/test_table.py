# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from vackit.compiler.calibration.statistics import Statistics
from vackit.compiler.calibration.table import value_rows

VALUES = np.array([-2.0, -1.0, 0.0, 1.0, 2.0, 2.0, 2.0, 2.0], np.float32)


@pytest.mark.parametrize(
    ("bounds", "share"),
    [((-2.0, 2.0), 0.0), ((-2.0, 1.5), 0.5), ((-1.5, 1.5), 0.625), ((-1.5, 2.0), 0.125)],
    ids=["whole", "above", "both", "below"],
)
def test_value_rows_tells_the_share_beyond_the_range(
    bounds: tuple[float, float], share: float
) -> None:
    stats = Statistics(1)
    assert stats.observe(0, VALUES)
    row = value_rows(["x"], stats, {"x": bounds})["x"]
    assert row["saturated"] == share
    assert (row["min"], row["max"], row["range"]) == (-2.0, 2.0, list(bounds))
    assert row["num_values"] == row["num_sampled"] == sum(row["histogram"]["counts"]) == 8
