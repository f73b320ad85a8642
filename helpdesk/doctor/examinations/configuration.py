"""Settings: each one readable, none against another, and secrets for nobody else's eyes."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

from helpdesk.doctor.finding import Verdict, error, ok, skipped, warning
from helpdesk.doctor.patient import Patient, in_thread
from helpdesk.doctor.registry import Looked, check
from helpdesk.errors import HelpdeskError
from helpdesk.queue.decode import types_served
from helpdesk.queue.plugins import load_job_types
from helpdesk.queue.schedule_file import load_schedule
from helpdesk.settings import Settings

# As many beats may be lost before a lease is.
_BEATS_IN_A_LEASE = 3
# A letter more, less or other: the log level's name is 0.96 like itself without its last E.
_ALIKE = 0.92
_SECRET = re.compile(r"^\s*(?:export\s+)?(\w*(?:PASSWORD|API_KEY|TOKEN|SECRET)\w*)\s*=\s*\S", re.IGNORECASE)
_URL_WITH_PASSWORD = re.compile(r"^\s*(?:export\s+)?(\w+)\s*=\s*[\"']?[a-z+]+://[^/\s:@]*:[^/\s@]+@", re.IGNORECASE)


@check("settings.values", "whether each setting can be read, and none is misspelt")
async def values(patient: Patient) -> Looked:
    """Name each setting that is wrong, and each variable that is meant to be one."""
    remedy = "Correct it; until then no process starts, and here the default stood in for it."
    wrong = [error(f"{name} is wrong: {reason}.", remedy) for name, reason in patient.wrong_settings.items()]
    found = [*wrong, *_slips(os.environ)]
    return found or ok(f"All {len(Settings.model_fields)} settings can be read.")


def _slips(environment: Collection[str]) -> Iterator[Verdict]:
    """Tell of variables whose names are all but a setting's: nobody reads them, and nothing else says so."""
    known = [f"ATUM_{name.upper()}" for name in Settings.model_fields]
    for name in sorted(environment):
        if name.startswith("ATUM_") and name not in known and (alike := get_close_matches(name, known, 1, _ALIKE)):
            yield warning(f"There is no setting {name}; {alike[0]} is one.", f"Correct the name {name}.", name=name)


@check("settings.agreement", "whether settings go together")
async def agreement(patient: Patient) -> Looked:
    """Look for settings that contradict each other, or name what is not there."""
    found = [
        *_leases(patient.settings),
        *_pooler(patient.settings),
        *_named(patient.settings),
        *_mail(patient.settings),
    ]
    return found or ok("No setting contradicts another.")


def _leases(settings: Settings) -> Iterator[Verdict]:
    beat, lease = settings.lease_heartbeat_s, settings.lease_timeout_s
    if beat >= lease:
        says = f"ATUM_LEASE_HEARTBEAT_S ({beat:g}) is not shorter than ATUM_LEASE_TIMEOUT_S ({lease:g})."
        yield error(f"{says} Every running job is taken for lost.", "Make the lease three times as long as the beat.")
    elif beat * _BEATS_IN_A_LEASE > lease:
        says = f"A lease of {lease:g} s has no room for {_BEATS_IN_A_LEASE} beats of {beat:g} s."
        yield warning(
            f"{says} One late beat loses running jobs.",
            f"Set ATUM_LEASE_TIMEOUT_S to {beat * _BEATS_IN_A_LEASE:g} or more.",
        )


def _pooler(settings: Settings) -> Iterator[Verdict]:
    if settings.database_pgbouncer and settings.database_listen_url is None:
        yield warning(
            "Behind a pooler, ATUM_DATABASE_LISTEN_URL is not set: workers poll, and neither migrations nor backups "
            "find a way past it.",
            "Set it to the address of PostgreSQL itself.",
        )
    if settings.database_listen_url is not None and not settings.database_pgbouncer:
        yield warning(
            "ATUM_DATABASE_LISTEN_URL is set, but ATUM_DATABASE_PGBOUNCER is not: it is not used.",
            "Set ATUM_DATABASE_PGBOUNCER=true if ATUM_DATABASE_URL leads to a pooler, else remove the other one.",
        )


def _named(settings: Settings) -> Iterator[Verdict]:
    try:
        load_job_types()
    except HelpdeskError as refused:
        yield error(f"A plug-in cannot be loaded: {refused.detail}", "Install it, or take it out of ATUM_PLUGINS.")
    try:
        load_schedule(settings)
    except HelpdeskError as refused:
        yield error(f"The schedule cannot be used: {refused.detail}", "Correct the file of ATUM_SCHEDULE_FILE.")
    try:
        types_served(settings.worker_queues)
    except HelpdeskError as refused:
        yield error(f"ATUM_WORKER_QUEUES: {refused.detail}", "Name queues or job types of `atum-desk jobs types`.")


def _mail(settings: Settings) -> Iterator[Verdict]:
    if settings.smtp_url is None:
        return
    if "@localhost" in settings.mail_from:
        host = urlsplit(settings.smtp_url.get_secret_value()).hostname
        if host not in {"localhost", "127.0.0.1", "::1"}:
            yield warning(
                f"Mail is sent from {settings.mail_from}, which nobody can answer and many servers refuse.",
                "Set ATUM_MAIL_FROM to an address of your own.",
            )
    if settings.public_url is None:
        yield warning("Mail has no links to tickets.", "Set ATUM_PUBLIC_URL to the address people use.")


@check("settings.secrets", "whether others on this machine can read the secrets")
async def secrets(patient: Patient) -> Looked:
    """Look at the permissions of the credentials, and for secrets in files that others can read."""
    return await in_thread(lambda: _secrets(patient.configuration))


def _secrets(folder: Path) -> Looked:
    credentials = folder / "credentials"
    try:
        if not folder.is_dir():
            return skipped(f"There is no {folder}; settings come from the environment alone.")
        files = sorted(path for path in credentials.iterdir() if path.is_file()) if credentials.is_dir() else []
    except PermissionError:
        # Not even their names: as it should be for anybody but root.
        files = []
    found = [*_open_to_others(credentials, files), *_in_the_clear(folder)]
    return found or ok(f"{credentials} is closed to others, and no secret lies open in {folder}.", seen=len(files))


def _open_to_others(folder: Path, files: list[Path]) -> Iterator[Verdict]:
    for path in [folder, *files]:
        if _is_there(path) and (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:
            wanted = "700" if path.is_dir() else "600"
            says = f"Others may open {path} (mode {mode:03o})."
            yield error(says, f"`chmod {wanted} {path}`, and change the secret if others use this machine.")


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return False


def _in_the_clear(folder: Path) -> Iterator[Verdict]:
    for path in sorted(folder.glob("*.env")):
        if not os.access(path, os.R_OK) or not stat.S_IMODE(path.stat().st_mode) & 0o004:
            continue
        lines = path.read_text("utf-8", errors="replace").splitlines()
        named = [found[1] for line in lines if (found := _SECRET.match(line) or _URL_WITH_PASSWORD.match(line))]
        if named:
            remedy = f"Put it into a file of its own in {folder / 'credentials'}, and take it out of {path.name}."
            yield error(f"Everybody on this machine can read {', '.join(named)} in {path}.", remedy, variables=named)
