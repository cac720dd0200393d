# SPDX-License-Identifier: Apache-2.0
"""Where an artifact runs: the device contract, the registry and the built-in devices."""
