"""A desk whose predictions a test makes up, so that people can judge them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from helpdesk.database.engine import Database
from helpdesk.models.ai import TriagePrediction
from helpdesk.models.values import TicketStatus
from helpdesk.settings import Settings
from helpdesk.tickets.commands import change_status, open_ticket, reply
from helpdesk.tickets.fields import apply_triage, set_fields
from helpdesk.tickets.requests import Actor
from helpdesk.triage.learning.feedback import judge_prediction
from tests.database.desk import NOW, vpn_ticket


@dataclass
class LearningDesk:
    """One organisation with an agent."""

    database: Database
    settings: Settings
    organization_id: UUID
    agent: Actor

    async def open(self, **ticket: object) -> UUID:
        async with self.database.transaction(self.organization_id) as session:
            opened = await open_ticket(
                session,
                organization_id=self.organization_id,
                new=vpn_ticket(**ticket),
                actor=self.agent,
                now=NOW,
                settings=self.settings,
            )
            return opened.id

    async def predict(
        self,
        ticket_id: UUID,
        field: str = "category",
        value: str | None = "network",
        *,
        probability: float = 0.97,
        applied: bool = False,
        at: datetime = NOW,
        **more: Any,
    ) -> UUID:
        """Let triage have predicted a value, and have set it where that is said."""
        async with self.database.transaction(self.organization_id) as session:
            if applied and value is not None:
                await apply_triage(
                    session,
                    organization_id=self.organization_id,
                    ticket_id=ticket_id,
                    values={field: value},
                    now=at,
                )
            row = TriagePrediction(
                organization_id=self.organization_id,
                ticket_id=ticket_id,
                created_at=at,
                field=field,
                value=value,
                probability=probability,
                source="classifier",
                decision="auto" if applied else "suggest",
                applied_at=at if applied else None,
                **more,
            )
            session.add(row)
            await session.flush()
            return row.id

    async def predicted(self, field: str = "category", value: str | None = "network", **more: Any) -> tuple[UUID, UUID]:
        """Open a ticket with a prediction; return both ids."""
        ticket_id = await self.open()
        return ticket_id, await self.predict(ticket_id, field, value, **more)

    async def judge(
        self, prediction_id: UUID, verdict: Any, value: str | None = None, *, now: datetime = NOW, actor: Any = None
    ) -> None:
        async with self.database.transaction(self.organization_id) as session:
            await judge_prediction(
                session,
                organization_id=self.organization_id,
                prediction_id=prediction_id,
                verdict=verdict,
                value=value,
                actor=actor or self.agent,
                now=now,
            )

    async def set(self, ticket_id: UUID, *, actor: Actor | None = None, now: datetime = NOW, **changes: Any) -> None:
        async with self.database.transaction(self.organization_id) as session:
            await set_fields(
                session,
                organization_id=self.organization_id,
                ticket_id=ticket_id,
                changes=changes,
                actor=actor or self.agent,
                now=now,
            )

    async def settle(self, ticket_id: UUID, *, answered: bool = True, now: datetime = NOW) -> None:
        async with self.database.transaction(self.organization_id) as session:
            about: dict[str, Any] = {"organization_id": self.organization_id, "ticket_id": ticket_id}
            if answered:
                await reply(session, **about, body="Done.", actor=self.agent, now=now, settings=self.settings)
            await change_status(session, **about, to=TicketStatus.SOLVED, actor=self.agent, now=now)

    async def rows(self, statement: str, **values: object) -> Sequence[Any]:
        async with self.database.transaction(self.organization_id) as session:
            return (await session.execute(text(statement), values)).all()

    async def words(self) -> list[tuple[Any, ...]]:
        """Return what is kept of people's words: field, what was predicted, what they say, verdict and origin."""
        return [
            tuple(row)
            for row in await self.rows(
                "SELECT field, predicted, final_value, verdict, origin FROM triage_feedback ORDER BY created_at, id"
            )
        ]

    async def judged(self, right: int, wrong: int, *, since: datetime = NOW, **prediction: Any) -> None:
        """Let predictions be made and judged, one a minute, the wrong ones last."""
        for number in range(right + wrong):
            at = since + timedelta(minutes=number)
            _, prediction_id = await self.predicted(at=at, **prediction)
            if number < right:
                await self.judge(prediction_id, "accept", now=at)
            else:
                await self.judge(prediction_id, "correct", "hardware", now=at)
