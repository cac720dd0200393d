# SPDX-License-Identifier: Apache-2.0
"""The contract between run and evaluation."""
