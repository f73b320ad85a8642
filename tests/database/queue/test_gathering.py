"""What a worker gathers from the database for those who look at its metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from helpdesk.backup.manifest import Manifest
from helpdesk.database.engine import Database
from helpdesk.models.values import JobPriority
from helpdesk.queue.link import Link
from helpdesk.settings import Settings
from tests.database.queue.jobs import Behaviour, Echo, enqueue_echo, known, working
from tests.scraping import here
from workers.gathering import Gathering


@pytest.fixture
async def gathering(settings: Settings, behaviour: Behaviour, connection: Link) -> AsyncIterator[Gathering]:
    # It serves another type, so that what is put into the queue stays there.
    async with working(settings, behaviour.handlers, types=[]) as (_, process):
        yield Gathering(process)


async def set_status(database: Database, organization_id: UUID, job: UUID, status: str) -> None:
    async with database.transaction(organization_id) as session:
        await session.execute(
            text("UPDATE job_queue SET status = :status, finished_at = now() WHERE id = :job"),
            {"status": status, "job": job},
        )


async def test_the_queue_is_shown_by_type_priority_and_state(
    database: Database, organization_id: UUID, gathering: Gathering, connection: Link
) -> None:
    now = datetime.now(UTC)
    for age_s in (90, 30):
        await enqueue_echo(database, organization_id, run_after=now - timedelta(seconds=age_s))
    await enqueue_echo(database, organization_id, priority=JobPriority.HIGH, run_after=now - timedelta(seconds=5))
    await enqueue_echo(database, organization_id, run_after=now + timedelta(hours=1))
    for status in ("dead_letter", "cancelled", "completed"):
        await set_status(database, organization_id, await enqueue_echo(database, organization_id), status)
    await gathering.gather()
    found = here()

    assert found.by("atum_queue_jobs", "job_type", "priority", "state") == {
        ("TEST_ECHO", "normal", "ready"): 2,
        ("TEST_ECHO", "high", "ready"): 1,
        ("TEST_ECHO", "normal", "delayed"): 1,
        ("TEST_ECHO", "normal", "dead_letter"): 1,
    }
    oldest = found.by("atum_queue_oldest_ready_seconds", "job_type", "priority")
    assert 90 <= oldest["TEST_ECHO", "normal"] < 120
    assert 5 <= oldest["TEST_ECHO", "high"] < 35

    await connection.fetch("DELETE FROM job_queue")
    await gathering.gather()
    assert {"atum_queue_jobs", "atum_queue_oldest_ready_seconds"} & here().names() == set()


async def test_what_is_paused_waits_for_nobody(database: Database, organization_id: UUID, gathering: Gathering) -> None:
    await enqueue_echo(database, organization_id)
    async with database.transaction(None) as session:
        await session.execute(text("INSERT INTO job_pauses (kind, name) VALUES ('queue', 'tests')"))
    await gathering.gather()
    found = here()
    assert found.by("atum_queue_jobs", "job_type", "state") == {("TEST_ECHO", "paused"): 1}
    assert "atum_queue_oldest_ready_seconds" not in found.names()


async def test_a_type_that_nobody_here_knows_is_shown_without_its_name(
    database: Database, organization_id: UUID, gathering: Gathering
) -> None:
    class Foreign(Echo):
        job_type = "SECRET_OF_A_PLUGIN"

    with known(Foreign):
        await enqueue_echo(database, organization_id)
        async with database.transaction(organization_id) as session:
            await session.execute(text("UPDATE job_queue SET job_type = 'SECRET_OF_A_PLUGIN'"))
    await gathering.gather()
    assert here().by("atum_queue_jobs", "job_type") == {("unknown",): 1}


async def test_the_server_its_workers_and_its_tables_are_shown(gathering: Gathering, connection: Link) -> None:
    await gathering.gather()
    found = here()
    allowed = await connection.fetch("SELECT current_setting('max_connections')::int AS most")
    assert found.by("atum_workers", "kind") == {("job",): 1}
    assert found.of("atum_workers", kind="sla") == 0
    assert 1 < found.of("atum_database_connections") < found.of("atum_database_connections_allowed")
    assert found.of("atum_database_connections_allowed") < allowed[0]["most"]
    assert found.of("atum_database_table_bytes", table="job_queue") > 0
    assert found.of("atum_database_standbys") == 0
    assert "atum_database_replication_lag_seconds" not in found.names()
    assert found.of("atum_gathered_timestamp_seconds") == pytest.approx(datetime.now(UTC).timestamp(), abs=60)


async def test_a_transaction_that_is_left_open_is_seen(
    database: Database, organization_id: UUID, gathering: Gathering
) -> None:
    async with database.transaction(organization_id) as session:
        await session.execute(text("UPDATE organizations SET name = 'held' WHERE id = :id"), {"id": organization_id})
        await gathering.gather()
        held = here().of("atum_database_oldest_snapshot_seconds")
    assert held > 0


async def test_what_waits_for_the_index_and_for_the_sla_worker_is_shown(
    organization_id: UUID, gathering: Gathering, connection: Link
) -> None:
    for status, age in (("pending", "40 s"), ("failed", "1 hour"), ("done", "2 hours")):
        await connection.fetch(
            "INSERT INTO rag_index_queue (id, organization_id, source_type, source_id, status, waiting_since) "
            "VALUES ($1, $2, 'kb', $3, $4, now() - $5::text::interval)",
            uuid4(),
            organization_id,
            uuid4(),
            status,
            age,
        )
    await gathering.gather()
    found = here()
    assert found.by("atum_index_tasks", "state") == {("pending",): 1, ("failed",): 1}
    assert 40 <= found.of("atum_index_oldest_pending_seconds") < 100
    assert found.of("atum_sla_oldest_due_seconds") == 0


async def test_the_newest_backup_is_shown_and_none_where_there_is_none(
    settings: Settings, gathering: Gathering
) -> None:
    await gathering.gather()
    assert here().of("atum_backups") == 0
    assert "atum_backup_last_success_timestamp_seconds" not in here().names()

    manifest = Manifest(
        created_at=datetime(2026, 3, 3, 10, tzinfo=UTC),
        product_version="0",
        schema_revision="0",
        server_version=180000,
        tools_major=18,
        rows={},
        files=0,
        files_missing=0,
        parts=[],
    )
    folder = settings.data_dir / "files" / "backups" / "atum-desk-1"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(manifest.model_dump_json())
    await gathering.gather()
    assert here().of("atum_backups") == 1
    assert here().of("atum_backup_last_success_timestamp_seconds") == manifest.created_at.timestamp()


async def test_figures_that_cannot_be_had_are_no_longer_shown_and_the_others_are(
    gathering: Gathering, connection: Link, database: Database
) -> None:
    await gathering.gather()
    before = here()
    assert before.of("atum_workers", kind="job") == 1
    async with database.engine.begin() as raw:
        await raw.execute(text("SET LOCAL ROLE atum_owner"))
        await raw.execute(text("REVOKE SELECT ON sla_clocks FROM atum_worker"))
    await gathering.gather()
    moved = here() - before
    assert moved.by("atum_gather_failures_total", "group") == {("sla",): 1}
    assert "atum_sla_oldest_due_seconds" not in here().names()
    assert here().of("atum_workers", kind="job") == 1


async def test_figures_that_take_too_long_are_left_out_and_the_others_are_shown(
    gathering: Gathering, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.gathering._LIMIT", "SET LOCAL statement_timeout = 100")
    before = here()
    async with database.engine.begin() as raw:
        await raw.execute(text("SET LOCAL ROLE atum_owner"))
        await raw.execute(text("LOCK TABLE sla_clocks"))
        await gathering.gather()
    moved = here() - before
    assert moved.by("atum_gather_failures_total", "group")["sla",] == 1
    assert "atum_sla_oldest_due_seconds" not in here().names()
    # It comes after that one.
    assert "atum_database_standbys" in here().names()
