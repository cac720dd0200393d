# SPDX-License-Identifier: Apache-2.0
"""What newer versions of Python and of libraries have dropped, for programs older than they are."""
