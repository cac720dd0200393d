# SPDX-License-Identifier: Apache-2.0
"""Modules under the published names. `runstream` puts this folder on the search path."""
