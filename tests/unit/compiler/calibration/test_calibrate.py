# SPDX-License-Identifier: Apache-2.0
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.tiny_models import classifier, residual

from vackit.artifact.store import open_artifact
from vackit.compiler.pipeline import build
from vackit.config.build import BuildConfig, Quantize

MakeConfig = Callable[..., BuildConfig]


def _table(config: BuildConfig) -> dict:  # type: ignore[type-arg]
    report = build(config, force=True)
    artifact = open_artifact(report.prefix)
    assert ".calibration.json" in artifact.manifest.files
    table: dict = json.loads(artifact.path(".calibration.json").read_bytes())  # type: ignore[type-arg]
    return table


def test_table_tells_what_each_range_was_made_from(make_config: MakeConfig, tmp_path: Path) -> None:
    quantize = Quantize(calibrate_mode="percentile", calibrate_range=0.9)
    table = _table(make_config(residual(), "int8", quantize=quantize))
    assert table["format_version"] == 1
    assert (table["calibrate_mode"], table["calibrate_range"]) == ("percentile", 0.9)
    assert table["num_images"] == 12
    assert str(tmp_path) not in json.dumps(table)
    for name, row in table["values"].items():
        low, high = row["range"]
        assert row["min"] <= low <= high <= row["max"], name
        assert row["num_values"] == row["num_sampled"] > 0
        assert sum(row["histogram"]["counts"]) == row["num_sampled"]
        assert len(row["histogram"]["counts"]) <= 16
        assert row["min"] <= row["percentiles"]["1"] <= row["percentiles"]["99"] <= row["max"]
        assert 0 <= row["saturated"] <= 0.1 + 1e-9
    assert any(row["saturated"] > 0 for row in table["values"].values())


def test_table_has_no_share_where_the_mode_uses_none(make_config: MakeConfig) -> None:
    quantize = Quantize(calibrate_mode="mse", calibrate_range=0.9)
    assert "calibrate_range" not in _table(make_config(residual(), "int8", quantize=quantize))


@pytest.mark.parametrize("mode", ["percentile", "kl_divergence", "mse"])
def test_calibrate_keeps_the_extremes_of_the_input(make_config: MakeConfig, mode: str) -> None:
    quantize = Quantize(calibrate_mode=mode, calibrate_range=0.5)
    row = _table(make_config(residual(), "int8", quantize=quantize))["values"]["input"]
    assert row["range"] == [row["min"], row["max"]]


def test_calibrate_says_what_the_set_lacks(
    make_config: MakeConfig, caplog: pytest.LogCaptureFixture
) -> None:
    model = classifier()
    classes = model.graph.output[0].type.tensor_type.shape.dim[1].dim_value
    table = _table(make_config(model, "int8"))
    assert "12 calibration images may be too few" in caplog.text
    assert f"show 2 of the {classes} classes" in caplog.text
    assert all(note in caplog.text for note in table["notes"])
    assert len(table["notes"]) == 2
