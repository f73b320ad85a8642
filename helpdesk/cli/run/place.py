"""Choose the folder a run keeps its data in, and hold it for this run alone."""

from __future__ import annotations

import fcntl
import os
import pwd
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from helpdesk.cli.checkout import ROOT, folder_outside
from helpdesk.errors import Conflict, Invalid

# PostgreSQL appends a name to the folder of its socket, and the whole may have 107 bytes.
_LONGEST_FOLDER = 74


class UnusableFolder(Invalid):
    """The data folder cannot be used."""


class FolderInUse(Conflict):
    """Another run uses the data folder."""


@dataclass(frozen=True)
class Place:
    """The folder of a run's data.

    Attributes:
        folder: absolute path.
        note: why it is not the usual place; empty when it is.
    """

    folder: Path
    note: str = ""

    @property
    def postgres(self) -> Path:
        """Return the home of the embedded PostgreSQL."""
        return self.folder / "postgres"

    @property
    def models(self) -> Path:
        """Return the folder of the model files."""
        return self.folder / "models"

    @property
    def logs(self) -> Path:
        """Return the folder of the log files."""
        return self.folder / "logs"

    @property
    def demo_state(self) -> Path:
        """Return the file that remembers the demo's login and tickets."""
        return self.folder / "demo.json"


def choose_place(chosen: Path | None, *, embedded: bool) -> Place:
    """Return the folder for the data, made if need be.

    Without a choice it is `data` in the checkout, or a place outside where the embedded PostgreSQL cannot work there.

    Raises:
        UnusableFolder: it cannot be written, or the embedded PostgreSQL could not work in it.
    """
    if chosen is not None:
        place = Place(chosen.expanduser().absolute())
        _make(place)
        if embedded and (fault := _fault_for_postgres(place.folder)):
            raise UnusableFolder(
                f"The embedded PostgreSQL cannot work in {place.folder}: {fault}; choose another --data."
            )
        return place
    usual = Place(ROOT / "data")
    fault = _fault_for_postgres(usual.folder) if embedded else ""
    if not fault and not os.access(usual.folder if usual.folder.exists() else ROOT, os.W_OK):
        fault = "it is not writable"
    place = (
        Place(folder_outside(), f"The data is in {folder_outside()}, since in {usual.folder} {fault}.")
        if fault
        else usual
    )
    _make(place)
    return place


def _make(place: Place) -> None:
    try:
        place.folder.mkdir(parents=True, exist_ok=True)
        place.logs.mkdir(mode=0o700, exist_ok=True)
        (place.folder / ".writable").touch()
        (place.folder / ".writable").unlink()
    except OSError as error:
        reason = "it is a file" if place.folder.is_file() else error.strerror
        raise UnusableFolder(
            f"The data folder {place.folder} cannot be written ({reason}); choose another one with --data."
        ) from error


def _fault_for_postgres(folder: Path) -> str:
    """Return why the embedded PostgreSQL cannot work in a folder, or nothing."""
    if len(bytes(folder)) > _LONGEST_FOLDER:
        return "the path is too long for a socket"
    if os.geteuid() == 0 and not _postgres_account_enters(folder):
        return "the account that PostgreSQL runs as may not enter a folder above"
    return ""


def _postgres_account_enters(folder: Path) -> bool:
    """Try as the account that the server will have, since root may enter everywhere."""
    while not folder.exists():
        folder = folder.parent
    names = {user.pw_name for user in pwd.getpwall()}
    account = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    entered = subprocess.run(
        ["/bin/sh", "-c", 'cd -- "$1"', "sh", folder],
        check=False,
        capture_output=True,
        cwd="/",
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=[],
    )
    return entered.returncode == 0


@contextmanager
def held(place: Place, *, wait_s: float = 10.0) -> Iterator[None]:
    """Hold the data folder, so that no second run works on it.

    Raises:
        FolderInUse: another run still holds it after `wait_s`.
    """
    with (place.folder / "run.lock").open("a") as lock:
        deadline = time.monotonic() + wait_s
        # A run that was killed leaves a guard that holds the folder until the database has stopped.
        while not _locked(lock.fileno()):
            if time.monotonic() > deadline or _is_running(place):
                raise FolderInUse(
                    f"Another run uses {place.folder}{_holder(place)}; stop it, or choose another --data and --port."
                )
            time.sleep(0.2)
        (place.folder / "run.pid").write_text(f"{os.getpid()}\n")
        try:
            yield
        finally:
            (place.folder / "run.pid").unlink(missing_ok=True)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_running(place: Place) -> bool:
    try:
        os.kill(int((place.folder / "run.pid").read_text()), 0)
    except (OSError, ValueError):
        return False
    return True


def _holder(place: Place) -> str:
    return f" (process {(place.folder / 'run.pid').read_text().strip()})" if _is_running(place) else ""
