# SPDX-License-Identifier: Apache-2.0
"""Programs against the public interface, found by `runstream NAME` from any folder."""
