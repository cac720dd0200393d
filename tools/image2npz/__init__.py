# SPDX-License-Identifier: Apache-2.0
"""Images to npz files and a datalist."""
