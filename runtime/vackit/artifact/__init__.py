# SPDX-License-Identifier: Apache-2.0
"""The contract between compile and run: what lies behind an artifact prefix."""
