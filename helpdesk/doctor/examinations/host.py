"""The host: the folder of the product's files, whose it is, and room on its disks."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from helpdesk.backup.manifest import backup_folder
from helpdesk.doctor.finding import Verdict, error, ok, warning
from helpdesk.doctor.patient import Bounds, Patient, in_thread
from helpdesk.doctor.registry import Looked, check
from helpdesk.settings import Settings

_SERVICE_USER = "atum-desk"
# The embedded server's cluster belongs to whoever runs PostgreSQL.
_NOT_OURS = {"postgres"}
_SHOWN = 5
_GB = 10**9


@check("host.data_folder", "whether the data folder can be written, and whose the files in it are")
async def data_folder(patient: Patient) -> Looked:
    """Look at ATUM_DATA_DIR, its owner and that of what is in it."""
    return await in_thread(lambda: _data_folder(patient.settings.data_dir))


def _data_folder(folder: Path) -> Looked:
    shown = folder.absolute()
    if not folder.exists():
        parent = next(each for each in shown.parents if each.exists())
        if _may(parent, os.W_OK):
            return ok(f"{shown} is made when there is something to put there.")
        return error(f"{shown} is not there, and {_who()} may not make it.", f"Make it, owned by {_service()}.")
    if not folder.is_dir():
        return error(f"{shown} is no folder.", "Name a folder in ATUM_DATA_DIR.")
    if not _may(folder, os.W_OK | os.X_OK):
        remedy = f"`chown -R {_service()} {shown}`, or run this as {_name(folder.stat().st_uid)}."
        return error(f"{_who()} may not write to {shown}, which is {_name(folder.stat().st_uid)}'s.", remedy)
    return _owners(shown)


def _may(path: Path, what: int) -> bool:
    # Of the account that acts, not of the one that began.
    return os.access(path, what, effective_ids=os.access in os.supports_effective_ids)


def _owners(folder: Path) -> Verdict:
    owner = folder.stat().st_uid
    if owner == 0 and os.geteuid() == 0 and _is_user(_SERVICE_USER):
        says = f"{folder} is root's, but the services run as {_SERVICE_USER}."
        return error(says, f"`chown -R {_SERVICE_USER}: {folder}`")
    others = [path for path in _entries(folder) if path.lstat().st_uid != owner]
    if others:
        shown = ", ".join(map(str, others[:_SHOWN]))
        says = f"{len(others)} files or folders in {folder} are not {_name(owner)}'s, such as {shown}."
        return warning(says, f"`chown -R {_name(owner)}: {others[0]}`; services may not read them.", others=len(others))
    return ok(f"{folder} can be written, and all in it is {_name(owner)}'s.", owner=_name(owner))


def _entries(folder: Path) -> Iterator[Path]:
    """Yield what lies in the folder, down to the folders of organisations; not their files, which may be many."""
    for path in sorted(folder.iterdir()):
        if path.name not in _NOT_OURS:
            yield path
            if path.is_dir() and not path.is_symlink():
                for pattern in ("*", "*/*"):
                    yield from (each for each in path.glob(pattern) if each.is_dir())


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _who() -> str:
    return _name(os.geteuid())


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _service() -> str:
    return _SERVICE_USER if _is_user(_SERVICE_USER) else _who()


@check("host.disk", "room on the disks of data, backups and a database on this host")
async def disk(patient: Patient) -> Looked:
    """Look how much is free where the product writes."""
    places = await in_thread(lambda: dict(_places(patient.settings)))
    return [_space(what, path, patient.bounds) for what, path in places.items()]


def _places(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Yield each disk once, named after what is on it."""
    seen: set[int] = set()
    named = [("data", settings.data_dir), ("backups", backup_folder(settings))]
    if (cluster := _local_cluster(settings)) is not None:
        named.append(("the database", cluster))
    for what, wanted in named:
        path = next(each for each in [wanted.absolute(), *wanted.absolute().parents] if each.exists())
        if (device := path.stat().st_dev) not in seen:
            seen.add(device)
            yield what, path


def _local_cluster(settings: Settings) -> Path | None:
    """Return the folder of a cluster on this host, where one can be told from the address alone."""
    parts = urlsplit(settings.database_url)
    socket = (parse_qs(parts.query).get("host") or [parts.hostname or ""])[0]
    beside = Path(socket).parent / "data"
    if socket.startswith("/") and beside.is_dir():
        return beside
    usual = Path("/var/lib/postgresql")
    is_here = socket.startswith("/") or socket in {"", "localhost", "127.0.0.1", "::1"}
    return usual if is_here and usual.is_dir() else None


def _space(what: str, path: Path, bounds: Bounds) -> Verdict:
    usage = shutil.disk_usage(path)
    figures = {"path": str(path), "free_bytes": usage.free, "total_bytes": usage.total}
    says = f"{usage.free / _GB:,.1f} GB of {usage.total / _GB:,.1f} GB are free for {what} ({path})."
    if usage.free <= bounds.disk_full:
        return error(says, "Make room at once: PostgreSQL stops when it cannot write.", **figures)
    if usage.free <= bounds.disk_low:
        return warning(says, "Make room, or keep fewer backups (ATUM_BACKUP_KEEP).", **figures)
    return ok(says, **figures)
