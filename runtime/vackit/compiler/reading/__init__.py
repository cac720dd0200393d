# SPDX-License-Identifier: Apache-2.0
"""Forms that exporters and converters write, brought to the one that the compiler works on."""
