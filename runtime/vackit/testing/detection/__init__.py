# SPDX-License-Identifier: Apache-2.0
"""Detection heads to test with: models that plant outputs, and a slow reference."""
