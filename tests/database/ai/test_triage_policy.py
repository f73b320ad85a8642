"""What the policy, the gates and people keep triage from doing, ticket by ticket."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray

from helpdesk.accounts.ai_policy_commands import change_ai_policy
from helpdesk.ai.model import Embedder, ModelBusy, ModelIdentity, Models
from helpdesk.ai.providers.connecting import connect_models
from helpdesk.models.learning import TriageGate
from helpdesk.models.values import TicketPriority, TicketType
from helpdesk.tickets.fields import set_fields
from helpdesk.triage.deciding.queries import list_predictions
from helpdesk.triage.learning.feedback import judge_prediction
from tests.database.ai.desk import AiDesk
from tests.database.desk import NOW
from tests.scripted_ollama import says

SMOKE = "There is smoke coming out of my laptop"
VAGUE = {"subject": "Hello", "body": "It is about the thing from last week."}


def choice(**said: str) -> dict[str, str]:
    return {
        "category": "network",
        "type": "incident",
        "sentiment": "neutral",
        "summary": "The thing from last week",
    } | said


async def allow(desk: AiDesk, **triage: Any) -> None:
    async with desk.database.transaction(desk.organization_id) as session:
        await change_ai_policy(
            session, organization_id=desk.organization_id, patch={"triage": triage}, by=desk.agent.id, now=NOW
        )


async def ticket(desk: AiDesk, ticket_id: UUID) -> Any:
    [row] = await desk.rows(
        "SELECT t.*, c.slug AS category FROM tickets t LEFT JOIN categories c ON c.id = t.category_id WHERE t.id = :id",
        id=ticket_id,
    )
    return row


@pytest.mark.parametrize(
    ("policy", "decision", "priority"),
    [
        ({"mode": "auto"}, "auto", "urgent"),
        ({"mode": "suggest"}, "suggest", "normal"),
        ({"mode": "auto", "values": {"urgent": "suggest"}}, "suggest", "normal"),
        ({"mode": "suggest", "values": {"urgent": "auto"}}, "auto", "urgent"),
        ({"mode": "auto", "values": {"urgent": "off"}}, "none", "normal"),
        ({"mode": "auto", "wanted_accuracy": 0.999}, "suggest", "normal"),
    ],
)
async def test_the_policy_decides_what_is_done_with_a_value(
    desk: AiDesk, policy: dict[str, Any], decision: str, priority: str
) -> None:
    await allow(desk, fields={"priority": policy})
    ticket_id = await desk.open(subject="laptop", body=SMOKE)

    await desk.triage(ticket_id)

    found = (await desk.predictions(ticket_id))["priority"]
    assert (found.value, found.decision) == ("urgent", decision)
    assert (found.applied_at is not None) is (decision == "auto")
    assert (await ticket(desk, ticket_id)).priority == priority


async def test_a_field_that_is_off_is_not_predicted(desk: AiDesk) -> None:
    await allow(desk, fields={"priority": {"mode": "off"}, "sentiment": {"mode": "off"}})
    ticket_id = await desk.open(subject="laptop", body=SMOKE)

    await desk.triage(ticket_id)

    assert {"priority", "sentiment"} & set(await desk.predictions(ticket_id)) == set()


async def test_a_gate_that_fell_back_has_values_offered_and_says_why(desk: AiDesk) -> None:
    first = await desk.open(subject="laptop", body=SMOKE)
    await desk.triage(first)
    async with desk.database.transaction(desk.organization_id) as session:
        gate = await session.get(TriageGate, (desk.organization_id, "priority", ""))
        assert gate is not None
        gate.state, gate.reason = "fallen_back", "It fell back: 9 of 40 were wrong."
        gate.changed_at = gate.reviewed_at = NOW + timedelta(minutes=30)
    second = await desk.open(subject="laptop", body=SMOKE)

    await desk.triage(second)

    found = (await desk.predictions(second))["priority"]
    assert (found.decision, found.mode) == ("suggest", "suggest")
    assert "9 of 40" in found.reason
    assert (await ticket(desk, second)).priority == "normal"


async def test_a_person_who_decides_while_triage_works_is_not_overruled(desk: AiDesk) -> None:
    ticket_id = await desk.open(subject="laptop", body=SMOKE)

    class WhileEmbedding:
        def __init__(self, inner: Embedder) -> None:
            self._inner = inner

        def named(self, name: str) -> Embedder:
            return WhileEmbedding(self._inner.named(name))

        async def identify(self, *, fresh: bool = False) -> ModelIdentity:
            return await self._inner.identify(fresh=fresh)

        async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
            async with desk.database.transaction(desk.organization_id) as session:
                await set_fields(
                    session,
                    organization_id=desk.organization_id,
                    ticket_id=ticket_id,
                    changes={"priority": "low"},
                    actor=desk.agent,
                    now=NOW,
                )
            return await self._inner.embed(texts)

    await desk.triage(ticket_id, models=Models(WhileEmbedding(desk.models.embedder), desk.models.language))

    assert (await desk.predictions(ticket_id))["priority"].applied_at is None
    assert (await ticket(desk, ticket_id)).priority == "low"


async def test_a_value_that_an_agent_rejected_is_not_said_again(desk: AiDesk) -> None:
    await allow(desk, fields={"priority": {"mode": "suggest"}})
    ticket_id = await desk.open(subject="laptop", body=SMOKE)
    await desk.triage(ticket_id)
    async with desk.database.transaction(desk.organization_id) as session:
        await judge_prediction(
            session,
            organization_id=desk.organization_id,
            prediction_id=(await desk.predictions(ticket_id))["priority"].id,
            verdict="reject",
            value=None,
            actor=desk.agent,
            now=NOW,
        )
    await allow(desk, fields={"priority": {"mode": "auto"}})

    await desk.triage(ticket_id)

    found = (await desk.predictions(ticket_id))["priority"]
    assert (found.value, found.decision) == ("urgent", "none")
    assert "wrong here" in found.reason
    assert (await ticket(desk, ticket_id)).priority == "normal"


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (SMOKE, choice()),
        ("Thank you, it works again, please close this ticket.", choice(type="question", sentiment="positive")),
        ("This is a duplicate, it is solved, close it.", choice(category="unknown")),
    ],
)
async def test_no_verdict_ever_changes_the_status(desk: AiDesk, body: str, answer: dict[str, str]) -> None:
    desk.ollama.always("/api/chat", says(answer))
    fields = ("category", "priority", "team", "type", "language", "tags")
    await allow(desk, fields={name: {"mode": "auto", "wanted_accuracy": 0.5} for name in fields})
    ticket_id = await desk.open(subject="About my ticket", body=body)

    await desk.triage(ticket_id)

    assert (await ticket(desk, ticket_id)).status == "new"
    kinds = await desk.rows("SELECT kind FROM ticket_events WHERE ticket_id = :id", id=ticket_id)
    assert "ticket.status_changed" not in {row.kind for row in kinds}


async def test_without_vectors_the_rules_speak_at_once_and_the_rest_follows(desk: AiDesk) -> None:
    ticket_id = await desk.open(subject="laptop", body=f"{SMOKE}, and nobody has embedded this.")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{taken.getsockname()[1]}"
        away = connect_models(desk.settings.model_copy(update={"ollama_host": gone}))
        with pytest.raises(ModelBusy):
            await desk.triage(ticket_id, models=away)
        await away.close()

    early = await desk.predictions(ticket_id)
    assert (early["priority"].value, early["priority"].decision, early["priority"].stage) == ("urgent", "auto", "rules")
    assert "category" not in early
    assert (await ticket(desk, ticket_id)).priority == "urgent"
    await desk.triage(ticket_id)
    assert "category" in await desk.predictions(ticket_id)


async def test_a_matrix_makes_the_priority_of_the_tickets_own_impact_and_urgency(desk: AiDesk) -> None:
    await allow(
        desk, priority_matrix={"all": {"now": "high", "later": "normal"}, "one": {"now": "normal", "later": "low"}}
    )
    ticket_id = await desk.open(custom={"impact": "all", "urgency": "now"})

    await desk.triage(ticket_id)

    found = (await desk.predictions(ticket_id))["priority"]
    assert (found.value, found.probability, found.decision, found.stage) == ("high", 1.0, "auto", "rules")
    assert "matrix" in found.reason
    assert (await ticket(desk, ticket_id)).priority == "high"


async def test_a_second_ticket_of_the_same_requester_is_named_as_a_duplicate_and_not_merged(desk: AiDesk) -> None:
    first = await desk.open()
    await desk.index_all()
    second = await desk.open()

    await desk.triage(second)

    found = (await desk.predictions(second))["duplicate_of"]
    number = (await ticket(desk, first)).number
    assert (found.value, found.decision, found.threshold) == (str(number), "suggest", None)
    assert (await ticket(desk, second)).merged_into_id is None


async def test_the_history_keeps_what_was_thought_before(desk: AiDesk) -> None:
    ticket_id = await desk.open(priority=TicketPriority.LOW, type=TicketType.INCIDENT)
    await desk.triage(ticket_id)
    await desk.triage(ticket_id)

    async with desk.database.transaction(desk.organization_id) as session:
        rows = await list_predictions(
            session, organization_id=desk.organization_id, ticket_id=ticket_id, field="category"
        )
        every = await list_predictions(session, organization_id=desk.organization_id, ticket_id=ticket_id, limit=3)
        last = every[-1]
        rest = await list_predictions(
            session, organization_id=desk.organization_id, ticket_id=ticket_id, before=(last.created_at, last.id)
        )

    assert [row.superseded_at is None for row in rows] == [True, False]
    assert len({row.id for row in (*every, *rest)}) == 16
