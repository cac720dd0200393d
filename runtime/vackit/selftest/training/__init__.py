# SPDX-License-Identifier: Apache-2.0
"""How the embedded default was made: its model, its training, its export.

Needs the extra ``vackit[train]`` (PyTorch, scikit-learn); nothing else in vackit imports
this package.
"""
