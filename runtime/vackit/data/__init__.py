# SPDX-License-Identifier: Apache-2.0
"""Images, npz inputs, datalists and label files: what comes in and what is known of it."""
