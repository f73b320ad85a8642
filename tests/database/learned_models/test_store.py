"""Versions of trained models: one is trained at a time, one is in use, and there is a way back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.accounts.commands import create_organization
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.learned_models import store
from helpdesk.learned_models.versions import (
    ModelVersionNotFound,
    Version,
    champion_of,
    list_versions,
    read_weights,
    version_numbered,
)
from tests.database.desk import NOW


class Shelf:
    """One organisation's versions of one kind."""

    def __init__(self, database: Database, organization_id: UUID, kind: str = "breach") -> None:
        self.database, self.organization_id, self.kind = database, organization_id, kind

    async def _do(self, work: Callable[..., Awaitable[Any]], **values: Any) -> Any:
        async with self.database.transaction(self.organization_id) as session:
            return await work(session, organization_id=self.organization_id, **values)

    async def claim(self, **values: Any) -> UUID | None:
        found: UUID | None = await self._do(store.claim_version, kind=self.kind, now=NOW, **values)
        return found

    async def finish(self, claim: UUID, *, promoted: bool = True, weights: bytes = b"w", trained_on: int = 1) -> None:
        await self._do(
            store.promote if promoted else store.put_aside,
            kind=self.kind,
            claim=claim,
            weights=weights,
            trained_on=trained_on,
            metrics={"auc": 0.8},
            reason="Because.",
            now=NOW,
        )

    async def add(self, **values: Any) -> UUID:
        claim = await self.claim()
        assert claim is not None
        await self.finish(claim, **values)
        return claim

    async def states(self) -> list[tuple[int, str]]:
        rows = await self._do(list_versions, kind=self.kind)
        return [(row.version, "training" if row.training else row.state) for row in reversed(rows)]

    async def champion(self) -> Version | None:
        found: Version | None = await self._do(champion_of, kind=self.kind)
        return found

    async def roll_back(self, model_id: UUID) -> Version:
        found: Version = await self._do(store.roll_back, model_id=model_id, reason="Wanted.", now=NOW)
        return found

    async def seem_dead(self, after: timedelta) -> None:
        async with self.database.transaction(self.organization_id) as session:
            await session.execute(
                text("UPDATE ml_models SET claimed_at = claimed_at - CAST(:after AS interval)"), {"after": after}
            )


@pytest.fixture
def shelf(database: Database, organization_id: UUID) -> Shelf:
    return Shelf(database, organization_id)


async def test_versions_count_up_and_the_last_promoted_one_is_in_use(shelf: Shelf) -> None:
    assert await shelf.champion() is None
    await shelf.add()
    await shelf.add(promoted=False)
    await shelf.add(trained_on=7)
    assert await shelf.states() == [(1, "retired"), (2, "challenger"), (3, "champion")]
    champion = await shelf.champion()
    assert champion is not None
    assert (champion.trained_on, champion.metrics, champion.reason, champion.size) == (7, {"auc": 0.8}, "Because.", 1)


async def test_of_many_workers_one_trains(shelf: Shelf) -> None:
    claims = [claim for claim in await asyncio.gather(*(shelf.claim() for _ in range(8))) if claim is not None]
    assert len(claims) == 1
    assert await shelf.states() == [(1, "training")]
    await shelf.finish(claims[0])
    assert await shelf.claim() is not None


async def test_another_kind_and_another_organisation_train_at_the_same_time(
    shelf: Shelf, database: Database, organization_id: UUID
) -> None:
    assert await shelf.claim() is not None
    assert await Shelf(database, organization_id, "triage").claim() is not None
    other = new_id()
    async with database.transaction(other) as session:
        await create_organization(session, slug="other", name="Other", organization_id=other)
    elsewhere = Shelf(database, other)
    claim = await elsewhere.claim()
    assert claim is not None
    assert await elsewhere.states() == [(1, "training")]
    await elsewhere.finish(claim)
    with pytest.raises(ModelVersionNotFound):
        await shelf.roll_back(claim)


async def test_the_claim_of_a_worker_that_died_is_taken_over_and_its_late_result_is_refused(shelf: Shelf) -> None:
    await shelf.add()
    dead = await shelf.claim()
    assert dead is not None
    await shelf.seem_dead(timedelta(minutes=9))
    assert await shelf.claim() is None
    await shelf.seem_dead(timedelta(minutes=2))
    alive = await shelf.claim()
    assert alive is not None
    with pytest.raises(store.ClaimLost):
        await shelf.finish(dead)
    # The refusal took nothing out of use.
    assert await shelf.states() == [(1, "champion"), (2, "training")]
    await shelf.finish(alive)
    assert await shelf.states() == [(1, "retired"), (2, "champion")]


