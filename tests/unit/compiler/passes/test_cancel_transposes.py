# SPDX-License-Identifier: Apache-2.0


from tests.pass_checks import Run, apply, chain, ops

from vackit.compiler.passes.cancel_transposes import CancelTransposes
from vackit.compiler.passes.remove_dead import RemoveDead


def test_cancel_transposes_bypasses_an_inverse_pair(run: Run) -> None:
    last, first = {"perm": [0, 2, 3, 1]}, {"perm": [0, 3, 1, 2]}
    model = chain(("Transpose", last), ("Transpose", first), ("Relu", {}))
    apply(CancelTransposes(), model, run, 1)
    assert RemoveDead().apply(model) == 1
    assert ops(model) == {"Relu": 1}


def test_cancel_transposes_leaves_other_pairs(run: Run) -> None:
    turn = {"perm": [0, 2, 3, 1]}
    model = chain(("Transpose", turn), ("Transpose", turn), ("Relu", {}))
    # turned twice by one axis: (1, 3, 8, 8) becomes (1, 8, 3, 8)
    sizes = model.graph.output[0].type.tensor_type.shape.dim
    sizes[1].dim_value, sizes[2].dim_value = 8, 3
    apply(CancelTransposes(), model, run, 0)
