# SPDX-License-Identifier: Apache-2.0
"""Write a quantized graph in the forms that ONNX Runtime has fast kernels for, and back.

Everything before thinks in the network's own nodes. What an artifact holds is the lowered
form: the same numbers, the same names of weights, scales and integers, standard operators.
`lift` undoes it, for whoever wants to compare node by node.
"""

import onnx

from vackit.compiler.graph import copy_model
from vackit.compiler.lowering.fold import lift_folds, lower_folds
from vackit.compiler.lowering.pointwise import lift_products, lower_products
from vackit.compiler.lowering.pooling import lift_pools, lower_pools
from vackit.compiler.passes.running import PassRecord


def lower(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the form of an integer graph that is run; ``model`` is left as it is."""
    return lower_and_record(model)[0]


def lower_and_record(model: onnx.ModelProto) -> tuple[onnx.ModelProto, list[PassRecord]]:
    """Return also what each step changed, for the manifest."""
    lowered = copy_model(model)
    steps = {
        "lower_folds": lower_folds,
        "lower_products": lower_products,
        "lower_pools": lower_pools,
    }
    return lowered, [{"pass": name, "changes": step(lowered)} for name, step in steps.items()]


def lift(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return what `lower` was given; ``model`` is left as it is."""
    lifted = copy_model(model)
    lift_pools(lifted)
    lift_products(lifted)
    lift_folds(lifted)
    return lifted
