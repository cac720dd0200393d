# SPDX-License-Identifier: Apache-2.0
"""Image operators: resize, crop, color, normalize, pad. The one implementation."""
