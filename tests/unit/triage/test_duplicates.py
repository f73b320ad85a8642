from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from helpdesk.rag.graph.similar import SimilarTicket
from helpdesk.triage.deciding.duplicates import repeated

NOW = datetime(2026, 3, 3, 9, tzinfo=UTC)


def ticket(
    number: int,
    *,
    age: timedelta = timedelta(hours=2),
    status: str = "open",
    same_as: bool = True,
    mine: bool = False,
    asset: bool = False,
    similarity: float = 0.9,
) -> SimilarTicket:
    return SimilarTicket(
        ticket_id=UUID(int=number),
        number=number,
        subject="VPN",
        status=status,
        similarity=similarity,
        solved_by=[],
        same_as=same_as,
        created_at=NOW - age,
        solved_at=None,
        same_requester=mine,
        same_asset=asset,
    )


def test_the_same_requesters_ticket_is_the_likeliest() -> None:
    found = repeated([ticket(1), ticket(2, mine=True), ticket(3, asset=True)], opened_at=NOW)
    assert [one.number for one in found] == [2, 3, 1]
    assert found[0].probability > found[1].probability > found[2].probability
    assert "same requester" in found[0].reason
    assert "never merges" in found[0].reason


@pytest.mark.parametrize(
    "other",
    [
        ticket(1, same_as=False, mine=True),
        ticket(1, status="solved"),
        ticket(1, age=timedelta(days=2)),
        ticket(1, status="closed", age=timedelta(days=20), mine=True),
        ticket(1, age=timedelta(hours=-1), mine=True),
    ],
    ids=["only alike", "solved for somebody else", "another day's", "long settled", "later"],
)
def test_what_is_no_duplicate(other: SimilarTicket) -> None:
    assert repeated([other], opened_at=NOW) == []


def test_a_company_repeats_itself_for_a_fortnight() -> None:
    week_old = ticket(1, age=timedelta(days=7))
    assert repeated([week_old], opened_at=NOW, of_company=[week_old.ticket_id])[0].number == 1
    assert repeated([week_old], opened_at=NOW, of_company=[uuid4()]) == []
