# SPDX-License-Identifier: Apache-2.0
"""The version of the package, and of the tools that shape its results."""

__version__ = "0.1.0"


def tool_versions(*distributions: str) -> dict[str, str]:
    """Return the installed version of each named distribution, and vackit's own.

    Reads package metadata only: nothing heavy is imported. A distribution that is not
    installed is recorded as ``"absent"``.
    """
    from importlib import metadata  # 20 ms: not for every `--help`

    versions = {"vackit": __version__}
    for name in distributions:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "absent"
    return versions
