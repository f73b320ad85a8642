"""The classifier is trained anew at night where there is something to learn."""

from datetime import timedelta

from helpdesk.accounts.commands import create_category
from helpdesk.models.values import TicketStatus
from helpdesk.tickets.history import PastMove, PastTicket, add_past_ticket
from helpdesk.triage.learning.champion import retrain
from tests.database.ai.desk import AiDesk
from tests.database.desk import NOW, vpn_ticket


async def solved(desk: AiDesk, count: int) -> None:
    async with desk.database.transaction(desk.organization_id) as session:
        for number in range(count):
            await add_past_ticket(
                session,
                organization_id=desk.organization_id,
                past=PastTicket(
                    ticket=vpn_ticket(subject=f"Badge {number}", category=("hardware", "security")[number % 2]),
                    opened_at=NOW - timedelta(days=30, minutes=number),
                    moves=[PastMove(NOW - timedelta(days=29), TicketStatus.SOLVED, desk.agent)],
                ),
            )


async def trained(desk: AiDesk) -> int | None:
    """Retrain and return from how many examples, None when there was nothing to do."""
    scope = {"organization_id": desk.organization_id, "now": NOW}
    classifier = await retrain(desk.database, desk.models.embedder, **scope)  # type: ignore[arg-type]
    return None if classifier is None else classifier.examples


async def versions(desk: AiDesk) -> list[tuple[int, str]]:
    return [(row.version, row.state) for row in await desk.rows("SELECT * FROM ml_models ORDER BY version")]


async def test_nothing_is_trained_where_nobody_has_decided_anything(desk: AiDesk) -> None:
    assert await trained(desk) is None
    assert await versions(desk) == []


async def test_a_single_new_label_is_learnt_at_night_and_nothing_twice(desk: AiDesk) -> None:
    await solved(desk, 22)
    assert await trained(desk) == 22
    assert await trained(desk) is None
    await solved(desk, 1)
    assert await trained(desk) == 23
    assert await versions(desk) == [(1, "retired"), (2, "champion")]


async def test_new_labels_to_choose_from_are_a_reason(desk: AiDesk) -> None:
    await solved(desk, 2)
    assert await trained(desk) == 2
    async with desk.database.transaction(desk.organization_id) as session:
        await create_category(session, organization_id=desk.organization_id, slug="parking", name="Parking")
    assert await trained(desk) == 2
    assert await trained(desk) is None
