# SPDX-License-Identifier: Apache-2.0
import dataclasses
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from image2npz import convert as convert_module
from image2npz import worker
from image2npz.convert import Settings, UnreadableError, convert, default_jobs
from image2npz.record import Status
from vackit.data.datalist import read_datalist
from vackit.data.npz import read_image_input, read_npz, write_npz
from vackit.errors import DataError


def make_image(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (8 + seed % 3, 10, 3), dtype=np.uint8)
    assert cv2.imwrite(str(path), pixels)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings for six images in three class folders."""
    for index in range(6):
        make_image(tmp_path / "images" / f"n{index % 3}" / f"img{index}.png", index)
    return Settings(tmp_path / "images", tmp_path / "npz", tmp_path / "list.txt")


def times(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*.npz")}


def manifest(settings: Settings) -> dict[str, object]:
    data: dict[str, object] = json.loads((settings.target / "image2npz.json").read_text())
    return data


def test_convert_writes_what_opencv_reads(settings: Settings) -> None:
    report = convert(settings)
    assert report.is_new
    assert len(report.of(Status.WRITTEN)) == 6
    entries = read_datalist(settings.datalist)
    assert len(entries) == 6
    for entry in entries:
        relative = entry.path.relative_to(settings.target.absolute()).with_suffix(".png")
        bgr = cv2.imread(str(settings.dataset / relative))
        assert bgr is not None
        assert np.array_equal(read_image_input(entry.path), bgr[..., ::-1].transpose(2, 0, 1))
        assert list(read_npz(entry.path)) == ["input_0"]


def test_convert_records_where_everything_comes_from(settings: Settings) -> None:
    convert(settings)
    data = manifest(settings)
    assert data["complete"] is True
    images = data["images"]
    assert isinstance(images, list)
    assert images[0]["image"] == "n0/img0.png"
    assert images[0]["npz"] == "n0/img0.npz"
    assert (images[0]["height"], images[0]["width"]) == (8, 10)
    assert len(images[0]["image_sha256"]) == 64


def test_convert_gives_the_same_bytes_in_any_number_of_processes(settings: Settings) -> None:
    for index in range(60):
        make_image(settings.dataset / "many" / f"{index}.png", index)
    convert(settings)
    other = dataclasses.replace(
        settings,
        target=settings.target.with_name("npz2"),
        datalist=settings.datalist.with_name("list2.txt"),
        jobs=2,
    )
    convert(other)
    one = {p.relative_to(settings.target): p.read_bytes() for p in settings.target.rglob("*.npz")}
    two = {p.relative_to(other.target): p.read_bytes() for p in other.target.rglob("*.npz")}
    assert len(one) == 66
    assert one == two
    lines = [entry.path.relative_to(other.target) for entry in read_datalist(other.datalist)]
    assert [str(line) for line in lines[:3]] == ["many/0.npz", "many/1.npz", "many/2.npz"]


def test_convert_twice_changes_nothing_and_decodes_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert(settings)
    before = times(settings.target)
    monkeypatch.setattr(worker, "decode_rgb_planes", None)  # to decode now would fail
    report = convert(settings)
    assert not report.is_new
    assert len(report.of(Status.KEPT)) == 6
    assert times(settings.target) == before


def test_convert_without_manifest_compares_and_keeps(settings: Settings) -> None:
    convert(settings)
    (settings.target / "image2npz.json").unlink()
    before = times(settings.target)
    report = convert(settings)
    assert len(report.of(Status.KEPT)) == 6
    assert times(settings.target) == before
    assert manifest(settings)["complete"] is True


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"format_version": 9}', '{"format_version": 1, "images": [{"image": 3}]}'],
    ids=["cut off", "list", "version", "fields"],
)
def test_convert_does_without_a_damaged_manifest(settings: Settings, content: str) -> None:
    convert(settings)
    (settings.target / "image2npz.json").write_text(content)
    assert len(convert(settings).of(Status.KEPT)) == 6


def test_convert_makes_only_what_is_missing(settings: Settings) -> None:
    convert(settings)
    (settings.target / "n1" / "img1.npz").unlink()
    make_image(settings.dataset / "n9" / "new.png", 9)
    report = convert(settings)
    assert [o.pair.image for o in report.of(Status.WRITTEN)] == ["n1/img1.png", "n9/new.png"]
    assert len(read_datalist(settings.datalist)) == 7


def test_convert_refuses_to_replace_the_npz_of_another_image(settings: Settings) -> None:
    convert(settings)
    make_image(settings.dataset / "n1" / "img1.png", 77)
    before = times(settings.target)
    with pytest.raises(DataError, match=r"1 npz files hold something else .*: n1/img1\.npz\n"):
        convert(settings)
    assert times(settings.target) == before
    report = convert(dataclasses.replace(settings, force=True))
    assert [o.pair.image for o in report.of(Status.WRITTEN)] == ["n1/img1.png"]


def test_convert_sees_an_image_that_only_looks_unchanged_by_its_npz(settings: Settings) -> None:
    convert(settings)
    write_npz(settings.target / "n1" / "img1.npz", {"input_0": np.zeros((3, 1, 1), np.uint8)})
    with pytest.raises(DataError, match="hold something else than their images"):
        convert(settings)


def test_convert_names_all_unreadable_images(settings: Settings) -> None:
    (settings.dataset / "n0" / "empty.jpg").touch()
    (settings.dataset / "n2" / "text.jpg").write_text("text")
    with pytest.raises(UnreadableError, match="2 of 8 images cannot be read; no datalist") as info:
        convert(settings)
    assert [(o.pair.image, o.reason.split(":")[0]) for o in info.value.outcomes] == [
        ("n0/empty.jpg", "is empty (0 bytes), expected an image"),
        ("n2/text.jpg", "cannot be decoded"),
    ]
    assert not settings.datalist.exists()
    assert manifest(settings)["complete"] is False


def test_convert_leaves_unreadable_images_out_when_told(settings: Settings) -> None:
    (settings.dataset / "n0" / "broken.png").symlink_to("nowhere.png")
    (settings.dataset / "n2" / "text.jpg").write_text("text")
    report = convert(dataclasses.replace(settings, skip_unreadable=True))
    assert [o.pair.image for o in report.of(Status.UNREADABLE)] == ["n0/broken.png", "n2/text.jpg"]
    assert len(read_datalist(settings.datalist)) == 6
    unreadable = manifest(settings)["unreadable"]
    assert isinstance(unreadable, list)
    assert unreadable[0] == {
        "image": "n0/broken.png",
        "reason": "cannot be read: no such file or directory",
    }


def test_convert_of_unreadable_images_only_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.jpg").touch()
    settings = Settings(
        tmp_path / "images", tmp_path / "npz", tmp_path / "list.txt", skip_unreadable=True
    )
    with pytest.raises(DataError, match="none of its images can be read"):
        convert(settings)


def test_convert_goes_on_after_it_was_stopped(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def stop_at_third(npz: Path, arrays: dict[str, np.ndarray]) -> None:
        calls.append(npz)
        if len(calls) == 3:
            raise KeyboardInterrupt
        write_npz(npz, arrays)

    monkeypatch.setattr(worker, "write_npz", stop_at_third)
    monkeypatch.setattr(convert_module, "_CHUNK", 1)
    with pytest.raises(KeyboardInterrupt):
        convert(settings)
    assert not settings.datalist.exists()
    assert manifest(settings)["complete"] is False
    report = convert(settings)
    assert (len(report.of(Status.KEPT)), len(report.of(Status.WRITTEN))) == (2, 4)


def test_convert_refuses_to_replace_another_datalist(settings: Settings) -> None:
    settings.datalist.write_text("/other/a.npz\n")
    with pytest.raises(DataError, match=r"holds '/other/a\.npz', which is no image of .*\n.*--for"):
        convert(settings)
    assert not settings.target.exists()
    convert(dataclasses.replace(settings, force=True))
    assert len(read_datalist(settings.datalist)) == 6


def test_convert_needs_a_name_for_the_datalist(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder, expected a name for the datalist"):
        convert(dataclasses.replace(settings, datalist=tmp_path))


def test_convert_into_the_dataset_folder_itself(settings: Settings) -> None:
    inside = dataclasses.replace(settings, target=settings.dataset)
    convert(inside)
    assert not convert(inside).is_new
    assert len(read_datalist(settings.datalist)) == 6


def test_convert_reports_a_folder_that_cannot_be_written(settings: Settings) -> None:
    settings.target.write_text("a file")
    with pytest.raises(FileExistsError):
        convert(settings)


def test_convert_says_that_a_worker_was_ended(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(60):
        make_image(settings.dataset / "many" / f"{index}.png", index)
    monkeypatch.setattr(convert_module, "start_worker", _end_this_process)
    with pytest.raises(DataError, match=r"a worker process was ended from outside.*\n.*-j 1"):
        convert(dataclasses.replace(settings, jobs=2))
    assert len(convert(dataclasses.replace(settings, jobs=1)).outcomes) == 66


def _end_this_process() -> None:
    os._exit(9)


def test_default_jobs_is_at_least_one() -> None:
    assert default_jobs() >= 1
