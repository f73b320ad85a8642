from datetime import UTC, datetime, timedelta

from helpdesk.accounts.commands import create_category, create_team
from tests.database.transfer.imports import outcomes

OPEN = [
    {
        "id": "T-1",
        "subject": "Badge reader stays red",
        "body": "Door 4, since Monday.",
        "email": "Kim <kim@example.org>",
        "priority": "high",
    },
    {"id": "T-2", "subject": "Cannot print", "intent": "Printing", "reference_answer_html": "<p>Restart it.</p>"},
    {"body": "The scanner hums.\nIt did not before."},
]
SOLVED = {
    "id": "T-9",
    "subject": "Mailbox full",
    "body": "No mail since noon.",
    "status": "resolved",
    "created": "2026-03-02T09:00:00Z",
    "closed": "2026-03-02T11:30:00Z",
    "resolution": "Archived the old mail.",
}


async def test_open_tickets_get_all_the_work_of_a_new_ticket(imports):
    tally, errors = await imports.tickets(OPEN)
    assert (outcomes(tally), errors) == ({"created": 3}, [])
    jobs = await imports.rows("SELECT job_type, count(*) FROM job_queue GROUP BY 1 ORDER BY 1")
    assert {row["job_type"]: row["count"] for row in jobs} == {
        "KB_SUGGEST": 3,
        "METRICS_SNAPSHOT": 1,
        "SLA_PREDICT": 3,
        "SMART_REPLY": 3,
        "TRIAGE_TICKET": 3,
    }
    index = await imports.rows("SELECT source_type, priority, status FROM rag_index_queue")
    assert index == [{"source_type": "ticket", "priority": 2, "status": "pending"}] * 3
    tickets = await imports.rows("SELECT subject, status, priority, channel, custom FROM tickets ORDER BY number")
    assert [ticket["subject"] for ticket in tickets] == ["Badge reader stays red", "Cannot print", "The scanner hums."]
    assert {(ticket["status"], ticket["channel"]) for ticket in tickets} == {("new", "import")}
    assert tickets[0]["priority"] == "high"
    assert tickets[1]["custom"] == {"answer": "Restart it.", "category": "Printing"}
    authors = await imports.rows("SELECT DISTINCT author_kind FROM messages")
    assert authors == [{"author_kind": "customer"}]


async def test_a_second_import_skips_every_ticket_even_those_without_an_id(imports):
    await imports.tickets([*OPEN, SOLVED])
    before = await imports.counts()
    tally, _ = await imports.tickets([*OPEN, SOLVED])
    assert outcomes(tally) == {"skipped": 4}
    assert await imports.counts() == before


async def test_a_dry_run_tells_what_would_happen_and_stores_nothing(imports):
    before = await imports.counts()
    tally, errors = await imports.tickets(
        [*OPEN, SOLVED, {"id": "T-7", "subject": "x", "team": "nobody"}], dry_run=True, create_categories=True
    )
    assert outcomes(tally) == {"created": 4, "failed": 1}
    assert [(error.line, error.field) for error in errors] == [(5, "team")]
    assert tally.new_categories == ["Printing"]
    assert await imports.counts() == before


async def test_bad_rows_are_told_with_line_and_reason_and_stop_none_of_the_others(imports):
    tally, errors = await imports.tickets(
        [
            "{broken",
            {"id": "A", "subject": "first"},
            {"id": "B", "subject": "nul \0"},
            {"id": "C", "subject": "second", "team": "nobody"},
            {"id": "A", "subject": "the same id"},
            {"id": "D", "priority": "soon", "subject": "third"},
            {"id": "E", "subject": "last"},
        ]
    )
    assert outcomes(tally) == {"created": 2, "failed": 5}
    assert sorted((error.line, error.field) for error in errors if error.field) == [
        (3, "subject"),
        (4, "team"),
        (5, "external_id"),
        (6, "priority"),
    ]
    assert "line 2" in next(error.sentence for error in errors if error.line == 5)
    numbers = await imports.rows("SELECT number, external_id FROM tickets ORDER BY number")
    assert numbers == [{"number": 1, "external_id": "A"}, {"number": 2, "external_id": "E"}]


