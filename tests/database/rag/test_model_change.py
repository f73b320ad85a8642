"""Another embedding model takes over while articles are written and searched.

The second model is the first one with its vectors cut to 128 numbers: another space, of another size, and real.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from helpdesk.errors import Unavailable
from helpdesk.kb.articles.commands import ArticleChanges, publish_article, update_article
from helpdesk.models.values import ArticleVisibility
from helpdesk.rag.embedding.models import EmbeddingModelChanged, active_model, building_model, models_in_service
from helpdesk.rag.embedding.spaces import model_of
from helpdesk.rag.embedding.vectors import QueryVectors, vectors_for
from helpdesk.rag.indexing.embed_changes import Making
from helpdesk.rag.model_change.backfill import Backfill, Backfilled
from helpdesk.rag.model_change.changing import Changed, DoesWorse, ModelChange, change_back
from helpdesk.rag.model_change.commands import (
    ModelIsActive,
    NotCovered,
    NothingToGoBackTo,
    drop,
    expired,
    flip,
    pause,
    resume,
)
from helpdesk.rag.model_change.queries import ModelReport, NoSuchModel, model_report, model_reports
from helpdesk.rag.model_change.registering import AnotherModelBuilding, NoModelName, SameModel, add_model
from helpdesk.rag.retrieval.query import SearchQuery
from helpdesk.rag.retrieval.search import search
from tests.database.rag.conftest import NOW, Desk

OTHER = "all-minilm@128"
BODY = "Restart the laptop, wait for a minute and sign in again with the company account."


async def _quiet(_percent: float, _words: str) -> None:
    """Tell nobody."""


async def backfill(desk: Desk, *, most_s: float = 60.0) -> Backfilled:
    making = Making(desk.database, desk.embedder, asyncio.Lock())
    return await Backfill(making, now=lambda: NOW, tell=_quiet, most_s=most_s).run()


async def change(desk: Desk, *, reason: str | None = None, epsilon: float = 0.02) -> Changed:
    return await ModelChange(
        database=desk.database,
        embedder=desk.embedder,
        settings=desk.database.settings,
        now=lambda: NOW,
        tell=_quiet,
        reason=reason,
        epsilon=epsilon,
    ).run()


async def articles(desk: Desk, count: int, *, organization_id: UUID | None = None) -> list[UUID]:
    topics = ("printer", "VPN tunnel", "mailbox", "battery", "monitor", "badge", "phone", "licence", "keyboard", "disk")
    made = []
    for number in range(count):
        topic = topics[number % len(topics)]
        body = f"What to do about the {topic} when it fails in room {number}. {BODY}"
        made.append((await desk.publish(f"The {topic} of room {number}", body, organization_id=organization_id)).id)
    await desk.index_all()
    return made


async def report_of(desk: Desk, name: str) -> ModelReport:
    return next(report for report in await model_reports(desk.database) if report.name == name)


async def states(desk: Desk) -> dict[str, str]:
    return {report.name: report.state for report in await model_reports(desk.database)}


async def dims_of_search(desk: Desk, words: str) -> int | None:
    vector = await QueryVectors(desk.embedder.inner).vector_of(
        desk.database, words, organization_id=desk.organization_id
    )
    return None if vector is None else vector.shape[0]


async def test_a_model_is_registered_filled_compared_and_takes_over_and_gives_back(desk: Desk) -> None:
    known = await articles(desk, 12)
    added = await add_model(desk.database, desk.embedder, name=OTHER)
    assert (added.name, added.dims, added.state) == (OTHER, 128, "building")
    before = await report_of(desk, OTHER)
    assert (before.vectors, before.missing, before.coverage) == (0, 12, 0.0)
    assert before.texts_per_s is not None
    assert before.eta_s == pytest.approx(12 / before.texts_per_s)

    with pytest.raises(NotCovered, match="12 of 12 passages"):
        await change(desk)
    assert (await backfill(desk)).vectors == 12
    assert (await report_of(desk, OTHER)).coverage == 1.0
    assert await dims_of_search(desk, "the printer") == 384

    changed = await change(desk)
    assert (changed.now_active.name, changed.missing) == (OTHER, 0)
    assert changed.verdict is not None
    assert changed.verdict.queries == 12
    assert await states(desk) == {OTHER: "active", "all-minilm": "retired"}
    found = await desk.find("the badge of room 5 fails", limit=1)
    assert (found.model, found.results[0].source_id) == (OTHER, known[5])
    assert await dims_of_search(desk, "the printer") == 128

    back = await change_back(desk.database, desk.embedder, now=NOW)
    assert (back.now_active.name, back.missing) == ("all-minilm", 0)
    assert await states(desk) == {"all-minilm": "active", OTHER: "building"}
    assert (await desk.find("the badge of room 5 fails", limit=1)).model == "all-minilm"
    with pytest.raises(NothingToGoBackTo):
        await change_back(desk.database, desk.embedder, now=NOW)


async def test_what_is_written_during_a_change_is_found_with_either_model(desk: Desk) -> None:
    await articles(desk, 3)
    await add_model(desk.database, desk.embedder, name=OTHER)
    fresh = await desk.publish("The scanner jams", f"Open the lid of the scanner and take the sheet out. {BODY}")
    await desk.index_all()
    assert (await report_of(desk, OTHER)).vectors == 1
    await backfill(desk)
    await change(desk)
    assert (await desk.find("paper stuck in the scanner", limit=1)).results[0].source_id == fresh.id

    # The model of before stays current, so that going back finds what came since.
    later = await desk.publish("The projector stays dark", f"Press the source button of the projector. {BODY}")
    await desk.index_all()
    assert (await report_of(desk, "all-minilm")).missing == 0
    await change_back(desk.database, desk.embedder, now=NOW)
    assert (await desk.find("no picture from the projector", limit=1)).results[0].source_id == later.id


async def test_an_article_that_becomes_internal_is_hidden_in_the_vectors_of_every_model(desk: Desk) -> None:
    [article] = await articles(desk, 1)
    await add_model(desk.database, desk.embedder, name=OTHER)
    await backfill(desk)
    scope = {"organization_id": desk.organization_id, "article_id": article, "now": NOW}
    async with desk.database.transaction(desk.organization_id) as session:
        changes = ArticleChanges(visibility=ArticleVisibility.AGENTS)
        await update_article(session, changes=changes, author_id=None, **scope)
        await publish_article(session, **scope)
    await desk.index_all()
    async with desk.database.transaction(desk.organization_id) as session:
        for model in await models_in_service(session):
            seen = await session.scalars(text(f"SELECT visibility FROM {model.table_name}"))
            assert set(seen) == {"internal"}


async def test_a_building_model_that_fails_does_not_hold_up_the_index(desk: Desk) -> None:
    await articles(desk, 1)
    await add_model(desk.database, desk.embedder, name=OTHER)
    failing = desk.with_embedder(FailsFor(desk, OTHER))
    article = await failing.publish("The scanner jams", BODY)
    [report] = await failing.index_all()
    assert (report.documents, report.handed_back, report.failed) == (1, 0, 0)
    assert await desk.status_of(article.id) == "done"
    assert (await report_of(desk, OTHER)).missing == 2
    assert (await backfill(desk)).missing == 0


async def test_a_backfill_that_is_interrupted_goes_on_where_it_was_and_makes_nothing_twice(desk: Desk) -> None:
    await articles(desk, 45)
    await add_model(desk.database, desk.embedder, name=OTHER)
    desk.embedder.texts.clear()
    interrupted = await backfill(desk.with_embedder(FailsFor(desk, OTHER, after=20)))
    assert (interrupted.vectors, interrupted.missing) == (20, 25)
    assert "away" in interrupted.waits
    assert interrupted.retry_s == 15

    done = await backfill(desk)
    assert (done.vectors, done.missing, done.waits) == (25, 0, "")
    made = [words for words in desk.embedder.texts if "room" in words]
    assert len(made) == len(set(made)) == 45
    assert (await backfill(desk)).vectors == 0


async def test_a_document_of_many_passages_is_filled_in_several_steps(desk: Desk) -> None:
    body = "\n\n".join(
        f"# Part {number}\n\n" + f"Room {number} has a printer of its own. {BODY} " * 8 for number in range(80)
    )
    await desk.publish("All rooms", body)
    await desk.publish("One more", BODY)
    await desk.index_all()
    model = await add_model(desk.database, desk.embedder, name=OTHER)
    passages = (await report_of(desk, OTHER)).missing
    assert passages > 64
    first = await backfill(desk.with_embedder(FailsFor(desk, OTHER, after=64)))
    assert (first.vectors, first.missing) == (64, passages - 64)
    assert (await backfill(desk)).missing == 0
    assert (await model_report(desk.database, model.id)).vectors == passages


async def test_a_backfill_out_of_time_says_that_it_goes_on(desk: Desk) -> None:
    await articles(desk, 2)
    await add_model(desk.database, desk.embedder, name=OTHER)
    done = await backfill(desk, most_s=0.0)
    assert (done.vectors, done.missing, done.waits) == (0, 2, "other jobs have their turn")


async def test_a_paused_backfill_rests_until_it_is_resumed(desk: Desk) -> None:
    await articles(desk, 2)
    model = await add_model(desk.database, desk.embedder, name=OTHER)
    await pause(desk.database, model.id, now=NOW)
    assert (await backfill(desk)).vectors == 0
    assert (await report_of(desk, OTHER)).eta_s is None
    await resume(desk.database, model.id)
    assert (await backfill(desk)).vectors == 2


async def test_two_backfills_at_once_write_each_vector_once(desk: Desk, other_organization_id: UUID) -> None:
    await articles(desk, 25)
    await articles(desk, 25, organization_id=other_organization_id)
    await add_model(desk.database, desk.embedder, name=OTHER)
    first, second = await asyncio.gather(backfill(desk), backfill(desk))
    assert first.vectors + second.vectors == 50
    assert (await report_of(desk, OTHER)).missing == 0


async def test_organisations_are_filled_in_turns(desk: Desk, other_organization_id: UUID) -> None:
    await articles(desk, 41)
    await articles(desk, 41, organization_id=other_organization_id)
    await add_model(desk.database, desk.embedder, name=OTHER)
    await backfill(desk.with_embedder(FailsFor(desk, OTHER, after=40)))
    async with desk.database.transaction(None, role="atum_owner") as session:
        rows = await session.execute(text("SELECT vectors FROM rag_backfills ORDER BY organization_id"))
        assert [row.vectors for row in rows] == [20, 20]


async def test_a_passage_whose_source_has_changed_since_gets_a_vector_of_its_own_words(desk: Desk) -> None:
    [article] = await articles(desk, 1)
    await add_model(desk.database, desk.embedder, name=OTHER)
    scope = {"organization_id": desk.organization_id, "article_id": article, "now": NOW}
    async with desk.database.transaction(desk.organization_id) as session:
        await update_article(session, changes=ArticleChanges(body="Something else."), author_id=None, **scope)
        await publish_article(session, **scope)
    desk.embedder.texts.clear()
    assert (await backfill(desk)).missing == 0
    told = f"What to do about the printer when it fails in room 0. {BODY}"
    assert desk.embedder.texts == [f"The printer of room 0\n\n{told}"]


async def test_a_passage_that_the_model_refuses_is_not_waited_for(desk: Desk) -> None:
    await articles(desk, 3)
    await add_model(desk.database, desk.embedder, name=OTHER)
    done = await backfill(desk.with_embedder(FailsFor(desk, OTHER, refuses="mailbox")))
    assert (done.vectors, done.missing) == (2, 0)
    report = await report_of(desk, OTHER)
    assert (report.refused, report.coverage) == (1, 1.0)
    await change(desk, reason="one passage goes by its words")
    assert (await desk.find("mailbox", limit=1)).results[0].title == "The mailbox of room 2"


async def test_a_model_that_does_worse_is_not_let_in_but_for_a_reason(desk: Desk) -> None:
    await articles(desk, 20)
    await add_model(desk.database, desk.embedder, name="all-minilm@2")
    await backfill(desk)
    with pytest.raises(DoesWorse, match="vectors alone falls from"):
        await change(desk)
    assert await states(desk) == {"all-minilm": "active", "all-minilm@2": "building"}
    await change(desk, reason="a rehearsal")
    report = await report_of(desk, "all-minilm@2")
    assert report.state == "active"
    assert report.gate is not None
    assert report.gate["reason"] == "a rehearsal"
    assert report.gate["verdict"]["objections"]


async def test_no_search_compares_vectors_of_two_models_while_the_model_changes(desk: Desk) -> None:
    known = await articles(desk, 10)
    model = await add_model(desk.database, desk.embedder, name=OTHER)
    await backfill(desk)
    names = {report.id: report.name for report in await model_reports(desk.database)}
    stop = asyncio.Event()
    seen: list[str] = []

    async def search_on_and_on() -> None:
        vectors = QueryVectors(desk.embedder.inner)
        while not stop.is_set():
            vector = await vectors.vector_of(desk.database, "the battery fails", organization_id=desk.organization_id)
            assert vector is not None
            # The model may change here, between the embedding and the search.
            await asyncio.sleep(0.005)
            async with desk.database.transaction(desk.organization_id) as session:
                query = SearchQuery(text="the battery fails", vector=vector, floor=0.0)
                answer = await search(session, organization_id=desk.organization_id, query=query)
            assert answer.model == names[model_of(vector) or 0]
            assert answer.results[0].source_id == known[3]
            assert answer.results[0].signals["sim"] is not None
            seen.append(answer.model or "")

    searches = [asyncio.create_task(search_on_and_on()) for _ in range(4)]
    gate = {"reason": "a test"}
    for _ in range(5):
        await asyncio.sleep(0.1)
        await flip(desk.database, model.id, gate=gate, may_lack=False, now=NOW)
        await asyncio.sleep(0.1)
        await change_back(desk.database, desk.embedder, now=NOW)
    stop.set()
    await asyncio.gather(*searches)
    assert set(seen) == {"all-minilm", OTHER}


async def test_vectors_of_the_same_size_are_not_confused_between_two_models(desk: Desk) -> None:
    """A query's vector that was made before a change is compared with the vectors it was made for."""
    await articles(desk, 3)
    model = await add_model(desk.database, desk.embedder, name="all-minilm@383")
    await backfill(desk)
    scope = {"organization_id": desk.organization_id, "now": NOW}
    [vector] = await vectors_for(desk.database, desk.embedder, texts=["the mailbox"], **scope)
    await flip(desk.database, model.id, gate={}, may_lack=False, now=NOW)
    async with desk.database.transaction(desk.organization_id) as session:
        query = SearchQuery(text="the mailbox", vector=vector, floor=0.0)
        answer = await search(session, organization_id=desk.organization_id, query=query)
    assert (answer.model, answer.results[0].signals["sim"] is not None) == ("all-minilm", True)
    [again] = await vectors_for(desk.database, desk.embedder, texts=["the mailbox"], **scope)
    assert (vector.shape, again.shape) == ((384,), (383,))


