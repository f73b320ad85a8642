"""Which library grows the trees here, and why."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Literal

LIGHTGBM: Literal["lightgbm"] = "lightgbm"
HISTOGRAM: Literal["scikit-learn"] = "scikit-learn"


@dataclass(frozen=True)
class Library:
    """A library and the reason that it is this one, in a sentence."""

    name: Literal["lightgbm", "scikit-learn"]
    reason: str


def boosting_library() -> Library:
    """Return what models are grown with in this process: LightGBM, or without it scikit-learn's histogram boosting."""
    loaded = load_lightgbm()
    if isinstance(loaded, str):
        return Library(HISTOGRAM, loaded)
    return Library(LIGHTGBM, f"LightGBM {loaded.__version__} is there.")


def load_lightgbm() -> ModuleType | str:
    """Return LightGBM, or in a sentence why it cannot be had."""
    try:
        # Slow to import, and its wheel is of no use without the system's libgomp1.
        import lightgbm  # noqa: PLC0415
    except OSError as error:
        if "libgomp" in str(error):
            return "LightGBM needs the system's libgomp1, which is not installed (Debian: apt install libgomp1)."
        return f"LightGBM cannot be loaded: {error}."
    except ImportError:
        return "LightGBM is not installed."
    found: ModuleType = lightgbm
    return found
