"""An organisation's tickets as a file: whole, safe to open, and read back by the importer."""

from __future__ import annotations

import csv
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.models.accounts import Organization
from helpdesk.models.values import TicketPriority, TicketStatus
from helpdesk.settings import Settings
from helpdesk.tickets.commands import change_status, note, open_ticket, reply
from helpdesk.transfer import export_rows
from helpdesk.transfer.export import Position
from helpdesk.transfer.export_file import GrowingFile
from helpdesk.transfer.export_formats import ExportFormat
from tests.database.desk import NOW, open_a_desk, vpn_ticket
from tests.database.transfer.exports import add_tickets, export, objects
from tests.database.transfer.imports import Imports, outcomes

FORMULA = "=cmd|' /C calc'!A0"


def said_by(message: dict[str, Any]) -> tuple[str, str, str, str]:
    return message["author_kind"], message["visibility"], message["created_at"], message["body"]


@pytest.fixture
async def desk(database: Database, organization_id: UUID, settings: Settings) -> None:
    """Furnish a desk with a solved ticket, on which somebody spoke, and an open one a day later."""
    agent = await open_a_desk(database, organization_id)
    scope = {"organization_id": organization_id}
    async with database.transaction(organization_id) as session:
        changes = {"priority": TicketPriority.HIGH, "category": "network", "team": "network", "tags": ("vpn", "wifi")}
        new = vpn_ticket(**changes, custom={"floor": 3}, external_id="OLD-1")
        ticket = await open_ticket(session, **scope, new=new, actor=agent, now=NOW, settings=settings)
        said = {"ticket_id": ticket.id, "actor": agent, "settings": settings}
        later = NOW + timedelta(minutes=10)
        await reply(session, **scope, **said, body="Déjà vu 😀? 二", now=later)
        aside = {"ticket_id": ticket.id, "actor": agent, "now": later + timedelta(minutes=1)}
        await note(session, **scope, **aside, body="Gateway 3 again.")
        await change_status(
            session, **scope, ticket_id=ticket.id, to=TicketStatus.SOLVED, actor=agent, now=NOW + timedelta(hours=1)
        )
    async with database.transaction(organization_id) as session:
        new = vpn_ticket(subject=FORMULA, body="+1 for a fix", priority=TicketPriority.LOW)
        tomorrow = NOW + timedelta(days=1)
        waiting = await open_ticket(session, **scope, new=new, actor=agent, now=tomorrow, settings=settings)
        about = {"ticket_id": waiting.id, "actor": agent, "now": tomorrow + timedelta(minutes=5)}
        await reply(session, **scope, **about, body="Which one?", settings=settings)
        await change_status(
            session, **scope, **about | {"now": tomorrow + timedelta(minutes=6)}, to=TicketStatus.PENDING
        )


@pytest.mark.usefixtures("desk")
async def test_a_line_holds_a_ticket_with_all_that_belongs_to_it(
    database: Database, organization_id: UUID, tmp_path: Path
) -> None:
    end = await export(database, organization_id, tmp_path / "out.jsonl")
    solved, opened = objects(tmp_path / "out.jsonl")
    assert (end.done, end.total, end.after, end.size) == (2, 2, 2, (tmp_path / "out.jsonl").stat().st_size)
    assert {name: solved[name] for name in ("number", "external_id", "status", "priority", "category", "team")} == {
        "number": 1,
        "external_id": "OLD-1",
        "status": "solved",
        "priority": "high",
        "category": "network",
        "team": "network",
    }
    assert solved["requester_email"] == "kim@customer.example"
    assert (solved["created_at"], solved["solved_at"]) == ("2026-03-03T09:00:00Z", "2026-03-03T10:00:00Z")
    assert (solved["tags"], solved["custom"]) == (["vpn", "wifi"], {"floor": 3})
    assert [(said["author_kind"], said["author_email"], said["visibility"]) for said in solved["messages"]] == [
        ("customer", "kim@customer.example", "public"),
        ("agent", "agent@desk.example", "public"),
        ("agent", "agent@desk.example", "internal"),
    ]
    assert solved["messages"][1]["body"] == "Déjà vu 😀? 二"
    assert [event["kind"] for event in solved["events"]][:2] == ["ticket.opened", "message.added"]
    assert {(clock["metric"], clock["outcome"], clock["policy"]) for clock in solved["clocks"]} == {
        ("first_response", "met", "standard"),
        ("resolution", "met", "standard"),
    }
    # What no other system has named goes by its own id.
    assert UUID(opened["external_id"]) == UUID(opened["id"])


@pytest.mark.usefixtures("desk")
async def test_a_table_has_a_row_for_each_ticket_and_runs_nothing(
    database: Database, organization_id: UUID, tmp_path: Path
) -> None:
    await export(database, organization_id, tmp_path / "out.csv", form=ExportFormat.CSV)
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        solved, opened = csv.DictReader(file)
    assert (solved["messages"], solved["sla_clocks"], solved["sla_met"], solved["tags"]) == ("3", "2", "2", "vpn, wifi")
    assert (opened["subject"], opened["body"]) == (f"'{FORMULA}", "'+1 for a fix")


