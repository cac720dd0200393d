# SPDX-License-Identifier: Apache-2.0
"""Text to checked, frozen dataclasses; nobody after this touches a dict or reads YAML."""
