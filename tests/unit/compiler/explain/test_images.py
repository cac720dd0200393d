# SPDX-License-Identifier: Apache-2.0
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vackit.artifact.manifest import Manifest
from vackit.artifact.store import Artifact
from vackit.compiler.explain.images import open_images
from vackit.compiler.explain.samples import Samples
from vackit.config.build import CustomFunc
from vackit.data.npz import write_npz
from vackit.errors import ArtifactError, DataError
from vackit.vdsp.process import ProcessPipeline

FUNCTION = """
import numpy as np
def load(image_file, input_shape):
    return np.zeros(input_shape, np.float32)
"""


@pytest.fixture
def manifest(artifact: Artifact) -> Manifest:
    return artifact.manifest


def test_open_images_preprocesses_as_the_manifest_says(
    manifest: Manifest, image_folder: Path
) -> None:
    images = open_images(manifest, image_folder, 5, where="mod")
    assert len(images) == 5
    assert images.describe() == manifest.preprocessing
    path, feeds = next(iter(images))
    assert Path(path).parent.parent == image_folder
    assert feeds["input"].shape == (1, 3, 8, 8)


def test_open_images_takes_all_there_are_without_a_word(
    manifest: Manifest, image_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(open_images(manifest, image_folder, 500, where="mod")) == 16
    assert len(open_images(manifest, image_folder, None, where="mod")) == 16
    assert not caplog.records


def test_open_images_when_there_are_none(manifest: Manifest, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        open_images(manifest, tmp_path / "nowhere", None, where="mod")


def test_open_images_takes_npz_where_the_artifact_was_calibrated_with_it(
    manifest: Manifest, tmp_path: Path
) -> None:
    plain = dataclasses.replace(manifest, preprocessing=())
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"no files ending in \.npz"):
        open_images(plain, tmp_path, None, where="mod")
    write_npz(tmp_path / "a.npz", {"input_0": np.ones((3, 8, 8), np.float32)})
    [(_, feeds)] = open_images(plain, tmp_path, None, where="mod")
    assert feeds["input"].sum() == 3 * 64


@pytest.mark.parametrize("entry", [{"type": "Sharpen"}, {"type": "Resize"}], ids=["op", "keys"])
def test_open_images_refuses_preprocessing_that_it_does_not_know(
    manifest: Manifest, image_folder: Path, entry: dict[str, str]
) -> None:
    odd = dataclasses.replace(manifest, preprocessing=(entry,))
    with pytest.raises(ArtifactError, match="mod: its preprocessing is not known to this version"):
        open_images(odd, image_folder, None, where="mod")


def test_open_images_refuses_preprocessing_that_cannot_work(
    manifest: Manifest, image_folder: Path
) -> None:
    odd = dataclasses.replace(manifest, preprocessing=({"type": "ToTensor"},))
    with pytest.raises(ArtifactError, match=r"its preprocessing does not work: .*DecodeImage"):
        open_images(odd, image_folder, None, where="mod")


def test_open_images_runs_a_custom_func_only_if_it_is_given_and_the_same(
    manifest: Manifest, image_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "own.py"
    path.write_text(FUNCTION)
    ops = [CustomFunc(path, "load", (3, 8, 8))]
    described = ProcessPipeline(ops, allow_code=True).describe()
    custom = dataclasses.replace(manifest, preprocessing=described)
    with pytest.raises(ArtifactError, match=r"go through the Python file own\.py, which is not"):
        open_images(custom, image_folder, None, where="mod")
    images = open_images(custom, image_folder, 1, where="mod", custom_func=path)
    assert not next(iter(images))[1]["input"].any()
    path.write_text(FUNCTION + "raise SystemExit('ran')\n")
    with pytest.raises(ArtifactError, match=r"went through another own\.py: the sha256 of"):
        open_images(custom, image_folder, None, where="mod", custom_func=path)
    with pytest.raises(ArtifactError, match="went through another"):
        open_images(custom, image_folder, None, where="mod", custom_func=tmp_path / "none.py")


def test_samples_read_what_fits_once(
    manifest: Manifest, image_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = open_images(manifest, image_folder, 6, where="mod")
    one = 3 * 8 * 8 * 4
    samples = Samples(images, kept_bytes=4 * one)
    first = [path for path, _ in samples]
    starts: list[int] = []
    start = images.starting_at

    def counting(index: int) -> Any:
        starts.append(index)
        return start(index)

    monkeypatch.setattr(images, "starting_at", counting)
    assert [path for path, _ in samples] == first
    assert starts == [4]
    assert [path for path, _ in samples.few(3)] == [first[0], first[2], first[4]]
    assert len(samples.few(100)) == len(samples) == 6
