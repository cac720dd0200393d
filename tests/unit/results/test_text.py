# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from vackit.errors import DataError
from vackit.results.text import (
    Prediction,
    format_line,
    read_predictions,
    read_sidecar,
    sidecar_path,
    write_predictions,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "result.txt"


def line(image: str = "a.jpg", rank: int = 0, index: int = 5, name: str = "cat") -> str:
    return f"{image}: Relay top-{rank} id: {index}, prob: 0.50000000, class name: {name}\n"


def test_format_line_is_the_published_form() -> None:
    prediction = Prediction("n1/a.JPEG", 0, 281, 0.308349609375, "tabby, tabby cat")
    assert format_line(prediction) == (
        "n1/a.JPEG: Relay top-0 id: 281, prob: 0.30834961, class name: tabby, tabby cat"
    )


@pytest.mark.parametrize(
    "image",
    ["/data/n1/a.jpg", "C:\\data\\a.jpg", "a: b/c: top-1.jpg", "/with space/ä.npz", "x: Relay/y"],
    ids=["plain", "drive", "colons", "spaces", "word"],
)
@pytest.mark.parametrize("name", ["tabby, tabby cat", "prob: 1", ""], ids=["two", "odd", "none"])
def test_predictions_are_read_as_they_were_written(path: Path, image: str, name: str) -> None:
    given = (Prediction(image, 0, 281, 2.5, name), Prediction(image, 1, 3, -1.0, "dog"))
    write_predictions(path, given, {"emulated": True})
    assert read_predictions(path) == {image: given}
    sidecar = read_sidecar(path)
    assert sidecar is not None
    assert sidecar["emulated"] is True
    assert sidecar["result"] == "result.txt"


def test_read_predictions_reads_other_producers(path: Path) -> None:
    path.write_text("/d/a.jpg: top-0 id: 7, prob: 0.5, class name: cat\n\n")
    assert read_predictions(path)["/d/a.jpg"][0].index == 7


def test_read_predictions_groups_by_image_and_orders_by_rank(path: Path) -> None:
    path.write_text(line("a", 1, 1) + line("b", 0, 2) + line("a", 0, 3) + line("b", 1, 4))
    groups = read_predictions(path)
    assert {image: [p.index for p in group] for image, group in groups.items()} == {
        "a": [3, 1],
        "b": [2, 4],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no result: the file is empty"),
        ("hello\n", r"result\.txt:1: 'hello' is not 'PATH: \.\.\. top-K id: N"),
        (line() + line(), r"result\.txt:2: top-0 of 'a\.jpg' stands there twice"),
        (line() + line("b") + line("b", 1, 6), r"'a\.jpg' has top-0; expected top-0 to top-1"),
        (line(rank=1), r"'a\.jpg' has top-1; expected top-0 to top-0"),
        (line() + line(rank=1), r"'a\.jpg' has one class at two ranks"),
        (line().replace("0.50000000", "much"), "prob 'much' is not a number"),
        (line().replace("0.50000000", "nan"), r"prob of 'a\.jpg' is NaN"),
    ],
    ids=["empty", "form", "twice", "fewer", "gap", "class twice", "prob", "NaN"],
)
def test_read_predictions_says_what_is_wrong(path: Path, text: str, message: str) -> None:
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_predictions(path)


def test_read_predictions_of_a_missing_file_is_an_error(path: Path) -> None:
    with pytest.raises(DataError, match="cannot read the result file: no such file"):
        read_predictions(path)


def test_read_sidecar_where_there_is_none(path: Path) -> None:
    assert read_sidecar(path) is None


@pytest.mark.parametrize(
    ("text", "message"), [("{", "not JSON"), ("[]", "no JSON object")], ids=["cut off", "list"]
)
def test_read_sidecar_refuses_what_it_cannot_read(path: Path, text: str, message: str) -> None:
    sidecar_path(path).write_text(text)
    with pytest.raises(DataError, match=message):
        read_sidecar(path)


def test_read_sidecar_does_not_believe_that_of_another_text(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_predictions(path, [Prediction("a", 0, 1, 1.0, "cat")], {"emulated": True})
    path.write_text(line())
    assert read_sidecar(path) is None
    assert "is not of this text (its sha256 differs)" in caplog.text