async def test_the_same_weights_under_any_name_and_a_second_change_are_refused(desk: Desk) -> None:
    await articles(desk, 1)
    for name in ("all-minilm", "all-minilm:latest"):
        with pytest.raises(SameModel):
            await add_model(desk.database, desk.embedder, name=name)
    first = await add_model(desk.database, desk.embedder, name=OTHER)
    assert (await add_model(desk.database, desk.embedder, name=OTHER)).id == first.id
    with pytest.raises(AnotherModelBuilding, match=r"all-minilm@128 .* is being built"):
        await add_model(desk.database, desk.embedder, name="all-minilm@64")
    with pytest.raises(NoModelName):
        await add_model(desk.database, desk.embedder, name="all-minilm; drop")
    with pytest.raises(NoModelName, match="384 numbers as they are"):
        await add_model(desk.database, desk.embedder, name="all-minilm@384")
    with pytest.raises(Unavailable, match="does not have nosuch"):
        await add_model(desk.database, desk.embedder, name="nosuch")


async def test_only_models_that_are_not_searched_are_dropped(desk: Desk) -> None:
    await articles(desk, 1)
    model = await add_model(desk.database, desk.embedder, name=OTHER)
    async with desk.database.transaction(None) as session:
        active, building = await active_model(session), await building_model(session)
    assert active is not None
    assert building is not None
    with pytest.raises(ModelIsActive):
        await drop(desk.database, active.id)
    await drop(desk.database, model.id)
    assert await states(desk) == {"all-minilm": "active"}
    with pytest.raises(NoSuchModel):
        await model_report(desk.database, model.id)
    async with desk.database.transaction(None) as session:
        assert await session.scalar(text("SELECT to_regclass(:name)"), {"name": building.table_name}) is None
    # It can be taken up anew, from nothing.
    assert (await add_model(desk.database, desk.embedder, name=OTHER)).id != model.id


