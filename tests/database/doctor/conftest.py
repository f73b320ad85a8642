from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from helpdesk.doctor.checks import chosen_checks, run
from helpdesk.doctor.finding import Finding
from helpdesk.doctor.patient import Bounds, Patient
from helpdesk.settings import Settings
from tests.conftest import REPOSITORY, Server

Examine = Callable[..., Awaitable[list[Finding]]]


@pytest.fixture
async def superuser(server: Server, settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    """Return a connection to the test's own database that may break anything."""
    name = make_url(settings.database_url).database
    connection = await asyncpg.connect(host=str(server.postgres.socket_folder), user="postgres", database=name)
    yield connection
    await connection.close()


@pytest.fixture
def patient(settings: Settings, tmp_path: Path) -> Patient:
    """Return an installation without systemd, whose disk has room enough, on a host that may be busy."""
    return Patient(
        settings,
        root=REPOSITORY,
        configuration=tmp_path / "etc",
        booted=tmp_path / "no-systemd",
        bounds=Bounds(disk_low=1, disk_full=0, slow_ms=10_000),
    )


@pytest.fixture
def examine(patient: Patient) -> Examine:
    """Return what lets one check look at the installation, with other settings or bounds where they are given."""

    async def look(check: str, *, bounds: Bounds | None = None, **settings: Any) -> list[Finding]:
        changed = patient.settings.model_copy(update=settings)
        looked_at = replace(patient, settings=changed, bounds=bounds or patient.bounds)
        found = await run(looked_at, chosen_checks([check]))
        return [finding for finding in found if finding.check == check]

    return look