@pytest.mark.usefixtures("desk")
async def test_only_what_is_wanted_is_exported(database: Database, organization_id: UUID, tmp_path: Path) -> None:
    tomorrow = NOW + timedelta(days=1)
    for wanted, numbers in (
        ({"since": tomorrow}, [2]),
        ({"until": tomorrow}, [1]),
        ({"since": NOW, "until": tomorrow, "statuses": ("pending", "new")}, []),
        ({"statuses": ("pending", "solved")}, [1, 2]),
    ):
        end = await export(database, organization_id, tmp_path / "out.jsonl", **wanted)
        assert [line["number"] for line in objects(tmp_path / "out.jsonl")] == numbers
        assert end.total == end.done == len(numbers)


@pytest.mark.usefixtures("desk")
async def test_another_organisation_sees_none_of_it(database: Database, tmp_path: Path) -> None:
    stranger = new_id()
    async with database.transaction(stranger) as session:
        session.add(Organization(id=stranger, slug="stranger", name="Stranger"))
    await export(database, stranger, tmp_path / "out.csv", form=ExportFormat.CSV)
    assert len((tmp_path / "out.csv").read_text("utf-8-sig").splitlines()) == 1


@pytest.mark.usefixtures("desk")
async def test_the_importer_takes_an_export_back(
    database: Database, organization_id: UUID, settings: Settings, tmp_path: Path
) -> None:
    await export(database, organization_id, tmp_path / "out.jsonl")
    elsewhere = new_id()
    async with database.transaction(elsewhere) as session:
        session.add(Organization(id=elsewhere, slug="elsewhere", name="Elsewhere"))
    await open_a_desk(database, elsewhere)
    imports = Imports(database, elsewhere, tmp_path)
    lines = objects(tmp_path / "out.jsonl")
    tally, errors = await imports.tickets(lines)
    assert (outcomes(tally), errors) == ({"created": 2}, [])
    await export(database, elsewhere, tmp_path / "again.jsonl")
    again = {line["external_id"]: line for line in objects(tmp_path / "again.jsonl")}
    names = (
        *("external_id", "subject", "body", "status", "priority", "type", "category", "team", "requester_email"),
        *("requester_name", "tags", "custom", "created_at", "solved_at"),
    )
    for line in lines:
        found = again[line["external_id"]]
        assert {name: found[name] for name in names} == {name: line[name] for name in names}
        assert [said_by(message) for message in found["messages"]] == [said_by(message) for message in line["messages"]]
        promises = [
            [(clock["metric"], clock["state"], clock["outcome"], clock["due_at"]) for clock in one["clocks"]]
            for one in (found, line)
        ]
        assert promises[0] == promises[1]
    tally, _ = await imports.tickets(lines)
    assert outcomes(tally) == {"skipped": 2}


async def test_a_large_desk_is_read_in_small_chunks_and_what_comes_later_is_left_out(
    database: Database, organization_id: UUID, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_tickets(database, organization_id, count=450)
    seen: list[Position] = []
    end = await export(database, organization_id, tmp_path / "out.jsonl", on_chunk=seen.append)
    assert [position.done for position in seen] == [200, 400, 450]
    assert [line["number"] for line in objects(tmp_path / "out.jsonl")] == list(range(1, 451))
    assert end == seen[-1]
    # One long conversation fills a chunk by itself, and is exported none the less.
    monkeypatch.setattr(export_rows, "_MOST_BYTES", 300)
    async with database.snapshot(organization_id) as session:
        chunk = await export_rows.read_chunk(
            session, organization_id=organization_id, wanted=export_rows.Wanted(), after=448, up_to=449
        )
    assert [record.ticket["number"] for record in chunk] == [449]


async def test_no_transaction_is_open_while_a_chunk_is_written(
    database: Database, organization_id: UUID, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_tickets(database, organization_id, count=3)
    busy: list[int] = []
    append = GrowingFile.append

    def looking(file: GrowingFile, data: bytes) -> None:
        busy.append(database.engine.pool.checkedout())  # type: ignore[attr-defined]
        append(file, data)

    monkeypatch.setattr(GrowingFile, "append", looking)
    await export(database, organization_id, tmp_path / "out.jsonl")
    assert busy == [0, 0]


async def test_a_snapshot_sees_one_instant_and_writes_nothing(database: Database, organization_id: UUID) -> None:
    count = text("SELECT count(*) FROM tickets")
    async with database.snapshot(organization_id) as session:
        before = (await session.execute(count)).scalar_one()
        await add_tickets(database, organization_id, count=2)
        assert (await session.execute(count)).scalar_one() == before == 0
        assert (await session.execute(text("SHOW transaction_read_only"))).scalar_one() == "on"
    async with database.transaction(organization_id) as session:
        assert (await session.execute(count)).scalar_one() == 2
        assert (await session.execute(text("SHOW transaction_isolation"))).scalar_one() == "read committed"


def test_a_file_is_continued_from_the_end_of_its_last_complete_chunk(tmp_path: Path) -> None:
    whole, dead = GrowingFile(tmp_path / "whole"), GrowingFile(tmp_path / "dead")
    for file in (whole, dead):
        file.append(b"one\n")
    whole.append(b"two\n")
    with dead.path.open("ab") as half:
        half.write(b"tw")
    heir = GrowingFile(tmp_path / "heir")
    assert heir.copy_from(dead.path, size=4)
    # The one given up for dead writes on, into a file nobody reads.
    dead.append(b"three\n")
    heir.append(b"two\n")
    assert heir.path.read_bytes() == whole.path.read_bytes()
    assert (heir.size, heir.sha256) == (whole.size, whole.sha256)
    assert not GrowingFile(tmp_path / "x").copy_from(tmp_path / "gone", size=4)
    assert not GrowingFile(tmp_path / "x").copy_from(whole.path, size=9)