async def test_a_row_that_the_database_refuses_fails_alone(imports):
    tally, errors = await imports.tickets(
        [
            {"id": "A", "subject": "fine"},
            {"id": "x" * 20_000 + "".join(chr(0x4E00 + n % 20_000) for n in range(20_000)), "subject": "no index row"},
            {"id": "B", "subject": "fine too"},
        ]
    )
    assert outcomes(tally) == {"created": 2, "failed": 1}
    assert errors[0].line == 2
    assert errors[0].sentence.startswith("The database refuses the row")


async def test_a_solved_ticket_is_history_with_its_times_and_causes_index_work_only(imports):
    await imports.tickets([SOLVED])
    assert await imports.rows("SELECT job_type FROM job_queue") == []
    assert await imports.rows("SELECT source_type, priority FROM rag_index_queue") == [
        {"source_type": "ticket", "priority": 2}
    ]
    opened = datetime(2026, 3, 2, 9, tzinfo=UTC)
    ticket = (await imports.rows("SELECT status, created_at, solved_at, resolution FROM tickets"))[0]
    assert ticket == {
        "status": "solved",
        "created_at": opened,
        "solved_at": opened + timedelta(hours=2.5),
        "resolution": "Archived the old mail.",
    }
    said = await imports.rows("SELECT author_kind, body FROM messages ORDER BY created_at")
    assert [row["author_kind"] for row in said] == ["customer", "agent"]


async def test_an_open_ticket_keeps_the_time_it_was_opened_and_where_it_stands(imports):
    await imports.tickets([{"subject": "Waiting", "status": "waiting", "created_at": "2026-11-01 08:00"}])
    ticket = (await imports.rows("SELECT status, created_at FROM tickets"))[0]
    assert ticket == {"status": "pending", "created_at": datetime(2026, 11, 1, 8, tzinfo=UTC)}


async def test_categories_and_teams_are_found_by_slug_or_name(imports, database, organization_id):
    async with database.transaction(organization_id) as session:
        team = await create_team(session, organization_id=organization_id, slug="desk", name="Service Desk")
        await create_category(session, organization_id=organization_id, slug="printing", name="Printing & scanning")
        assert team.slug == "desk"
    tally, _ = await imports.tickets(
        [
            {"subject": "a", "category": "printing & SCANNING", "team": "service desk"},
            {"subject": "b", "category": "Printing"},
            {"subject": "c", "category": "Elsewhere"},
        ]
    )
    assert tally.unknown_categories == {"Elsewhere": 1}
    found = await imports.rows(
        "SELECT t.subject, c.slug, m.slug AS team, t.decided_by FROM tickets t "
        "LEFT JOIN categories c ON c.id = t.category_id LEFT JOIN teams m ON m.id = t.team_id ORDER BY t.number"
    )
    assert [(row["slug"], row["team"]) for row in found] == [("printing", "desk"), ("printing", None), (None, None)]
    assert found[0]["decided_by"] == {"category": "agent", "team": "agent"}


async def test_missing_categories_are_made_once_when_asked_for(imports):
    rows = [{"subject": f"{number}", "intent": "Make Update"} for number in range(3)]
    tally, _ = await imports.tickets(rows, create_categories=True)
    assert tally.new_categories == ["Make Update"]
    assert await imports.rows("SELECT slug, name FROM categories") == [{"slug": "make-update", "name": "Make Update"}]
    used = await imports.rows("SELECT count(*) FROM tickets WHERE category_id IS NOT NULL")
    assert used == [{"count": 3}]


async def test_an_import_larger_than_a_batch_numbers_its_tickets_without_gaps(imports):
    tally, _ = await imports.tickets([{"id": number, "subject": f"Ticket {number}"} for number in range(120)])
    assert outcomes(tally) == {"created": 120}
    numbers = await imports.rows("SELECT number FROM tickets ORDER BY number")
    assert [row["number"] for row in numbers] == list(range(1, 121))
