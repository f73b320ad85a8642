"""The classifier is trained anew where there is something to learn, and put in use where it does no worse."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from helpdesk.accounts.commands import create_category
from helpdesk.ai.model import Embedder, ModelBusy, ModelIdentity
from helpdesk.learned_models.store import claim_version
from helpdesk.models.values import TicketPriority, TicketStatus
from helpdesk.tickets.fields import set_fields
from helpdesk.tickets.history import PastMove, PastTicket, add_past_ticket
from helpdesk.triage.learning.champion import Retraining, current_classifier, retrain
from helpdesk.triage.learning.examples import read_labels
from helpdesk.triage.learning.lessons import gather
from helpdesk.triage.learning.standing import KIND
from helpdesk.triage.learning.versions import VersionOutdated, put_in_use
from tests.database.ai.desk import AiDesk
from tests.database.desk import NOW, vpn_ticket

KINDS = (("hardware", "the badge reader blinks red"), ("security", "somebody asked me for my badge code"))
DAY = timedelta(days=1)


async def solved(
    desk: AiDesk, count: int, *, opened: datetime = NOW - 30 * DAY, settled: datetime | None = None, wrong: bool = False
) -> None:
    """Add settled tickets of two kinds, the later ones opened later; of few texts, so that they are embedded once."""
    async with desk.database.transaction(desk.organization_id) as session:
        for number in range(count):
            category, words = KINDS[number % 2]
            if wrong:
                category = KINDS[1 - number % 2][0]
            await add_past_ticket(
                session,
                organization_id=desk.organization_id,
                past=PastTicket(
                    ticket=vpn_ticket(subject="Badge", body=f"{words} on floor {number % 6}", category=category),
                    opened_at=opened + timedelta(minutes=number),
                    moves=[PastMove(settled or opened + DAY, TicketStatus.SOLVED, desk.agent)],
                ),
            )


async def train(desk: AiDesk, *, now: datetime = NOW, embedder: Embedder | None = None, **more: Any) -> Retraining:
    return await retrain(
        desk.database, embedder or desk.models.embedder, organization_id=desk.organization_id, now=now, **more
    )


async def trained(desk: AiDesk) -> int | None:
    """Retrain and return from how many examples, None when there was nothing to do."""
    done = await train(desk)
    return None if done.classifier is None else done.classifier.examples


async def versions(desk: AiDesk) -> list[tuple[int, str]]:
    return [(row.version, row.state) for row in await desk.rows("SELECT * FROM ml_models ORDER BY version")]


async def back_to(desk: AiDesk, version: int, *, now: datetime = NOW) -> None:
    [row] = await desk.rows("SELECT id FROM ml_models WHERE version = :version", version=version)
    async with desk.database.transaction(desk.organization_id) as session:
        await put_in_use(session, organization_id=desk.organization_id, model_id=row.id, who="Ada", now=now)


async def add_category(desk: AiDesk) -> None:
    async with desk.database.transaction(desk.organization_id) as session:
        await create_category(session, organization_id=desk.organization_id, slug="parking", name="Parking")


async def test_nothing_is_trained_where_nobody_has_decided_anything(desk: AiDesk) -> None:
    assert await trained(desk) is None
    assert await versions(desk) == []


async def test_a_single_new_label_is_learnt_at_night_and_nothing_twice(desk: AiDesk) -> None:
    await solved(desk, 4)
    assert await trained(desk) == 4
    assert await trained(desk) is None
    await solved(desk, 1)
    assert await trained(desk) == 5
    assert await versions(desk) == [(1, "retired"), (2, "champion")]
    [_, model] = await desk.rows("SELECT reason, metrics FROM ml_models ORDER BY version")
    assert "tickets in order of time, being few" in model.reason
    assert model.metrics["contest"]["fields"]["category"]["worse"] == []


async def test_new_labels_to_choose_from_are_a_reason_of_their_own(desk: AiDesk) -> None:
    await solved(desk, 2)
    assert await trained(desk) == 2
    await add_category(desk)
    done = await train(desk)
    assert (done.outcome, done.reason) == ("promoted", "In use, since there are other values to choose from.")
    assert await trained(desk) is None


async def test_what_does_worse_on_the_newest_tickets_is_put_aside_and_not_trained_again_from_the_same(
    desk: AiDesk,
) -> None:
    await solved(desk, 40, opened=NOW - 90 * DAY)
    await train(desk, now=NOW - 60 * DAY)
    # Sixty tickets that somebody filed the wrong way round, and then some that are right again.
    await solved(desk, 60, opened=NOW - 50 * DAY, wrong=True)
    await solved(desk, 25, opened=NOW - 10 * DAY)

    done = await train(desk)

    assert done.outcome == "put_aside"
    assert done.reason.startswith("Not in use, since it does worse on the 25 newest tickets: macro-F1 of category")
    assert await versions(desk) == [(1, "champion"), (2, "challenger")]
    [model] = await desk.rows("SELECT metrics, weights <> '' AS kept FROM ml_models WHERE version = 2")
    both = model.metrics["contest"]["fields"]["category"]
    assert both["champion"]["macro_f1"] > both["challenger"]["macro_f1"]
    assert model.kept
    assert (await train(desk)).outcome == "nothing_new"


async def test_a_version_that_was_rolled_back_does_not_come_again_by_the_same_labels(desk: AiDesk) -> None:
    await solved(desk, 2)
    await trained(desk)
    await solved(desk, 2)
    await trained(desk)
    await back_to(desk, 1)
    assert await versions(desk) == [(1, "champion"), (2, "retired")]

    await solved(desk, 24)
    held = await train(desk)
    assert (held.outcome, "put back" in held.reason) == ("held", True)
    labels = await _labels(desk)
    await current_classifier(
        desk.database, desk.models.embedder, organization_id=desk.organization_id, labels=labels, now=NOW
    )
    assert await desk.rows("SELECT 1 FROM job_queue WHERE job_type = 'RETRAIN_TRIAGE'") == []
    await solved(desk, 1)
    assert (await train(desk)).outcome == "promoted"


async def _labels(desk: AiDesk) -> Any:
    async with desk.database.transaction(desk.organization_id) as session:
        return await read_labels(session, organization_id=desk.organization_id)


async def test_a_version_that_the_next_ticket_would_have_to_replace_cannot_be_put_in_use(desk: AiDesk) -> None:
    await solved(desk, 2)
    await trained(desk)
    await add_category(desk)
    await trained(desk)
    with pytest.raises(VersionOutdated, match="other categories"):
        await back_to(desk, 1)
    assert await versions(desk) == [(1, "retired"), (2, "champion")]


async def test_of_two_workers_one_trains_and_the_other_says_so(desk: AiDesk) -> None:
    await solved(desk, 4)
    outcomes = [done.outcome for done in await asyncio.gather(train(desk), train(desk))]
    assert sorted(outcomes) == ["busy", "promoted"]
    assert await versions(desk) == [(1, "champion")]


async def test_a_worker_that_died_while_training_holds_up_nobody_for_long(desk: AiDesk) -> None:
    await solved(desk, 4)
    async with desk.database.transaction(desk.organization_id) as session:
        await claim_version(session, organization_id=desk.organization_id, kind=KIND, now=NOW)
    assert (await train(desk)).outcome == "busy"
    await desk.rows("UPDATE ml_models SET claimed_at = claimed_at - interval '11 minutes' RETURNING 1")
    assert (await train(desk)).outcome == "promoted"
    assert await versions(desk) == [(1, "champion")]


class Meanwhile:
    """The real embedder, during whose first call something else happens."""

    def __init__(self, inner: Embedder, happens: Callable[[], Awaitable[None]]) -> None:
        self._inner, self._happens, self._done = inner, happens, False

    def named(self, name: str) -> Embedder:
        return Meanwhile(self._inner.named(name), self._happens)

    async def identify(self, *, fresh: bool = False) -> ModelIdentity:
        return await self._inner.identify(fresh=fresh)

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if not self._done:
            self._done = True
            await self._happens()
        return await self._inner.embed(texts)


async def test_a_training_that_is_stopped_leaves_no_claim_behind(desk: AiDesk) -> None:
    await solved(desk, 4)

    async def stop() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await train(desk, embedder=Meanwhile(desk.models.embedder, stop))
    assert await versions(desk) == []
    assert (await train(desk)).outcome == "promoted"


async def test_a_training_without_vectors_waits(desk: AiDesk) -> None:
    await solved(desk, 4)

    async def fail() -> None:
        raise ModelBusy("The runtime is away.", retry_after=3)

    with pytest.raises(ModelBusy):
        await train(desk, embedder=Meanwhile(desk.models.embedder, fail))
    assert await versions(desk) == []


async def test_who_rolls_back_during_a_training_is_not_overruled_by_it(desk: AiDesk) -> None:
    for count in (4, 1):
        await solved(desk, count)
        await trained(desk)
    async with desk.database.transaction(desk.organization_id) as session:
        await add_past_ticket(
            session,
            organization_id=desk.organization_id,
            past=PastTicket(
                ticket=vpn_ticket(body="words that nobody has embedded yet", category="network"),
                opened_at=NOW - DAY,
                moves=[PastMove(NOW, TicketStatus.SOLVED, desk.agent)],
            ),
        )
    done = await train(desk, embedder=Meanwhile(desk.models.embedder, lambda: back_to(desk, 1)))
    assert done.outcome == "put_aside"
    assert done.reason == "Not in use, since another version was put in use during its training."
    assert await versions(desk) == [(1, "champion"), (2, "retired"), (3, "challenger")]


async def test_weights_that_cannot_be_read_are_replaced_and_do_not_stop_a_ticket(desk: AiDesk) -> None:
    await solved(desk, 4)
    await trained(desk)
    # As another process sees it, which has not loaded it yet.
    await desk.rows("UPDATE ml_models SET id = gen_random_uuid(), weights = 'broken' RETURNING 1")
    await desk.triage(await desk.open())
    assert await versions(desk) == [(1, "retired"), (2, "champion")]


async def test_corrections_of_open_tickets_are_learnt_and_nobodys_usual_values_are_not(desk: AiDesk) -> None:
    await solved(desk, 4)
    await desk.rows('UPDATE tickets SET decided_by = decided_by || \'{"priority": "system"}\' RETURNING 1')
    ticket_id = await desk.open()
    await desk.triage(ticket_id)
    async with desk.database.transaction(desk.organization_id) as session:
        await set_fields(
            session,
            organization_id=desk.organization_id,
            ticket_id=ticket_id,
            changes={"category": "hardware", "priority": TicketPriority.HIGH},
            actor=desk.agent,
            now=NOW,
        )
    lesson = await gather(
        desk.database, desk.models.embedder, organization_id=desk.organization_id, labels=await _labels(desk), now=NOW
    )
    *settled, still_open = lesson.tickets
    assert all(set(one.example.labels) == {"category"} for one in settled)
    assert still_open.settled_at is None
    assert still_open.example.labels["category"] == "hardware"
    assert still_open.example.weights["category"] == pytest.approx(3)
    assert still_open.as_of(NOW - DAY) is None


async def test_a_policy_with_a_matrix_has_impact_and_urgency_learnt_and_common_tags_are(desk: AiDesk) -> None:
    await desk.rows(
        "UPDATE organizations SET ai_policy = "
        """'{"triage": {"priority_matrix": {"wide": {"soon": "urgent", "later": "high"},"""
        """ "one": {"soon": "high", "later": "low"}}}}' RETURNING 1"""
    )
    await solved(desk, 44)
    await desk.rows(
        "UPDATE tickets SET tags = CASE WHEN number % 2 = 0 THEN '{badge,odd}'::text[] ELSE '{}' END,"
        """ custom = '{"impact": "one", "urgency": "soon", "floor": 2}' RETURNING 1"""
    )
    await desk.rows('UPDATE tickets SET custom = \'{"impact": "wide"}\' WHERE number % 2 = 0 RETURNING 1')
    done = await train(desk)
    assert done.classifier is not None
    assert {"category", "impact", "tag:badge", "tag:odd"} <= set(done.classifier.fields)
    assert "urgency" not in done.classifier.fields
    assert set(done.classifier.fields["tag:badge"].labels) == {"yes", "no"}
