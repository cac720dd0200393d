# SPDX-License-Identifier: Apache-2.0
"""Video coded without loss, picture by picture, where OpenCV's build has no encoder.

Both standards let a block carry its samples as they are (PCM). Such streams are large and
any decoder plays them.
"""
