# SPDX-License-Identifier: Apache-2.0
"""Load generation, percentiles and the report of `vamp`."""
