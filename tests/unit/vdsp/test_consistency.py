# SPDX-License-Identifier: Apache-2.0
"""A build YAML's process_ops and the vdsp params beside it describe one preprocessing."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from vackit.config.build import load_build_config
from vackit.config.build_types import Normalize, ProcessOp
from vackit.config.vdsp import as_float16, load_vdsp_params
from vackit.data.images import decode_rgb
from vackit.vdsp.fusion import FusionOperator
from vackit.vdsp.process import ProcessPipeline

VACC_CODE = Path(__file__).resolve().parents[3] / "vacc_code"
FAMILIES = ("shufflenet", "mobilenet", "digits")


def pairs() -> list[tuple[Path, Path]]:
    """Return each build YAML with the vdsp params of the same source and family."""
    found = []
    for yaml in sorted((VACC_CODE / "build").glob("*.yaml")):
        source = yaml.name.split("_")[0]
        family = next(family for family in FAMILIES if family in yaml.name)
        (params,) = (VACC_CODE / "vdsp_params").glob(f"{source}-{family}*.json")
        found.append((yaml, params))
    return found


def as_the_json_rounds(op: ProcessOp) -> ProcessOp:
    """Return the op with means and stds as float16, as vdsp params hold them."""
    if not isinstance(op, Normalize) or op.mean is None or op.std is None:
        return op
    mean, std = (tuple(as_float16(value) for value in values) for values in (op.mean, op.std))
    return replace(op, mean=mean, std=std)


@pytest.fixture(params=[(375, 500), (500, 281), (28, 28)], ids=["landscape", "portrait", "small"])
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    shape = (*request.param, 3)
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    path = tmp_path / "noise.png"
    cv2.imwrite(str(path), noise)
    return path


@pytest.mark.parametrize(("yaml", "json"), pairs(), ids=lambda path: path.name)
def test_process_ops_and_vdsp_params_agree(yaml: Path, json: Path, image: Path) -> None:
    config = load_build_config(yaml)
    assert config.dataset is not None
    _, _, height, width = next(iter(config.frontend.shape.values()))
    operator = FusionOperator(load_vdsp_params(json), (height, width))
    pipeline = ProcessPipeline([as_the_json_rounds(op) for op in config.dataset.process_ops])
    on_device = operator(decode_rgb(image).transpose(2, 0, 1))
    # both round the same numbers, but may write a formula in two ways ((x - 127.5) / 127.5
    # and x / 127.5 - 1): one step of float16
    np.testing.assert_array_max_ulp(pipeline(image).astype(np.float16), on_device, maxulp=1)


def test_pairs_cover_every_build_config() -> None:
    assert len(pairs()) >= 10
    assert len({params for _, params in pairs()}) == len(pairs())
