"""What a change would do is computed before, agrees with what it does, and writes nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.database.engine import Database
from helpdesk.models.values import TicketStatus
from helpdesk.settings import Settings
from helpdesk.sla.policies import hypotheses
from helpdesk.sla.policies.change_preview import ClockChange, Preview, preview_change
from helpdesk.sla.policies.commands import NewPolicy, PolicyChanges
from helpdesk.sla.rules.calendar import Calendar
from helpdesk.tickets.commands import open_ticket
from tests.database.desk import TARGETS, open_a_desk, vpn_ticket
from tests.database.sla.changing_desk import Desk

TUESDAY = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
NOON = TUESDAY + timedelta(hours=3)


@pytest.fixture
async def desk(database: Database, organization_id: UUID, settings: Settings) -> Desk:
    """Return a desk with a plain ticket of Tuesday 10:00 in Vienna and one of the category security."""
    desk = Desk(database, organization_id, settings, await open_a_desk(database, organization_id))
    for changes in ({}, {"category": "security"}):
        async with desk.transaction() as session:
            await open_ticket(
                session,
                organization_id=organization_id,
                new=vpn_ticket(**changes),
                actor=desk.agent,
                now=TUESDAY,
                settings=settings,
            )
    return desk


async def id_of(desk: Desk, table: str, name: str) -> UUID:
    async with desk.transaction() as session:
        found = await session.scalar(text(f"SELECT id FROM {table} WHERE name = :name"), {"name": name})
    return UUID(str(found))


async def if_changed(desk: Desk, name: str, **definition: Any) -> Preview:
    policy_id = await id_of(desk, "sla_policies", name)
    async with desk.database.snapshot(desk.organization_id) as session:
        supposed = await hypotheses.if_policy_changed(
            session,
            organization_id=desk.organization_id,
            policy_id=policy_id,
            changes=PolicyChanges(definition=definition),
            now=NOON,
        )
        return await preview_change(session, organization_id=desk.organization_id, hypothesis=supposed, now=NOON)


async def if_came(desk: Desk, *, is_default: bool = False, **parts: Any) -> Preview:
    new = NewPolicy("new", {"calendar": "always", "targets": TARGETS} | parts, is_default)
    async with desk.database.snapshot(desk.organization_id) as session:
        supposed = await hypotheses.if_policy_came(session, organization_id=desk.organization_id, new=new, now=NOON)
        return await preview_change(session, organization_id=desk.organization_id, hypothesis=supposed, now=NOON)


def of(preview: Preview, metric: str) -> ClockChange:
    (change,) = [change for change in preview.changes if change.metric == metric]
    return change


async def test_tighter_targets_are_seen_to_breach(desk: Desk) -> None:
    preview = await if_changed(desk, "standard", targets={"normal": {"first_response": 120, "resolution": 960}})
    assert (preview.open_tickets, preview.looked_at, preview.touched, preview.newly_breached) == (2, 2, 1, 1)
    change = of(preview, "first_response")
    assert change.before is not None
    assert change.after is not None
    assert (change.number, change.before.policy, change.after.policy) == (1, "standard", "standard")
    assert (change.before.due_at, change.after.due_at) == (TUESDAY + timedelta(hours=4), TUESDAY + timedelta(hours=2))
    assert (change.before.breached, change.after.breached) == (False, True)
    assert (change.before.time_left_s, change.after.time_left_s) == (3600, -3600)
    back = await if_changed(desk, "security", targets={"normal": {"first_response": 240}})
    assert (back.touched, back.newly_breached, back.no_longer_breached) == (1, 0, 1)


async def test_a_change_that_moves_no_clock_touches_nothing(desk: Desk) -> None:
    definitions: list[dict[str, Any]] = [{"actions": {"75": []}}, {"thresholds": [50, 100]}, {}]
    for definition in definitions:
        preview = await if_changed(desk, "standard", **definition)
        assert (preview.looked_at, preview.touched, preview.changes) == (2, 0, [])


async def test_tickets_that_lose_their_promise_or_get_one_are_counted(desk: Desk) -> None:
    gone = await if_changed(desk, "standard", valid_until=NOON)
    assert (gone.newly_unpromised, gone.newly_promised, gone.touched) == (1, 0, 1)
    assert {(change.metric, change.after and change.after.state) for change in gone.changes} == {
        ("first_response", "cancelled"),
        ("resolution", "cancelled"),
    }
    async with desk.transaction() as session:
        await session.execute(text("UPDATE sla_policies SET active = false"))
        await session.execute(text("UPDATE ticket_events SET data = data || '{\"policy\": null}'"))
    come = await if_came(desk, is_default=True)
    assert (come.newly_promised, come.touched, len(come.changes)) == (2, 2, 4)
    assert all(change.before is None for change in come.changes)


async def test_a_new_policy_stands_behind_the_others_and_a_new_default_replaces_the_old(desk: Desk) -> None:
    behind = await if_came(desk, conditions={"all": [{"field": "category", "op": "is", "value": "security"}]})
    assert behind.touched == 0
    default = await if_came(desk, is_default=True)
    assert {change.after.policy for change in default.changes if change.after} == {"new"}
    assert default.touched == 1


async def test_another_order_and_an_archived_policy_are_tried_out(desk: Desk) -> None:
    policy_ids = [await id_of(desk, "sla_policies", name) for name in ("standard", "security")]
    which: dict[str, Any] = {"organization_id": desk.organization_id, "now": NOON}
    async with desk.database.snapshot(desk.organization_id) as session:
        order = await hypotheses.if_policies_stood(session, policy_ids=policy_ids, **which)
        ordered = await preview_change(session, hypothesis=order, **which)
        without = await hypotheses.if_policy_went(session, policy_id=policy_ids[1], **which)
        archived = await preview_change(session, hypothesis=without, **which)
    # The default takes what the others leave, wherever it stands.
    assert ordered.touched == 0
    assert archived.touched == 1
    change = of(archived, "first_response")
    assert change.before is not None
    assert change.after is not None
    assert (change.before.policy, change.after.policy) == ("security", "standard")


async def test_other_hours_are_tried_out(desk: Desk) -> None:
    calendar_id = await id_of(desk, "sla_calendars", "office")
    late = Calendar.from_json({"timezone": "Europe/Vienna", "weekly": {"tue": [["12:00", "20:00"]]}})
    async with desk.database.snapshot(desk.organization_id) as session:
        supposed = await hypotheses.if_calendar_changed(
            session, organization_id=desk.organization_id, calendar_id=calendar_id, calendar=late, now=NOON
        )
        preview = await preview_change(session, organization_id=desk.organization_id, hypothesis=supposed, now=NOON)
    assert preview.touched == 1
    change = of(preview, "first_response")
    assert change.after is not None
    assert (change.after.due_at, change.after.time_left_s) == (TUESDAY + timedelta(hours=6), 3 * 3600)


async def test_solved_tickets_are_not_looked_at(desk: Desk) -> None:
    async with desk.transaction() as session:
        await session.execute(text("UPDATE tickets SET status = :solved"), {"solved": TicketStatus.SOLVED})
    preview = await if_changed(desk, "standard", targets={})
    assert (preview.open_tickets, preview.touched) == (0, 0)


async def test_only_so_much_is_looked_at_and_listed(desk: Desk) -> None:
    policy_id = await id_of(desk, "sla_policies", "standard")
    for _ in range(3):
        await desk.open()
    async with desk.database.snapshot(desk.organization_id) as session:
        supposed = await hypotheses.if_policy_changed(
            session,
            organization_id=desk.organization_id,
            policy_id=policy_id,
            changes=PolicyChanges(definition={"targets": {}}),
            now=datetime.now(UTC),
        )
        which: dict[str, Any] = {
            "organization_id": desk.organization_id,
            "hypothesis": supposed,
            "now": datetime.now(UTC),
        }
        some = await preview_change(session, **which, most=3)
        few = await preview_change(session, **which, listed=3)
    assert (some.open_tickets, some.looked_at, some.truncated) == (5, 3, True)
    assert (few.looked_at, few.touched, len(few.changes), few.truncated) == (5, 4, 3, True)


async def test_a_preview_writes_nothing(desk: Desk) -> None:
    written = text(
        "SELECT (SELECT count(*) FROM ticket_events), (SELECT count(*) FROM sla_policy_versions),"
        " (SELECT count(*) FROM job_queue), (SELECT max(updated_at) FROM sla_clocks)"
    )
    async with desk.transaction() as session:
        before = tuple((await session.execute(written)).one())
    await if_changed(desk, "standard", targets={})
    async with desk.transaction() as session:
        assert tuple((await session.execute(written)).one()) == before
