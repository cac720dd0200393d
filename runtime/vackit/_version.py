# SPDX-License-Identifier: Apache-2.0
"""The version of the package, and of the tools that shape its results."""

from importlib import metadata

__version__ = "0.1.0"


def tool_versions(*distributions: str) -> dict[str, str]:
    """Return the installed version of each named distribution, and vackit's own.

    Reads package metadata only: nothing heavy is imported. A distribution that is not
    installed is recorded as ``"absent"``.
    """
    versions = {"vackit": __version__}
    for name in distributions:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "absent"
    return versions
