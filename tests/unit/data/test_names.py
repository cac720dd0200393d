# SPDX-License-Identifier: Apache-2.0
import pytest

from vackit.data.names import join_names, name_parts
from vackit.errors import EvaluationError


def join(names: list[str], pool: list[str]) -> list[str]:
    return join_names(names, pool, where="here", what="label", pool_name="labels.txt")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.JPEG", ("a",)),
        ("/x/n1/a.npz", ("x", "n1", "a")),
        ("./n1/a", ("n1", "a")),
        ("n1/a.jpeg.npz", ("n1", "a")),
        ("n1/a.b.c.png", ("n1", "a.b.c")),
        ("n1\\a.jpg", ("n1", "a")),
        ("1.5", ("1.5",)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_name_parts_drop_image_suffixes_only(name: str, parts: tuple[str, ...]) -> None:
    assert name_parts(name) == parts


def test_join_names_finds_the_stem_whatever_the_suffix() -> None:
    assert join(["/npz/n1/a.npz"], ["b.JPEG", "a.JPEG"]) == ["a.JPEG"]


def test_join_names_prefers_the_longest_common_end() -> None:
    pool = ["n1/1.jpg", "n2/1.jpg", "n2/2.jpg"]
    assert join(["/x/n2/1.npz", "/x/n1/1.npz"], pool) == ["n2/1.jpg", "n1/1.jpg"]


def test_join_names_takes_a_unique_stem_of_another_folder() -> None:
    assert join(["/moved/a.npz"], ["/old/n1/a.npz"]) == ["/old/n1/a.npz"]


def test_join_names_does_not_go_by_order() -> None:
    names = [f"/x/{i}.npz" for i in range(20)]
    assert join(names, [f"{i}.jpg" for i in reversed(range(20))]) == [f"{i}.jpg" for i in range(20)]


def test_join_names_without_partner_is_an_error() -> None:
    with pytest.raises(EvaluationError, match=r"here: '/x/b\.npz' has none"):
        join(["/x/b.npz"], ["a.jpg"])


def test_join_names_with_two_equal_partners_is_an_error() -> None:
    with pytest.raises(EvaluationError, match=r"fits 2 of them: n1/a\.jpg, n2/a\.jpg"):
        join(["/x/a.npz"], ["n1/a.jpg", "n2/a.jpg"])


def test_join_names_with_a_shared_partner_is_an_error() -> None:
    with pytest.raises(
        EvaluationError, match=r"'n1/a\.npz' and 'n2/a\.npz' both fit the label 'a\.jpg' of lab"
    ):
        join(["n1/a.npz", "n2/a.npz"], ["a.jpg"])


def test_join_names_with_a_repeated_name_is_an_error() -> None:
    with pytest.raises(EvaluationError, match=r"'a\.npz' stands there twice"):
        join(["a.npz", "a.npz"], ["a.jpg"])
