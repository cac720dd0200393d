# SPDX-License-Identifier: Apache-2.0
"""What comes in and what is known of it: images, npz files, datalists, label files."""
