"""What a level asks for: notices and changes of the ticket, as the policy's version says."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import event, text

from helpdesk.accounts.commands import create_team
from helpdesk.database.engine import Database
from helpdesk.models.values import Audience
from helpdesk.settings import Settings
from helpdesk.sla.clocks.ticking import Tick, work_off
from helpdesk.sla.policies.commands import create_policy
from helpdesk.tickets.commands import open_ticket
from helpdesk.tickets.requests import Actor
from tests.database.desk import NOW, open_a_desk, vpn_ticket
from tests.database.ticks import tick

MINUTE = timedelta(minutes=1)
TARGETS = {"normal": {"first_response": 100, "resolution": 200}}


async def open_under(
    database: Database, organization_id: UUID, settings: Settings, *, count: int = 1, **policy: Any
) -> list[UUID]:
    agent: Actor = await open_a_desk(database, organization_id)
    async with database.transaction(organization_id) as session:
        await create_team(session, organization_id=organization_id, slug="second", name="Second")
        await create_policy(
            session,
            organization_id=organization_id,
            name="first of all",
            position=0,
            calendar="office",
            targets=TARGETS,
            **policy,
        )
        opened = [
            await open_ticket(
                session, organization_id=organization_id, new=vpn_ticket(), actor=agent, now=NOW, settings=settings
            )
            for _ in range(count)
        ]
    return [ticket.id for ticket in opened]


async def ticked(database: Database, organization_id: UUID, minutes: int) -> Tick:
    async with database.transaction(organization_id) as session:
        return await tick(session, organization_id=organization_id, now=NOW + minutes * MINUTE)


async def jobs(database: Database, organization_id: UUID) -> list[tuple[str, dict[str, Any]]]:
    async with database.transaction(organization_id) as session:
        rows = await session.execute(
            text("""SELECT job_type, payload FROM job_queue
                     WHERE job_type IN ('DELIVER_NOTIFICATION', 'APPLY_SLA_ACTION') ORDER BY id""")
        )
        return [(row.job_type, row.payload) for row in rows]


async def test_a_level_does_what_the_policy_says_for_it(
    database: Database, organization_id: UUID, settings: Settings
) -> None:
    actions = {
        "75": [
            {"do": "notify", "who": ["assignee", "watchers"]},
            {"do": "notify", "who": ["team_lead", "assignee"], "metrics": ["first_response"]},
            {"do": "tag", "tag": "hot", "metrics": ["resolution"]},
        ],
        "90": [],
        "100": [{"do": "raise_priority"}, {"do": "reassign", "team": "second"}],
    }
    [ticket_id] = await open_under(database, organization_id, settings, actions=actions)
    assert (await ticked(database, organization_id, 75)).warned_75 == 1
    [(kind, notice)] = await jobs(database, organization_id)
    assert (kind, notice["kind"], notice["ticket_id"]) == ("DELIVER_NOTIFICATION", "sla.warning", str(ticket_id))
    assert notice["who"] == [Audience.ASSIGNEE, Audience.WATCHERS, Audience.TEAM_LEAD]
    assert (await ticked(database, organization_id, 90)).warned_90 == 1
    assert len(await jobs(database, organization_id)) == 1
    assert (await ticked(database, organization_id, 101)).breached == 1
    raised, moved = [payload for kind, payload in (await jobs(database, organization_id)) if "APPLY" in kind]
    assert (raised["metric"], raised["level"], raised["target_version"]) == ("first_response", 100, 1)
    assert (raised["action"]["do"], moved["action"]["do"], moved["action"]["team"]) == (
        "raise_priority",
        "reassign",
        "second",
    )
    assert raised["clock_id"] == moved["clock_id"]


async def test_a_notice_says_what_its_words_are_made_of(
    database: Database, organization_id: UUID, settings: Settings
) -> None:
    await open_under(database, organization_id, settings)
    await ticked(database, organization_id, 75)
    await ticked(database, organization_id, 110)
    first, second = [payload for _, payload in await jobs(database, organization_id)]
    assert first["title"] == "#1: first response at 75 % of its time"
    assert first["data"] == {
        "metric": "first_response",
        "level": 75,
        "due_at": "2026-03-03T10:40:00+00:00",
        "number": 1,
        "policy": "first of all",
        "target_minutes": 100,
        "remaining_minutes": 25,
        "overdue_minutes": 0,
    }
    assert (second["kind"], second["title"]) == ("sla.breach", "#1: first response is overdue")
    assert (second["data"]["remaining_minutes"], second["data"]["overdue_minutes"]) == (0, 10)


async def test_levels_of_its_own_are_told_and_counted_apart(
    database: Database, organization_id: UUID, settings: Settings
) -> None:
    await open_under(database, organization_id, settings, thresholds=[50, 150])
    assert await ticked(database, organization_id, 50) == Tick(processed=1, warned_other=1)
    # No level at the due time: the breach is stored all the same, and nobody is told.
    assert await ticked(database, organization_id, 101) == Tick(processed=1, warned_other=1)
    async with database.transaction(organization_id) as session:
        row = await session.execute(
            text("SELECT breached, detected_at FROM sla_clocks WHERE metric = 'first_response'")
        )
        assert tuple(row.one()) == (True, NOW + 101 * MINUTE)
    assert await ticked(database, organization_id, 150) == Tick(processed=1, breached=1, warned_75=0)
    levels = [
        (payload["data"]["metric"], payload["data"]["level"]) for _, payload in await jobs(database, organization_id)
    ]
    assert levels == [("first_response", 50), ("resolution", 50), ("first_response", 150)]


async def test_a_chunk_takes_the_same_few_statements_whatever_it_holds(
    database: Database, organization_id: UUID, settings: Settings
) -> None:
    actions = {"75": [{"do": "notify"}, {"do": "tag", "tag": "hot"}]}
    tickets = await open_under(database, organization_id, settings, count=60, actions=actions)
    statements: list[str] = []
    event.listen(
        database.engine.sync_engine, "before_cursor_execute", lambda _c, _cursor, sql, *_rest: statements.append(sql)
    )
    took = []
    for some in (tickets[:1], tickets[1:10], tickets[10:]):
        async with database.transaction(organization_id) as session:
            statements.clear()
            done = await work_off(session, organization_id=organization_id, tickets=some, now=NOW + 75 * MINUTE)
            assert done.tick == Tick(processed=len(some), warned_75=len(some))
            took.append(len(statements))
    # The first one may have had to read calendar and policy.
    assert took[1] == took[2] <= 8
