"""What a search can be told: whom it is for, filters, a model, whether the graph counts; exactly and by graph index."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import numpy as np
import pytest
from sqlalchemy import text

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.models.values import SourceType
from helpdesk.rag.retrieval.nearest import nearest
from helpdesk.rag.retrieval.query import Audience, SearchFilters, SearchQuery, SearchResult, visible_to
from helpdesk.rag.retrieval.search import search
from helpdesk.settings import Settings
from tests.database.rag.corpus import DIMS, Added, Corpus, open_corpus
from tests.database.rag.test_vector_indexes import maintained

AGENTS = visible_to(Audience.AGENTS)
EVERY_TYPE = tuple(SourceType)
Find = Callable[..., Awaitable[list[SearchResult]]]


@pytest.fixture
async def corpus(database: Database) -> Corpus:
    return await open_corpus(database)


@pytest.fixture
def find(corpus: Corpus, organization_id: UUID) -> Find:
    async def find(words: str, **wanted: object) -> list[SearchResult]:
        query = SearchQuery(words, **({"floor": 0.0, "limit": 50} | wanted))  # type: ignore[arg-type]
        async with corpus.database.transaction(organization_id) as session:
            return (await search(session, organization_id=organization_id, query=query)).results

    return find


def axis(number: int) -> np.ndarray:
    vector = np.zeros(DIMS, np.float32)
    vector[number] = 1
    return vector


@pytest.mark.parametrize("graph_index", [False, True])
@pytest.mark.parametrize("others", [3, 2100])
async def test_filters_let_through_what_has_one_of_the_tags_the_product_the_category_and_the_language(
    corpus: Corpus, find: Find, settings: Settings, organization_id: UUID, others: int, graph_index: bool
) -> None:
    category = uuid4()
    facts = {"tags": ["vpn", "network"], "products": ["Tunnel 5"], "category_id": str(category)}
    wanted = await corpus.add(organization_id, ["router restarts"], meta=facts, vectors=axis(0)[None])
    # With many documents that pass, the filter is no list of passages any more.
    await corpus.add(organization_id, ["router reboots"] * others, meta={"tags": ["vpn"]}, vectors=None)
    german = await corpus.add(organization_id, ["Router startet neu"], meta={"tags": ["wlan"]}, language="de")
    if graph_index:
        await maintained(settings)
    by_words, by_meaning = {"limit": 3000}, {"vector": axis(0), "limit": 3000}
    for way in (by_words, by_meaning):

        async def sources(way: dict[str, object] = way, **filters: object) -> set[UUID]:
            results = await find("router", filters=SearchFilters(**filters), **way)  # type: ignore[arg-type]
            return {result.source_id for result in results}

        assert await sources(tags=("network", "nothing")) == {*wanted.sources}
        assert {*german.sources} & await sources(tags=("vpn",)) == set()
        assert await sources(products=("Tunnel 5",)) == {*wanted.sources}
        assert await sources(category_id=category) == {*wanted.sources}
        assert await sources(language="de") == {*german.sources}
        assert await sources(tags=("network",), language="de") == set()
        assert await sources(tags=("'; DROP TABLE rag_chunks; --",)) == set()


async def test_only_tickets_are_asked_whether_they_are_settled(
    corpus: Corpus, find: Find, organization_id: UUID
) -> None:
    async def ticket(settled: bool) -> Added:
        return await corpus.add(
            organization_id, ["router restarts"], source_type=SourceType.TICKET, meta={"settled": settled}
        )

    solved, waiting, article = await ticket(True), await ticket(False), await corpus.add(organization_id, ["router"])
    for settled, tickets in ((True, solved), (False, waiting)):
        results = await find("router", types=EVERY_TYPE, visibility=AGENTS, filters=SearchFilters(settled=settled))
        assert {result.source_id for result in results} == {*tickets.sources, *article.sources}


@pytest.mark.parametrize(("audience", "seen"), [(Audience.PUBLIC, 1), (Audience.CUSTOMERS, 2), (Audience.AGENTS, 5)])
async def test_each_audience_finds_what_it_may_read_and_tickets_are_for_agents(
    corpus: Corpus, find: Find, organization_id: UUID, audience: Audience, seen: int
) -> None:
    order = []
    for visibility in ("public", "customers", "internal"):
        order += (await corpus.add(organization_id, ["router restarts"], visibility=visibility)).sources
    for kind in (SourceType.TICKET, SourceType.ASSET):
        order += (await corpus.add(organization_id, ["router restarts"], source_type=kind)).sources
    for vector in (None, axis(0)):
        results = await find("router", vector=vector, types=EVERY_TYPE, visibility=visible_to(audience))
        assert {result.source_id for result in results} == set(order[:seen])


async def test_a_search_with_another_model_compares_its_vectors(
    corpus: Corpus, find: Find, organization_id: UUID
) -> None:
    other = await open_corpus(corpus.database, name="next", building=True)
    first = await corpus.add(organization_id, ["one", "two"], vectors=np.stack([axis(0), axis(1)]))
    async with corpus.database.transaction(organization_id) as session:
        await session.execute(
            text(f"""
                INSERT INTO {other.vectors}
                SELECT a.chunk_id, a.organization_id, a.source_type, a.visibility, b.embedding
                  FROM {corpus.vectors} a JOIN {corpus.vectors} b ON a.chunk_id <> b.chunk_id
            """)
        )
    for model, nearest_first in ((None, first.sources), (other.model_id, first.sources[::-1])):
        results = await find("nothing", vector=axis(0), model_id=model)
        assert max(results, key=lambda result: result.signals["sim"]).source_id == nearest_first[0]
    assert await find("nothing", vector=axis(0), model_id=other.model_id + 1) == []


async def linked(
    corpus: Corpus, organization_id: UUID, edges: list[tuple[tuple[str, UUID], str, tuple[str, UUID]]]
) -> None:
    nodes = {end: new_id() for source, _, target in edges for end in (source, target)}
    async with corpus.database.transaction(organization_id) as session:
        for (kind, source), node in nodes.items():
            await session.execute(
                text("""
                    INSERT INTO rag_nodes (id, organization_id, kind, source_id, label)
                    VALUES (:id, :organization_id, :kind, :source, 'x')
                """),
                {"id": node, "organization_id": organization_id, "kind": kind, "source": source},
            )
        for source, kind, target in edges:
            await session.execute(
                text("""
                    INSERT INTO rag_edges (source, destination, kind, organization_id, origin)
                    VALUES (:source, :target, :kind, :organization_id, 'rule')
                """),
                {"source": nodes[source], "target": nodes[target], "kind": kind, "organization_id": organization_id},
            )


@pytest.mark.parametrize("vector", [None, axis(0)])
async def test_alike_tickets_point_to_articles_assets_and_tickets(
    corpus: Corpus, find: Find, organization_id: UUID, vector: np.ndarray | None
) -> None:
    alike = await corpus.add(
        organization_id, ["tunnel restarts nightly"], source_type=SourceType.TICKET, vectors=axis(0)[None]
    )
    far = {"vectors": axis(1)[None]}
    article = await corpus.add(organization_id, ["firmware"], **far)
    asset = await corpus.add(organization_id, ["box"], source_type=SourceType.ASSET, visibility="internal", **far)
    ticket = await corpus.add(organization_id, ["other"], source_type=SourceType.TICKET, visibility="internal", **far)
    seed = ("ticket", alike.sources[0])
    targets = {"kb": article.sources[0], "asset": asset.sources[0], "ticket": ticket.sources[0]}
    # Likeness counts where each is on the list of the other.
    await linked(
        corpus,
        organization_id,
        [
            (seed, "solved_by", ("kb", targets["kb"])),
            (seed, "about", ("asset", targets["asset"])),
            (("ticket", targets["ticket"]), "similar", seed),
            (seed, "similar", ("ticket", targets["ticket"])),
        ],
    )

    words = "tunnel restarts nightly"
    found = await find(words, vector=vector, types=EVERY_TYPE, visibility=AGENTS)
    by_source = {result.source_id: result.signals for result in found}
    for source in targets.values():
        assert by_source[source]["graph"] > 0.55
        assert by_source[source]["rank_g"] is not None
    unaware = await find(words, vector=vector, types=EVERY_TYPE, visibility=AGENTS, graph=False)
    assert all(result.signals["graph"] == 0 for result in unaware)
    public = await find(words, vector=vector, types=EVERY_TYPE)
    assert {result.source_id for result in public} == {targets["kb"]}
    left_out = await find(words, vector=vector, types=EVERY_TYPE, visibility=AGENTS, exclude_source=alike.sources[0])
    assert all(result.signals["graph"] == 0 for result in left_out)


async def test_words_that_nearly_everything_holds_are_read_where_they_meet(
    corpus: Corpus, find: Find, organization_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    await corpus.add(organization_id, ["password please"] * 150)
    await corpus.add(organization_id, ["printer please"] * 150)
    both = await corpus.add(organization_id, ["password printer"])
    everything = await find("password printer")
    monkeypatch.setattr("helpdesk.rag.retrieval.candidates.MOST_READ", 100)

    limited = await find("password printer")

    assert everything[0].source_id == limited[0].source_id == both.sources[0]
    assert len(limited) == 1
    # One such word alone leads to some of what holds it.
    assert 0 < len(await find("please", limit=200)) <= 50


async def test_the_nearest_passages_keep_to_kind_visibility_and_size_of_the_vector(
    corpus: Corpus, organization_id: UUID
) -> None:
    one = await corpus.add(organization_id, ["a"], vectors=axis(0)[None])
    hidden = await corpus.add(organization_id, ["b"], vectors=axis(0)[None], visibility="internal")
    ticket = await corpus.add(organization_id, ["c"], vectors=axis(0)[None], source_type=SourceType.TICKET)

    async def near(**wanted: object) -> list[UUID]:
        chosen = {"vector": axis(0), "source_types": EVERY_TYPE, "k": 5, "visibility": ("public",)} | wanted
        async with corpus.database.transaction(organization_id) as session:
            found = await nearest(session, organization_id=organization_id, **chosen)  # type: ignore[arg-type]
        assert all(close.similarity == pytest.approx(1, abs=1e-3) for close in found)
        return [close.source_id for close in found]

    assert set(await near()) == {*one.sources, *ticket.sources}
    assert set(await near(visibility=AGENTS)) == {*one.sources, *hidden.sources, *ticket.sources}
    assert await near(source_types=(SourceType.TICKET,)) == ticket.sources
    assert await near(exclude_source=one.sources[0]) == ticket.sources
    assert len(await near(k=1)) == 1
    assert await near(source_types=()) == []
    assert await near(vector=np.ones(3, np.float32)) == []
