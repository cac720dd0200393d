# SPDX-License-Identifier: Apache-2.0
"""How far a counted share may lie from the true one."""

import math

# Two-sided 95 % quantile of the standard normal distribution
Z_95 = 1.959963984540054


def wilson_interval(count: int, total: int, z: float = Z_95) -> tuple[float, float]:
    """Return the Wilson score interval of ``count`` successes in ``total``, in percent.

    It stays inside 0 to 100 and is of use for small totals and for shares near the ends,
    where the normal approximation is not.

    Args:
        count: From 0 to ``total``.
        total: At least 1.
        z: Quantile of the standard normal distribution; the default gives 95 %.

    Source:
        Wilson 1927, "Probable inference, the law of succession, and statistical
        inference", J. Am. Stat. Assoc. 22 (158), 209-212.
    """
    share = count / total
    spread = 1 + z * z / total
    center = (share + z * z / (2 * total)) / spread
    half = z / spread * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    # at the ends the interval closes exactly; rounding must not open it again
    low = 0.0 if count == 0 else center - half
    high = 1.0 if count == total else center + half
    return 100 * low, 100 * high
