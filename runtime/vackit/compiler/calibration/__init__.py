# SPDX-License-Identifier: Apache-2.0
"""Measure the range of every value over the calibration set."""
