"""A stored ticket's clocks, explained from its log with the names people know."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from helpdesk.accounts.commands import create_organization
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.models.tickets import Ticket
from helpdesk.models.values import AuthorKind, TicketPriority, TicketStatus
from helpdesk.settings import Settings
from helpdesk.sla.calendars.commands import create_calendar
from helpdesk.sla.explaining.explanation import Explanation
from helpdesk.sla.explaining.queries import TooFarAhead, explain_ticket
from helpdesk.sla.policies.commands import create_policy
from helpdesk.tickets.commands import assign, change_status, open_ticket, reply
from helpdesk.tickets.fields import set_fields
from helpdesk.tickets.requests import Actor
from tests import warm
from tests.conftest import REPOSITORY
from tests.database.desk import NOW, OFFICE_HOURS, TARGETS, open_a_desk, vpn_ticket

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
HOLIDAY = {"name": "Feast of Desks", "country": "AT", "subdivision": None, "categories": [], "library": "0"}
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
async def agent(database: Database, organization_id: UUID) -> Actor:
    return await open_a_desk(database, organization_id)


@pytest.fixture
async def ticket(database: Database, organization_id: UUID, settings: Settings, agent: Actor) -> Ticket:
    async with database.transaction(organization_id) as session:
        return await open_ticket(
            session, organization_id=organization_id, new=vpn_ticket(), actor=agent, now=NOW, settings=settings
        )


@pytest.fixture
def command(database_url: str, tmp_path: Path) -> Command:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return warm.run(
            "helpdesk.cli",
            "sla",
            "explain",
            *arguments,
            environment=os.environ
            | {"ATUM_DATABASE_URL": database_url, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "100"},
            folder=tmp_path,
            timeout=60,
        )

    return run


async def explained(database: Database, organization_id: UUID, ticket: Ticket, now=NOW) -> dict[str, Explanation]:
    async with database.transaction(organization_id) as session:
        found = await explain_ticket(session, organization_id=organization_id, ticket_id=ticket.id, now=now)
    return {f"{each.clock.metric} {each.clock.instance}": each for each in found}


async def raise_priority(database: Database, organization_id: UUID, ticket: Ticket, agent: Actor) -> None:
    async with database.transaction(organization_id) as session:
        await set_fields(
            session,
            organization_id=organization_id,
            ticket_id=ticket.id,
            changes={"priority": TicketPriority.URGENT},
            actor=agent,
            now=NOW + 25 * MINUTE,
        )


async def test_policies_and_calendars_go_by_their_names(
    database: Database, organization_id: UUID, ticket: Ticket, agent: Actor
) -> None:
    await raise_priority(database, organization_id, ticket, agent)
    found = (await explained(database, organization_id, ticket, NOW + HOUR))["first_response 1"]
    assert (found.policy, found.calendar) == ("standard (version 1)", "office (version 1)")
    assert [interval.reason for interval in found.intervals] == ["Office hours Tue 09:00 to 17:00."]
    assert [mark.text for mark in found.marks] == [
        "The ticket was opened.",
        "75 % of the target in force at the end.",
        "Priority normal → urgent: target 4 h → 30 min.",
        "75 % of the target; told.",
        "90 % of the target; told.",
        "Due time; the clock is late, by 30 min of open time.",
        "100 % of the target; told.",
    ]


async def test_holidays_go_by_their_names(
    database: Database, organization_id: UUID, settings: Settings, agent: Actor
) -> None:
    definition = OFFICE_HOURS | {"exceptions": {"2026-03-04": []}, "holidays": {"2026-03-04": HOLIDAY}}
    async with database.transaction(organization_id) as session:
        await create_calendar(session, organization_id=organization_id, name="feasts", definition=definition, now=NOW)
        await create_policy(
            session,
            organization_id=organization_id,
            name="gold",
            position=0,
            calendar="feasts",
            targets={"normal": {"resolution": 960}},
        )
        opened = await open_ticket(
            session, organization_id=organization_id, new=vpn_ticket(), actor=agent, now=NOW, settings=settings
        )
    found = (await explained(database, organization_id, opened, NOW + 48 * HOUR))["resolution 1"]
    assert found.intervals[1].reason == "Outside office hours; 2026-03-04 (Feast of Desks) is closed."


async def test_owning_and_keeping_in_touch_are_read_off_the_log(
    database: Database, organization_id: UUID, settings: Settings, agent: Actor
) -> None:
    targets = {priority: {"time_to_own": 60, "periodic_update": 120} for priority in TARGETS}
    names = {"organization_id": organization_id}
    async with database.transaction(organization_id) as session:
        await create_policy(session, **names, name="in touch", position=0, calendar="always", targets=targets)
        opened = await open_ticket(session, **names, new=vpn_ticket(), actor=agent, now=NOW, settings=settings)
        steps = {"ticket_id": opened.id, "actor": agent, **names}
        await assign(session, **steps, changes={"team": "network"}, now=NOW + 10 * MINUTE)
        await assign(session, **steps, changes={"assignee": agent.id}, now=NOW + 20 * MINUTE)
        await assign(session, **steps, changes={"assignee": None}, now=NOW + 30 * MINUTE)
        await reply(session, **steps, body="On it.", now=NOW + 40 * MINUTE, settings=settings)
        await reply(session, **steps, body="Nearly there.", now=NOW + 100 * MINUTE, settings=settings)
        await change_status(session, **steps, to=TicketStatus.SOLVED, now=NOW + 110 * MINUTE)
    found = await explained(database, organization_id, opened, NOW + 4 * HOUR)
    ended = {name: (each.clock.outcome, each.clock.elapsed_s) for name, each in found.items()}
    assert ended == {
        "periodic_update 1": ("met", 3600),
        "periodic_update 2": ("cancelled", 600),
        "time_to_own 1": ("met", 1200),
    }


async def test_another_organisations_ticket_has_no_clocks(database: Database, ticket: Ticket) -> None:
    async with database.transaction(None) as session:
        other = await create_organization(session, slug=f"other-{uuid4().hex[:8]}", name="Other")
    assert await explained(database, other.id, ticket) == {}


async def test_a_look_too_far_ahead_is_refused(database: Database, organization_id: UUID, ticket: Ticket) -> None:
    async with database.transaction(organization_id) as session:
        with pytest.raises(TooFarAhead):
            await explain_ticket(
                session,
                organization_id=organization_id,
                ticket_id=ticket.id,
                now=NOW,
                as_of=NOW + timedelta(days=367),
            )
        assert (
            await explain_ticket(session, organization_id=organization_id, ticket_id=new_id(), now=NOW, as_of=NOW) == []
        )


async def test_the_command_prints_a_table_in_the_organisations_time(
    command: Command, database: Database, organization_id: UUID, ticket: Ticket, agent: Actor
) -> None:
    await raise_priority(database, organization_id, ticket, agent)
    async with database.transaction(None) as session:
        await session.execute(text("UPDATE organizations SET timezone = 'Europe/Vienna'"))
    shown = command(str(ticket.number), "--as-of", "2026-03-03T10:40", "--metric", "first_response")
    assert shown.returncode == 0, shown.stderr
    day = "2026-03-03"
    assert [" ".join(line.split()) for line in shown.stdout.splitlines()] == [
        f"#{ticket.number} VPN drops",
        f"urgent, new; as of {day} 10:40+01:00",
        "",
        f"first_response 1: running, 40 min of 30 min (133.33 %), late since {day} 10:30+01:00",
        "policy standard (version 1), calendar office (version 1) in Europe/Vienna",
        "AT WHAT COUNTED TOTAL % WHY",
        f"{day} 10:00+01:00 started The ticket was opened.",
        f"{day} 10:00+01:00 counted 40 min 40 min 133.33 Office hours Tue 09:00 to 17:00.",
        f"{day} 10:22:30+01:00 reached 75 % of the target in force at the end.",
        f"{day} 10:25+01:00 retargeted Priority normal → urgent: target 4 h → 30 min.",
        f"{day} 10:25+01:00 told 75 % of the target; told.",
        f"{day} 10:27+01:00 told 90 % of the target; told.",
        f"{day} 10:30+01:00 breached Due time; the clock is late, by 10 min of open time.",
        f"{day} 10:30+01:00 told 100 % of the target; told.",
        f"{day} 10:40+01:00 now 40 min 133.33",
    ]
    in_utc = command(f"#{ticket.number}", "--as-of", "2026-03-03T10:40", "--metric", "first_response", "--utc")
    assert in_utc.stdout.splitlines()[1] == f"urgent, new; as of {day} 09:40+00:00"


async def test_the_command_prints_json_by_id(command: Command, ticket: Ticket) -> None:
    shown = command(str(ticket.id), "--as-of", "2026-03-03T10:00:00Z", "--json")
    assert shown.returncode == 0, shown.stderr
    document = json.loads(shown.stdout)
    assert (document["ticket"], document["as_of"]) == (ticket.number, "2026-03-03T10:00:00Z")
    assert [(clock["metric"], clock["elapsed_pct"]) for clock in document["clocks"]] == [
        ("first_response", 25.0),
        ("resolution", 6.25),
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("nonsense",), 2, "neither a number nor an id"),
        (("999",), 1, "atum-desk: "),
        (("1", "--as-of", "soon"), 1, "is not a time"),
        (("1", "--metric", "luck"), 2, "luck"),
        (("1", "--org", "nobody"), 2, "there is no organisation 'nobody'"),
    ],
)
def test_the_command_says_what_is_wrong(
    command: Command, agent: Actor, arguments: tuple[str, ...], code: int, complaint: str
) -> None:
    assert agent.kind is AuthorKind.AGENT
    refused = command(*arguments)
    assert refused.returncode == code
    assert complaint in refused.stderr
