# SPDX-License-Identifier: Apache-2.0
"""The embedded default: a small trained model and a small real data set."""
