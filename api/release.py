"""Which release this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def release() -> str:
    """Return the version of the installed product, or `0+source` of a checkout that is not installed."""
    try:
        return version("atum-desk")
    except PackageNotFoundError:
        return "0+source"
