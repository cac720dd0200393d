# SPDX-License-Identifier: Apache-2.0
"""Operators wired together and running."""
