# SPDX-License-Identifier: Apache-2.0
"""Result files to accuracies: labels, metrics and the joining of the two."""
