"""A week's predictions are compared with those of the four weeks before it."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.accounts.commands import create_organization
from helpdesk.database.base import new_id
from helpdesk.models.ai import TriagePrediction
from helpdesk.models.learning import DriftReport
from helpdesk.triage.learning.drift import WEEK, last_week_until, list_drift_reports, report_drift
from tests.database.desk import NOW
from tests.database.triage.desk import LearningDesk

UNTIL = last_week_until(NOW)


async def spread(desk: LearningDesk, count: int, at: datetime, value: str | None = "network", **more: object) -> None:
    """Add a prediction to as many tickets of its own."""
    async with desk.database.transaction(desk.organization_id) as session:
        [template] = (await session.execute(text("SELECT id FROM tickets ORDER BY number LIMIT 1"))).all()
        ids = [new_id() for _ in range(count)]
        [last] = (await session.execute(text("SELECT max(number) AS number FROM tickets"))).all()
        await session.execute(
            text("""
                INSERT INTO tickets (id, organization_id, number, subject)
                SELECT u.id, :organization_id, :last + u.place, 'x'
                  FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS u (id, place), tickets t WHERE t.id = :template
            """),
            {"organization_id": desk.organization_id, "ids": ids, "last": last.number, "template": template.id},
        )
        session.add_all(
            TriagePrediction(
                organization_id=desk.organization_id,
                ticket_id=ticket_id,
                created_at=at,
                field="category",
                value=value,
                source="classifier",
                **{"decision": "suggest", "probability": 0.9, **more},
            )
            for ticket_id in ids
        )


async def report(desk: LearningDesk, until: datetime = UNTIL) -> DriftReport:
    async with desk.database.transaction(desk.organization_id) as session:
        return await report_drift(session, organization_id=desk.organization_id, until=until, now=NOW)


@pytest.fixture
async def busy(desk: LearningDesk) -> LearningDesk:
    """Return a desk with four weeks of predictions, half of each of two categories."""
    await desk.open()
    for week in range(2, 6):
        for value in ("network", "hardware"):
            await spread(desk, 20, UNTIL - week * WEEK + timedelta(days=1), value)
    return desk


def test_a_week_ends_on_monday_at_midnight() -> None:
    assert datetime(2026, 3, 2, tzinfo=NOW.tzinfo) == UNTIL
    assert last_week_until(UNTIL) == UNTIL
    assert last_week_until(UNTIL - timedelta(seconds=1)) == UNTIL - WEEK


async def test_a_desk_without_predictions_has_a_report_that_says_so(desk: LearningDesk) -> None:
    found = await report(desk)
    assert (found.alarm, found.summary, found.fields) == (False, "Triage predicted nothing.", {})


async def test_a_week_like_those_before_says_that_nothing_is_to_do(busy: LearningDesk) -> None:
    for value in ("network", "hardware"):
        await spread(busy, 30, UNTIL - timedelta(days=3), value)
    found = await report(busy)
    assert (found.alarm, found.summary) == (False, "Nothing to do.")
    figures = found.fields["category"]["figures"]
    assert (figures["before"]["predictions"], figures["week"]["predictions"]) == (160, 60)
    assert (figures["psi"], figures["week"]["mean_confidence"]) == (0, 0.9)


async def test_other_classes_unknown_kinds_and_lost_confidence_raise_the_alarm(busy: LearningDesk) -> None:
    await spread(busy, 60, UNTIL - timedelta(days=3), "security", probability=0.5, stage="model")
    await spread(busy, 30, UNTIL - timedelta(days=3), None, decision="unknown", probability=0.2)
    found = await report(busy)
    assert (found.alarm, found.summary) == (True, "Look at category.")
    sentence = found.fields["category"]["sentence"]
    for part in ("other values than before", "less sure", "no known kind (0% → 33%)", "a text model is asked"):
        assert part in sentence
    assert found.fields["category"]["figures"]["week"]["unknown_share"] == pytest.approx(1 / 3, abs=1e-4)


async def test_only_the_last_prediction_of_a_ticket_within_the_weeks_counts(busy: LearningDesk) -> None:
    await spread(busy, 60, UNTIL - timedelta(days=3), "security", superseded_at=NOW)
    await spread(busy, 60, UNTIL, "security")
    await spread(busy, 60, UNTIL - 6 * WEEK, "security")
    figures = (await report(busy)).fields["category"]["figures"]
    assert (figures["before"]["predictions"], figures["week"]["predictions"]) == (160, 0)


async def test_a_second_report_on_a_week_replaces_the_first_and_the_latest_week_comes_first(busy: LearningDesk) -> None:
    first = await report(busy)
    await report(busy, UNTIL - WEEK)
    await spread(busy, 60, UNTIL - timedelta(days=3), "security")
    again = await report(busy)
    assert (again.id, first.alarm, again.alarm) == (first.id, False, True)
    async with busy.database.transaction(busy.organization_id) as session:
        found = await list_drift_reports(session, organization_id=busy.organization_id)
        rest = await list_drift_reports(
            session, organization_id=busy.organization_id, before=(found[0].until, found[0].id)
        )
    assert [row.until for row in found] == [UNTIL, UNTIL - WEEK]
    assert [row.until for row in rest] == [UNTIL - WEEK]


async def test_nobody_else_reads_a_report(busy: LearningDesk) -> None:
    await report(busy)
    other: UUID = new_id()
    async with busy.database.transaction(other) as session:
        await create_organization(session, slug="other", name="Other", organization_id=other)
    async with busy.database.transaction(other) as session:
        assert await list_drift_reports(session, organization_id=other) == []
        assert await list_drift_reports(session, organization_id=busy.organization_id) == []
