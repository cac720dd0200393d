# SPDX-License-Identifier: Apache-2.0
"""Every published file loads, or is refused for a fault that it truly has."""

from pathlib import Path

import pytest

from vackit.config.validate import validate_files

# file -> what is wrong with it; each was looked at by eye
FAULTS = {
    # `alibrate_mode`: the card's compiler would silently take its default mode
    "cv/classification/mobilenet_v3/build_in/build/ppcls_mobilenetv3.yaml": [
        "22:5: backend.quantize.alibrate_mode: unknown key 'alibrate_mode'",
    ],
    "cv/classification/mobilenet_v3/build_in/build/sqlai_mobilenetv3.yaml": [
        "22:5: backend.quantize.alibrate_mode: unknown key 'alibrate_mode'",
    ],
    # `extra_ops: null` inside extra_ops
    "cv/detection/yolov6/build_in/build/official_yolov6.yaml": [
        "26:5: graph.extra_ops.extra_ops: unknown key 'extra_ops'",
    ],
    # 2023's `work_dir` in the current form
    "cv/pose/hrnet_pose/build_in/build/mmpose_hrnetpose.yaml": [
        "37:3: workspace.work_dir: unknown key 'work_dir'",
    ],
    "cv/super_resolution/sparnet/build_in/build/config.yaml": [
        "32:3: workspace.work_dir: unknown key 'work_dir'",
    ],
    # `model: NAME` where the current form has `name: NAME`
    "nlp/question_answering/bert/tensorflow/build_in/build/tensorflow_bert_base_en_qa-384.yaml": [
        "1:1: model: unknown key 'model'"
    ],
}


@pytest.mark.slow
def test_published_files_load_except_those_with_true_faults(shared: Path) -> None:
    root = shared / "corpus" / "vastmodelzoo"
    paths = sorted([*root.rglob("*.yaml"), *root.rglob("*.json")])
    assert len(paths) == 209 + 449
    refused = {
        verdict.path.relative_to(root).as_posix(): [
            str(finding).splitlines()[0].removeprefix(f"{verdict.path}:")
            for finding in verdict.findings
        ]
        for verdict in validate_files(paths)
        if not verdict.is_valid
    }
    assert refused == FAULTS
