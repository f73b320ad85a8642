"""What a text model says of tickets: waited for by nobody, and weighed by how often it was right."""

from __future__ import annotations

from typing import Any

import pytest

from helpdesk.ai.model import ModelBusy, ModelIdentity, Models
from helpdesk.triage.classifying.stacking import SHIPPED
from helpdesk.triage.deciding.votes import fit_stackers, settled_votes
from helpdesk.triage.learning.feedback import judge_prediction
from tests.database.ai.desk import AiDesk
from tests.database.ai.test_triage_policy import VAGUE, choice
from tests.database.desk import NOW
from tests.scripted_ollama import TEXT_MODEL, error, says, slow


async def test_a_disagreement_is_left_to_a_person_and_the_suggestion_kept(desk: AiDesk) -> None:
    ticket_id = await desk.open()
    await desk.triage(ticket_id)
    alone = (await desk.predictions(ticket_id))["category"]
    other = next(label for label in alone.offered or ("security", "hardware") if label not in {alone.value, "unknown"})
    desk.ollama.always("/api/chat", says(choice(category=other)))

    await desk.triage(ticket_id)

    found = (await desk.predictions(ticket_id))["category"]
    assert (found.needs_human, found.vote) == (True, other)
    assert found.value is not None
    assert found.decision in {"suggest", "none"}
    assert found.applied_at is None
    [event] = await desk.rows(
        "SELECT data FROM ticket_events WHERE ticket_id = :id AND kind = 'ticket.triaged' ORDER BY seq DESC LIMIT 1",
        id=ticket_id,
    )
    assert "category" in event.data["needs_human"]


@pytest.mark.parametrize("answers", [slow(3), error(503, "server busy, please try again")], ids=["slow", "busy"])
async def test_a_ticket_does_not_wait_for_a_text_model_that_is_away(desk: AiDesk, answers: Any) -> None:
    desk.ollama.always("/api/chat", answers)
    ticket_id = await desk.open(**VAGUE)

    await desk.triage(ticket_id)

    found = await desk.predictions(ticket_id)
    assert found["category"].stage == "classifier"
    [run] = await desk.rows("SELECT decision FROM ai_runs WHERE ticket_id = :id AND kind = 'triage'", id=ticket_id)
    assert run.decision == "error"


async def test_what_the_classifier_says_is_there_while_the_model_still_thinks(desk: AiDesk) -> None:
    seen: list[int] = []
    ticket_id = await desk.open(**VAGUE)

    class Thinking:
        async def identify(self) -> ModelIdentity | None:
            return ModelIdentity(TEXT_MODEL, "digest")

        async def answer(self, *_: Any, **__: Any) -> Any:
            seen.append(len(await desk.predictions(ticket_id)))
            raise ModelBusy("It thinks.")

    await desk.triage(ticket_id, models=Models(desk.models.embedder, Thinking()))

    assert seen == [8]


async def test_votes_that_agents_settled_teach_how_much_a_vote_is_worth(desk: AiDesk) -> None:
    desk.ollama.always("/api/chat", says(choice(category="hardware")))
    for _ in range(2):
        ticket_id = await desk.open(**VAGUE)
        await desk.triage(ticket_id)
        prediction = (await desk.predictions(ticket_id))["category"]
        assert prediction.vote == "hardware"
        async with desk.database.transaction(desk.organization_id) as session:
            await judge_prediction(
                session,
                organization_id=desk.organization_id,
                prediction_id=prediction.id,
                verdict="correct",
                value="security",
                actor=desk.agent,
                now=NOW,
            )

    async with desk.database.transaction(desk.organization_id) as session:
        pairs = await settled_votes(session, organization_id=desk.organization_id)
        stackers = await fit_stackers(pairs)

    assert [(pair.voted, pair.final) for pair in pairs["category"]] == [("hardware", "security")] * 2
    assert stackers["category"].pairs == 2
    assert stackers["category"].vote < SHIPPED.vote
