# SPDX-License-Identifier: Apache-2.0
"""The device conformance suite and tiny models, for plug-in authors too."""
