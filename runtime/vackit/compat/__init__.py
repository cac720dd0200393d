# SPDX-License-Identifier: Apache-2.0
"""Published interfaces as thin faces over the stream: programs run here unmodified."""