async def test_a_model_of_before_is_kept_for_seven_days(desk: Desk) -> None:
    await articles(desk, 1)
    await add_model(desk.database, desk.embedder, name=OTHER)
    await backfill(desk)
    await change(desk)
    old = await report_of(desk, "all-minilm")
    assert old.dropped_after == NOW + timedelta(days=7)
    assert await expired(desk.database, now=NOW + timedelta(days=6)) == []
    assert await expired(desk.database, now=NOW + timedelta(days=8)) == [old.id]


async def test_a_change_back_refuses_a_model_that_the_runtime_no_longer_has(desk: Desk) -> None:
    await articles(desk, 1)
    await add_model(desk.database, desk.embedder, name=OTHER)
    await backfill(desk)
    await change(desk)
    gone = FailsFor(desk, "all-minilm", moved=True)
    with pytest.raises(EmbeddingModelChanged):
        await change_back(desk.database, gone, now=NOW)
    assert (await states(desk))[OTHER] == "active"
    await change_back(desk.database, gone, now=NOW, reason="the new one is broken")
    assert (await states(desk))["all-minilm"] == "active"


class FailsFor:
    """The real runtime, but for one of its models."""

    def __init__(
        self, desk: Desk, name: str, *, after: int = 0, refuses: str | None = None, moved: bool = False
    ) -> None:
        self._inner, self._name, self._left, self._refuses, self._moved = desk.embedder, name, after, refuses, moved
        self._fails = False

    def named(self, name: str) -> FailsFor:
        other = object.__new__(FailsFor)
        other.__dict__.update(self.__dict__)
        other._inner, other._fails = self._inner.named(name), name == self._name
        other._counted = self.__dict__.setdefault("_counted", [0])
        return other

    async def identify(self, *, fresh: bool = False):
        from helpdesk.ai.model import ModelIdentity

        if self._moved and (self._fails or self._name == "all-minilm"):
            return ModelIdentity(self._name, "f" * 64)
        return await self._inner.identify(fresh=fresh)

    async def embed(self, texts: Sequence[str]):
        from helpdesk.ai.model import InputRefused, ModelBusy

        if not self._fails:
            return await self._inner.embed(texts)
        if self._refuses is not None:
            if any(self._refuses in words for words in texts):
                raise InputRefused("not representable")
            return await self._inner.embed(texts)
        if self._counted[0] + len(texts) > self._left:
            raise ModelBusy("the runtime is away", retry_after=15)
        self._counted[0] += len(texts)
        return await self._inner.embed(texts)
