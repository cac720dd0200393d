# SPDX-License-Identifier: Apache-2.0
"""Weights in an npz file, one array a parameter: nothing that could run code."""

import io
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from vackit.errors import DataError
from vackit.files import write_atomic


def refuse_existing(path: Path, *, force: bool) -> None:
    """Raise `DataError` where ``path`` exists and ``force`` is not set."""
    if path.exists() and not force:
        raise DataError("exists already", where=path, hint="replace it with --force")


def save(path: Path, model: nn.Module) -> None:
    """Write the model's parameters and batch-norm statistics, atomically."""
    buffer = io.BytesIO()
    np.savez(buffer, **{name: value.numpy() for name, value in model.state_dict().items()})
    write_atomic(path, buffer.getvalue())


def load(path: Path, model: nn.Module) -> None:
    """Read ``path`` into ``model``.

    Raises:
        DataError: It is missing, no npz file, or of another network.
    """
    try:
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as data:
            state = {name: torch.from_numpy(np.array(data[name])) for name in data.files}
        model.load_state_dict(state)
    except FileNotFoundError as error:
        raise DataError("no such checkpoint", where=path) from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise DataError("not a checkpoint: an npz file was expected", where=path) from error
    except RuntimeError as error:
        raise DataError(
            "holds the weights of another network than the settings describe",
            where=path,
            hint="give the --config that it was trained with",
        ) from error
