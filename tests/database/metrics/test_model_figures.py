"""Figures of what models did: triage, suggestions and drafts, and what customers answered."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.metrics.buckets import quarter_from
from helpdesk.metrics.slices import Slice
from helpdesk.metrics.snapshot import BUCKET, take_bucket
from helpdesk.metrics.spans import Span
from helpdesk.metrics.summary import Compared, summarise
from helpdesk.settings import Settings
from helpdesk.tickets.commands import open_ticket
from tests.database.desk import NOW, open_a_desk, vpn_ticket

_PREDICTION = text("""
    INSERT INTO triage_predictions (id, organization_id, ticket_id, field, value, probability, source, decision,
                                    created_at, superseded_at)
    VALUES (:id, :organization_id, :ticket_id, :field, 'x', :probability, 'classifier', 'suggest', :now, :now)
""")
_VERDICT = text("""
    INSERT INTO triage_feedback (id, organization_id, ticket_id, prediction_id, field, verdict, created_at)
    VALUES (:id, :organization_id, :ticket_id, :prediction_id, :field, :verdict, :now)
""")
_DRAFT = text("""
    INSERT INTO reply_drafts (id, organization_id, ticket_id, state, method, outcome, outcome_at, edit_distance,
                              created_at, superseded_at)
    VALUES (:id, :organization_id, :ticket_id, :state, 'model', :outcome, :now, :distance, :now, :now)
""")
_RATING = text("""
    INSERT INTO satisfaction_ratings (id, organization_id, ticket_id, score, created_at, superseded_at)
    VALUES (:id, :organization_id, :ticket_id, :score, :now, :superseded_at)
""")


class Desk:
    """One ticket, and what models and people made of it."""

    def __init__(self, database: Database, organization_id: UUID, ticket_id: UUID) -> None:
        self.database, self.organization_id, self.ticket_id = database, organization_id, ticket_id

    async def insert(self, statement, **values: object) -> UUID:
        common = {"id": new_id(), "organization_id": self.organization_id, "ticket_id": self.ticket_id, "now": NOW}
        async with self.database.transaction(self.organization_id) as session:
            await session.execute(statement, common | values)
        return common["id"]

    async def judged(self, field: str, probability: float, verdict: str) -> None:
        prediction = await self.insert(_PREDICTION, field=field, probability=probability)
        await self.insert(_VERDICT, field=field, prediction_id=prediction, verdict=verdict)

    async def take(self, start: datetime = NOW) -> dict[tuple[str, str], tuple[float | None, int]]:
        async with self.database.transaction(self.organization_id) as session:
            bucket = quarter_from(start)
            await take_bucket(session, organization_id=self.organization_id, bucket=bucket, now=bucket.ends)
            rows = await session.execute(
                text("SELECT metric, dimension_key, value, count FROM metric_snapshots WHERE bucket_start = :start"),
                {"start": start},
            )
            return {(metric, key): (value, count) for metric, key, value, count in rows}


@pytest.fixture
async def desk(database: Database, organization_id: UUID, settings: Settings) -> Desk:
    agent = await open_a_desk(database, organization_id)
    async with database.transaction(organization_id) as session:
        ticket = await open_ticket(
            session,
            organization_id=organization_id,
            new=vpn_ticket(team="network"),
            actor=agent,
            now=NOW,
            settings=settings,
        )
    return Desk(database, organization_id, ticket.id)


async def test_triage_is_as_accurate_as_people_say_field_by_field(desk: Desk) -> None:
    for probability, verdict in ((0.9, "accept"), (0.9, "accept"), (0.9, "correct"), (0.9, "accept")):
        await desk.judged("category", probability, verdict)
    await desk.judged("team", 0.5, "reject")

    found = await desk.take()

    assert found["triage_accuracy", '{"field":"category"}'] == (0.75, 4)
    assert found["triage_accuracy", '{"field":"team"}'] == (0, 1)
    assert found["triage_accuracy", ""] == (pytest.approx(0.6), 5)
    assert found["triage_calibration_error", '{"field":"category"}'] == (pytest.approx(0.15), 4)
    assert found["triage_calibration_error", '{"field":"team"}'] == (pytest.approx(0.5), 1)
    assert found["triage_auto_share", ""] == (0, 5)


async def test_drafts_are_accepted_edited_or_discarded(desk: Desk) -> None:
    for state, outcome, distance in (
        ("sent", "accepted", 0.0),
        ("sent", "edited", 0.3),
        ("discarded", "discarded", 1.0),
        ("abstained", None, None),
    ):
        await desk.insert(_DRAFT, state=state, outcome=outcome, distance=distance)

    found = await desk.take()

    assert found["drafts_abstained_share", ""] == (0.25, 4)
    assert found["draft_acceptance", ""] == (pytest.approx(2 / 3), 3)
    assert found["draft_unchanged_share", ""] == (pytest.approx(1 / 3), 3)
    # What was discarded is no distance from anything.
    assert found["draft_edit_distance_mean", ""] == (pytest.approx(0.15), 2)
    assert not [key for metric, key in found if metric == "draft_acceptance" and key], "slices are kept by day only"


async def test_a_changed_answer_counts_once_over_both_buckets(desk: Desk) -> None:
    later = NOW + BUCKET
    await desk.insert(_RATING, score=5, superseded_at=later)
    await desk.insert(_RATING, score=2, superseded_at=None, now=later)

    assert (await desk.take())["csat_share", '{"team":"network"}'] == (1, 1)
    assert (await desk.take(later))["csat_share", ""] == (0, 1)
    async with desk.database.transaction(desk.organization_id) as session:
        found = await summarise(
            session,
            organization_id=desk.organization_id,
            span=Span(NOW, NOW + 2 * BUCKET),
            now=NOW + timedelta(days=1),
            by=Slice.TEAM,
            metrics=["csat_share", "csat_score_mean"],
        )
    said = {figure.metric.name: (figure.value, figure.count) for figure in found.total.figures}
    assert said == {"csat_share": (0, 1), "csat_score_mean": (2, 1)}
    assert [group.name for group in found.groups] == ["Network"]


async def test_a_summary_of_models_leaves_the_rest_out(desk: Desk) -> None:
    await desk.judged("category", 0.8, "accept")
    async with desk.database.transaction(desk.organization_id) as session:
        found = await summarise(
            session,
            organization_id=desk.organization_id,
            span=Span(NOW, NOW + BUCKET),
            now=NOW + BUCKET,
            models_only=True,
        )

    def figure(name: str, detail: str | None) -> Compared:
        return next(one for one in found.total.figures if (one.metric.name, one.detail) == (name, detail))

    assert figure("triage_accuracy", "category").value == 1
    assert figure("triage_calibration_error", "category").value == pytest.approx(0.2)
    assert "tickets_created" not in {one.metric.name for one in found.total.figures}
