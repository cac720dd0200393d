# SPDX-License-Identifier: Apache-2.0
"""Say which nodes of an int8 artifact lose accuracy, why, and what mends it."""
