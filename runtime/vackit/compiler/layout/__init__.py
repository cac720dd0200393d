# SPDX-License-Identifier: Apache-2.0
"""Where the channels of each value lie, and how to lay them out anew.

A *root* is a value that moving nodes (Split, Slice, Gather, Concat, Reshape, Transpose, ...)
take channels from; a *view* says for each channel of a moved value which channel of which
root it is (`trace`). A value's *origin* is the value that decides its order: back through
the nodes that keep channels apart (`roles`, `uses`). `relay` gives origins a new order and
lets every reader follow.
"""
