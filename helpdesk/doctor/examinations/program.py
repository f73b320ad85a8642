"""The program itself: its version, its Python and the packages it stands on."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from helpdesk.doctor.finding import Verdict, ok, skipped, warning
from helpdesk.doctor.finding import error as wrong
from helpdesk.doctor.patient import Patient, in_thread
from helpdesk.doctor.registry import Looked, check
from helpdesk.sla.prediction.estimating.library import LIGHTGBM, Library, boosting_library

_LEAST_PYTHON = (3, 11)
_LOCK = "requirements.lock"
_RELEASE = Path(sys.prefix).parent
_PINNED = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==([^\s;\\]+)\s*(;.*)?")
_SHOWN = 8


def product_version() -> str:
    """Return the version of the installed product, or `0`, as workers have it in `workers.version`."""
    try:
        return version("atum-desk")
    except PackageNotFoundError:
        return "0"


@check("program.python", "the version of Python")
async def python(_patient: Patient) -> Looked:
    """Look at the Python that runs this."""
    return verdict_on_python(sys.version_info[:3])


def verdict_on_python(found: tuple[int, ...]) -> Verdict:
    """Say whether a version of Python runs the product."""
    said = ".".join(map(str, found))
    if found[:2] < _LEAST_PYTHON:
        least = ".".join(map(str, _LEAST_PYTHON))
        return wrong(f"This is Python {said}.", f"Install the product with Python {least} or newer.", python=said)
    return ok(f"Python {said} on {platform.system()} {platform.machine()}.", python=said)


@check("program.packages", "whether the installed packages are those of the lock file")
async def packages(patient: Patient) -> Looked:
    """Compare what is installed with the lock file, by version."""
    # Beside the checkout's packages, or beside the environment of an installation.
    lock = next((folder / _LOCK for folder in (patient.root, _RELEASE) if (folder / _LOCK).is_file()), None)
    if lock is None:
        return skipped(f"There is no {_LOCK} to compare with.")
    pinned = dict(await in_thread(lambda: list(_pinned(lock))))
    others = {name: (wanted, found) for name, wanted in pinned.items() if (found := _installed(name)) != wanted}
    if others:
        missing = sorted(name for name, (_, found) in others.items() if found is None)
        told = [f"{name} is {found or 'missing'} instead of {wanted}" for name, (wanted, found) in others.items()]
        says = f"{len(others)} of {len(pinned)} packages differ from {_LOCK}: {'; '.join(told[:_SHOWN])}."
        remedy = f"Install them again: `pip install --require-hashes -r {lock}`, or run the installer once more."
        tell = wrong if missing else warning
        return tell(says, remedy, missing=missing, different=sorted(others))
    return ok(f"All {len(pinned)} packages are as locked.", packages=len(pinned))


def _pinned(lock: Path) -> Iterator[tuple[str, str]]:
    """Yield the packages of a lock file with their versions, those that are only for other systems apart."""
    for line in lock.read_text("utf-8").splitlines():
        if (found := _PINNED.match(line)) and not found[3]:
            yield found[1], found[2]


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


@check("program.boosting", "whether the risk of breaches is learned with LightGBM", longest_s=20)
async def boosting(_patient: Patient) -> Looked:
    """Look which library grows the trees."""
    return verdict_on_boosting(await in_thread(boosting_library))


def verdict_on_boosting(library: Library) -> Verdict:
    """Say whether what models are grown with is what it should be."""
    if library.name == LIGHTGBM:
        return ok(library.reason, library=library.name)
    if "libgomp" in library.reason:
        remedy = "Install libgomp1; until then scikit-learn does it, and the embedded text model cannot run."
        return warning(library.reason, remedy, library=library.name)
    return ok(f"{library.reason} scikit-learn stands in for it.", library=library.name)