async def test_who_shows_life_keeps_the_claim(shelf: Shelf, organization_id: UUID) -> None:
    claim = await shelf.claim()
    assert claim is not None
    await shelf.seem_dead(timedelta(hours=1))
    async with shelf.database.transaction(organization_id) as session:
        await store.keep_claim(session, organization_id=organization_id, claim=claim)
    assert await shelf.claim() is None
    await shelf.finish(claim)
    async with shelf.database.transaction(organization_id) as session:
        with pytest.raises(store.ClaimLost):
            await store.keep_claim(session, organization_id=organization_id, claim=claim)


async def test_a_training_that_failed_leaves_nothing_and_cannot_undo_one_that_did_not(
    shelf: Shelf, organization_id: UUID
) -> None:
    claim = await shelf.claim()
    assert claim is not None
    for expected in ([], [(1, "champion")]):
        async with shelf.database.transaction(organization_id) as session:
            await store.give_up(session, organization_id=organization_id, claim=claim)
        assert await shelf.states() == expected
        if not expected:
            claim = await shelf.add()


async def test_going_back_marks_what_was_in_use_and_going_back_twice_is_once(shelf: Shelf) -> None:
    first, second = await shelf.add(), await shelf.add()
    for _ in range(2):
        version = await shelf.roll_back(first)
        assert (version.version, version.state, version.reason) == (1, "champion", "Wanted.")
    assert await shelf.states() == [(1, "champion"), (2, "retired")]
    async with shelf.database.transaction(shelf.organization_id) as session:
        left = await version_numbered(session, organization_id=shelf.organization_id, kind="breach", version=2)
    assert (left.id, left.rolled_back_at) == (second, NOW)
    # Forward again: the mark goes to the other one.
    assert (await shelf.roll_back(second)).rolled_back_at is None


async def test_two_who_go_back_to_different_versions_at_once_leave_one_in_use(shelf: Shelf) -> None:
    first, second, _ = await shelf.add(), await shelf.add(), await shelf.add()
    await asyncio.gather(shelf.roll_back(first), shelf.roll_back(second), shelf.add(), shelf.roll_back(first))
    states = await shelf.states()
    assert [state for _, state in states].count("champion") == 1
    assert len(states) == 4


async def test_what_is_still_trained_or_has_no_weights_any_more_cannot_be_used(shelf: Shelf) -> None:
    first = await shelf.add()
    for _ in range(store.KEPT_WEIGHTS + 1):
        last = await shelf.add()
    with pytest.raises(store.WeightsForgotten):
        await shelf.roll_back(first)
    claim = await shelf.claim()
    assert claim is not None
    with pytest.raises(store.StillTraining):
        await shelf.roll_back(claim)
    champion = await shelf.champion()
    assert champion is not None
    assert champion.id == last
    async with shelf.database.transaction(shelf.organization_id) as session:
        rows = await list_versions(session, organization_id=shelf.organization_id)
        assert sum(row.size > 0 for row in rows) == store.KEPT_WEIGHTS + 1
        assert await read_weights(session, organization_id=shelf.organization_id, model_id=first) == b""
        assert rows[-1].metrics == {"auc": 0.8}


async def test_nothing_may_be_in_use(shelf: Shelf, organization_id: UUID) -> None:
    await shelf.add()
    async with shelf.database.transaction(organization_id) as session:
        await store.retire(session, organization_id=organization_id, kind="breach", reason="Too few.", now=NOW)
    assert await shelf.champion() is None
    assert await shelf.states() == [(1, "retired")]


async def test_a_list_goes_on_where_it_ended(shelf: Shelf, organization_id: UUID) -> None:
    for _ in range(3):
        await shelf.add()
    async with shelf.database.transaction(organization_id) as session:
        first = await list_versions(session, organization_id=organization_id, most=2)
        rest = await list_versions(session, organization_id=organization_id, most=2, before=first[-1].id)
        with pytest.raises(ModelVersionNotFound):
            await version_numbered(session, organization_id=organization_id, kind="breach", version=9)
    assert [row.version for row in [*first, *rest]] == [3, 2, 1]
