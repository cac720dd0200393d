# SPDX-License-Identifier: Apache-2.0
"""What `vamc validate` says of the parameters of detection post-processing."""

from pathlib import Path

import pytest

from vackit.config.build import load_build_config
from vackit.errors import ConfigError

YAML = """\
name: detector
frontend: {{type: onnx, checkpoint: model.onnx, shape: {{images: [1, 3, 640, 640]}}}}
backend: {{type: tvm_vacc, dtype: fp32}}
workspace: {{path: deploy}}
graph:
  extra_ops:
    type: {kind}
    params:
      num_classes: 80
      {entry}
"""


def load(tmp_path: Path, entry: str, kind: str = "yolov5_nms") -> None:
    path = tmp_path / "x.yaml"
    path.write_text(YAML.format(kind=kind, entry=entry))
    load_build_config(path)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("nms_threshold: 1.5", "x.yaml:10:22: .*nms_threshold: 1.5 is not at most 1"),
        ("nms_threshold: '0.5'", "x.yaml:10:22: .*nms_threshold: expected number, got str '0.5'"),
        ("anchor: [[10, 13]]", r"x.yaml:10:16: .*anchor\.0: expected number, got list"),
        ("strides: [8, 0]", r"x.yaml:10:20: .*strides\.1: 0 is not at least 1"),
        ("anchors: [1, 2]", "x.yaml:10:7: .*unknown key 'anchors'\n.*did you mean 'anchor'"),
        ("seg_enable: 1", "x.yaml:10:19: .*seg_enable: expected boolean, got int 1"),
    ],
    ids=["above", "text", "nested", "zero", "unknown", "number"],
)
def test_a_wrong_parameter_is_shown_with_its_place(
    tmp_path: Path, entry: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, entry)


def test_other_post_processing_has_parameters_of_its_own(tmp_path: Path) -> None:
    load(tmp_path, "voxel_size: [0.1, 0.1]", kind="pointpillar_nms")
