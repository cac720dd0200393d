# SPDX-License-Identifier: Apache-2.0
"""The graph passes, one a file, and the order in which they run.

A new pass is a file here, a line in `FLOAT_PASSES` or `INTEGER_PASSES` and a test beside
its siblings.
"""

import onnx

from vackit.compiler.passes.base import Pass
from vackit.compiler.passes.cancel_transposes import CancelTransposes
from vackit.compiler.passes.constants_to_initializers import ConstantsToInitializers
from vackit.compiler.passes.conv_to_gemm import ConvToGemm
from vackit.compiler.passes.fold_batch_norm import FoldBatchNorm
from vackit.compiler.passes.fold_constants import FoldConstants
from vackit.compiler.passes.fold_shapes import FoldShapes
from vackit.compiler.passes.fold_stem import FoldStem
from vackit.compiler.passes.fuse_clip import FuseClip
from vackit.compiler.passes.matmul_to_gemm import MatMulToGemm
from vackit.compiler.passes.mean_to_pool import MeanToPool
from vackit.compiler.passes.pad_channels import PadChannels
from vackit.compiler.passes.remove_dead import RemoveDead
from vackit.compiler.passes.remove_identity import RemoveIdentity
from vackit.compiler.passes.running import PassRecord, run_passes
from vackit.compiler.passes.untangle_channels import UntangleChannels
from vackit.compiler.verify import Samples

# in the order in which they run: each leaves the graph in the form that the next looks for
FLOAT_PASSES: tuple[Pass, ...] = (
    ConstantsToInitializers(),
    RemoveIdentity(),
    FoldConstants(),
    FoldBatchNorm(),
    FuseClip(),
    CancelTransposes(),
    MeanToPool(),
    ConvToGemm(),
    MatMulToGemm(),
    RemoveDead(),
)

# what makes integer kernels fast, on the float form with its batch settled
INTEGER_PASSES: tuple[Pass, ...] = (
    FoldShapes(),
    UntangleChannels(),
    RemoveDead(),
    PadChannels(),
    FoldStem(),
    RemoveDead(),
)

__all__ = [
    "FLOAT_PASSES",
    "INTEGER_PASSES",
    "Pass",
    "PassRecord",
    "run_float_passes",
    "run_integer_passes",
    "run_passes",
]


def run_float_passes(
    model: onnx.ModelProto, where: object, samples: Samples = ()
) -> list[PassRecord]:
    """Run `FLOAT_PASSES` over ``model`` in place; return what each changed."""
    return run_passes(model, FLOAT_PASSES, where, samples, undo=True)


def run_integer_passes(
    model: onnx.ModelProto,
    where: object,
    samples: Samples = (),
    spared: frozenset[str] = frozenset(),
) -> list[PassRecord]:
    """Run `INTEGER_PASSES` over ``model`` in place; return what each changed.

    Nodes named in ``spared`` are to stay float: no pass merges them with others.
    """
    passes = [step.sparing(spared) for step in INTEGER_PASSES]
    return run_passes(model, passes, where, samples, undo=True)
