# SPDX-License-Identifier: Apache-2.0
"""Build config and model in, artifact out."""
