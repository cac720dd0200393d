# SPDX-License-Identifier: Apache-2.0
"""Join names of the same images that are written differently.

One list says ``/data/npz/n01440764/a.npz``, another ``n01440764/a.JPEG`` or ``a``. Names
are compared without the suffixes of images and npz files; of several names with the right
last part, the one that agrees in the most folders before it is meant. Order never counts,
and what is not certain is an error.
"""

import itertools
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath

from vackit.data.listing import IMAGE_SUFFIXES
from vackit.errors import EvaluationError

_SUFFIXES = (*IMAGE_SUFFIXES, ".npz")

Parts = tuple[str, ...]


def name_parts(name: str) -> Parts:
    """Return the folders and the stem of a name, without image and npz suffixes."""
    path = PurePosixPath(name.replace("\\", "/"))
    stem = path.name
    while (suffix := PurePosixPath(stem).suffix).lower() in _SUFFIXES:
        stem = stem.removesuffix(suffix)
    return (*(part for part in path.parts[:-1] if part not in ("/", ".")), stem)


def join_names(
    names: Sequence[str], pool: Sequence[str], *, where: str, what: str, pool_name: str
) -> list[str]:
    """Return for each of ``names`` the one name of ``pool`` that means the same image.

    Args:
        names: What is looked for; none of them twice.
        pool: Where it is looked for; it may hold more.
        where: Where ``names`` come from, for errors.
        what: What the pool holds, for errors (``"label"``).
        pool_name: Where the pool comes from, for errors.

    Raises:
        EvaluationError: A name has no partner, or several that fit equally well, or two
            names have the same one.
    """
    by_stem: dict[str, list[tuple[Parts, str]]] = defaultdict(list)
    for entry in pool:
        parts = name_parts(entry)
        by_stem[parts[-1]].append((parts, entry))
    taken: dict[str, str] = {}
    partners = []
    for name in names:
        parts = name_parts(name)
        best = _best(parts, by_stem.get(parts[-1], []))
        if len(best) != 1:
            fact = f"fits {len(best)} of them: {', '.join(best)}" if best else "has none"
            raise EvaluationError(
                f"'{name}' {fact} (every name needs one {what} of {pool_name})", where=where
            )
        if first := taken.get(best[0]):
            raise EvaluationError(
                _shared(first, name, f"{what} '{best[0]}' of {pool_name}"), where=where
            )
        taken[best[0]] = name
        partners.append(best[0])
    return partners


def _best(parts: Parts, candidates: list[tuple[Parts, str]]) -> list[str]:
    """Return the candidates with the longest common end."""
    lengths = [_common_end(parts, other) for other, _ in candidates]
    longest = max(lengths, default=0)
    return [
        name for (_, name), length in zip(candidates, lengths, strict=True) if length == longest
    ]


def _common_end(one: Parts, other: Parts) -> int:
    pairs = zip(reversed(one), reversed(other), strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def _shared(first: str, second: str, partner: str) -> str:
    if first == second:
        return f"'{first}' stands there twice"
    return f"'{first}' and '{second}' both fit the {partner}"
