# SPDX-License-Identifier: Apache-2.0
"""The contract between run and evaluation: what a folder of results holds."""
