# SPDX-License-Identifier: Apache-2.0
"""What makes integers lose less: shifted and evened-out channels, weights and biases refitted."""
