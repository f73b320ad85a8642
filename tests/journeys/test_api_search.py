"""Search over HTTP: words and tickets, audiences, filters, explanations, gaps, and the state of the index."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import numpy as np
import pytest
from sqlalchemy import text

from helpdesk.ai.model import Embedder
from helpdesk.ai.providers.connecting import connect_models
from helpdesk.database.engine import Database
from helpdesk.models.values import SourceType, UserRole
from helpdesk.rag.embedding.models import ensure_active_model
from helpdesk.rag.embedding.vectors import ticket_input, vectors_for
from helpdesk.settings import Settings
from tests.database.rag.corpus import Added, Corpus
from tests.journeys.conftest import Account, MakeAccount
from tests.models_fixture import embedding_server

__all__ = ["embedding_server"]

Connect = Callable[[str | None], httpx.AsyncClient]
ROUTER = "The router restarts when the tunnel to the warehouse comes up: install firmware 4.2.1 on it."
SCANNER = "The scanner of the warehouse reads no labels: clean its glass with a dry cloth."
NOTE = "Only for us: the warehouse's router password is kept in the safe."
SIGNED_IN = "Customers with a contract may have the warehouse router exchanged."
SEARCH = "/api/v1/rag/search"


@pytest.fixture(scope="module")
def ollama_host(embedding_server: str) -> str:
    return embedding_server


@pytest.fixture
async def embedder(settings: Settings, embedding_server: str) -> AsyncIterator[Embedder]:
    models = connect_models(settings.model_copy(update={"ollama_host": embedding_server}))
    yield models.embedder
    await models.close()


class Shelf:
    """The index of the account's organisation."""

    def __init__(self, corpus: Corpus, embedder: Embedder, organization_id: UUID) -> None:
        self._corpus, self._embedder, self._organization_id = corpus, embedder, organization_id

    async def put(self, content: str, **wanted: Any) -> Added:
        vectors = await self._embedder.embed([content])
        return await self._corpus.add(self._organization_id, [content], vectors=vectors, **wanted)


@pytest.fixture
async def shelf(database: Database, embedder: Embedder, account: Account) -> Shelf:
    model = await ensure_active_model(database, embedder)
    corpus = Corpus(database, model.id, np.random.default_rng(1))
    return Shelf(corpus, embedder, account.organization_id)


async def found(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await client.post(SEARCH, json=body)
    assert answer.status_code == 200, answer.text
    view: dict[str, Any] = answer.json()
    return view


async def test_the_best_passage_comes_first_with_what_matched_and_why(client: httpx.AsyncClient, shelf: Shelf) -> None:
    router, _ = await shelf.put(ROUTER), await shelf.put(SCANNER)

    answer = await found(client, query="router restarts, tunnel 4.2.1", explain=True)

    best = answer["results"][0]
    assert (best["source_id"], answer["abstained"], answer["degraded"]) == (str(router.sources[0]), False, False)
    marked = [best["snippet"][start:end] for start, end in best["highlights"]]
    assert marked == ["router", "restarts", "tunnel", "4.2.1"]
    assert (best["signals"]["rank_v"], best["signals"]["rank_l"], best["signals"]["rank_g"]) == (1, 1, None)
    assert "place 1 of that list" in best["why"]
    assert 0.5 < best["signals"]["coverage"] <= 1
    assert {"embed", "sql", "fuse"} <= set(answer["took_ms"])
    assert (await found(client, query="router restarts"))["results"][0]["why"] is None


async def test_highlights_stand_where_the_words_stand_in_other_languages(
    client: httpx.AsyncClient, shelf: Shelf
) -> None:
    await shelf.put("Die Drucker in Köln drucken keine Übergabescheine mehr.", language="de")

    answer = await found(client, query="Drucker Übergabeschein")

    [best] = answer["results"]
    marked = [best["snippet"][start:end] for start, end in best["highlights"]]
    assert {"Drucker", "Übergabescheine"} <= set(marked)


async def test_each_audience_finds_what_it_may_read(client: httpx.AsyncClient, shelf: Shelf) -> None:
    public = await shelf.put(ROUTER)
    customers = await shelf.put(SIGNED_IN, visibility="customers")
    agents = await shelf.put(NOTE, visibility="internal")
    seen = {"public": public.sources, "customers": [*public.sources, *customers.sources]}
    seen["agents"] = [*seen["customers"], *agents.sources]

    for audience, sources in seen.items():
        answer = await found(client, query="router of the warehouse", audience=audience, everything=True)
        assert {result["source_id"] for result in answer["results"]} == set(map(str, sources))


async def test_nothing_suitable_is_an_answer_that_names_near_misses_and_is_remembered(
    client: httpx.AsyncClient, shelf: Shelf, database: Database, account: Account
) -> None:
    scanner = await shelf.put(SCANNER)

    answer = await found(client, query="How do I book a holiday in Lisbon?", explain=True)

    assert (answer["results"], answer["abstained"]) == ([], True)
    assert "below" in answer["reason"]
    [miss] = answer["missed"]
    assert miss["source_id"] == str(scanner.sources[0])
    assert 0 < miss["relevance"] < 0.3
    # A narrower search may miss what is there.
    await found(client, query="How do I book a hotel in Rome?", filters={"tags": ["travel"]})
    async with database.transaction(account.organization_id) as session:
        noted = (await session.execute(text("SELECT text, origin, best_relevance FROM kb_unanswered"))).all()
    assert [(row.text, row.origin) for row in noted] == [("How do I book a holiday in Lisbon?", "search")]
    assert noted[0].best_relevance == pytest.approx(miss["relevance"])


async def test_filters_leave_out_what_lacks_them(client: httpx.AsyncClient, shelf: Shelf) -> None:
    category = str(uuid4())
    await shelf.put(ROUTER, meta={"tags": ["network"], "products": ["Tunnel 5"], "category_id": category})
    await shelf.put(SIGNED_IN, meta={"tags": ["contract"]}, language="de")

    for filters, count in (
        ({}, 2),
        ({"tags": ["network", "other"]}, 1),
        ({"products": ["Tunnel 5"]}, 1),
        ({"category_id": category}, 1),
        ({"category_id": str(uuid4())}, 0),
        ({"language": "de"}, 1),
        ({"language": "de", "tags": ["network"]}, 0),
        ({"settled": True}, 2),
    ):
        answer = await found(client, query="warehouse router", filters=filters, everything=True)
        assert len(answer["results"]) == count, filters
        assert ("that the filters let through" in answer["reason"]) is (count == 0), filters


async def test_results_come_in_pages(client: httpx.AsyncClient, shelf: Shelf) -> None:
    for number in range(3):
        await shelf.put(f"{ROUTER} Rack {number}.")
    body: dict[str, Any] = {"query": "router restarts", "everything": True, "limit": 2}

    first, second = await found(client, **body), await found(client, **body, offset=2)

    assert (len(first["results"]), first["more"], len(second["results"]), second["more"]) == (2, True, 1, False)
    assert len({result["source_id"] for result in first["results"] + second["results"]}) == 3


async def test_a_ticket_is_searched_for_by_its_stored_vector_without_a_call_of_the_model(
    client: httpx.AsyncClient, shelf: Shelf, database: Database, embedder: Embedder, account: Account
) -> None:
    router = await shelf.put(ROUTER)
    subject, body = "Router reboots", "Each time the tunnel to the warehouse is built, our router restarts."
    made = await client.post(
        "/api/v1/tickets",
        json={"subject": subject, "body": body, "requester": {"email": "kim@example.test", "name": "Kim"}},
    )
    ticket = made.json()["id"]
    unread = await found(client, ticket_id=ticket, everything=True)
    await vectors_for(
        database,
        embedder,
        organization_id=account.organization_id,
        texts=[ticket_input(subject, body)],
        now=datetime.now(UTC),
    )
    runs = text("SELECT count(*) FROM ai_runs")
    async with database.transaction(account.organization_id) as session:
        before = await session.scalar(runs)

    known = await found(client, ticket_id=ticket)

    assert (unread["degraded"], known["degraded"]) == (True, False)
    assert known["results"][0]["source_id"] == str(router.sources[0])
    assert known["results"][0]["signals"]["sim"] > 0.5
    async with database.transaction(account.organization_id) as session:
        assert await session.scalar(runs) == before


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "give either query"),
        ({"query": "router", "ticket_id": str(uuid4())}, "give either query"),
        ({"query": "router", "types": ["kb", "ticket"], "audience": "customers"}, "tickets and assets are for agents"),
        ({"query": "router", "audience": "everybody"}, "public"),
        ({"query": "router", "limit": 0}, "limit"),
        ({"query": "router", "filters": {"colour": "red"}}, "colour"),
        ({"query": "router", "filters": {"language": "German"}}, "language"),
    ],
)
async def test_what_makes_no_search_is_refused_with_the_reason(
    client: httpx.AsyncClient, body: dict[str, Any], says: str
) -> None:
    answer = await client.post(SEARCH, json=body)
    assert answer.status_code == 422
    assert says in answer.text
    assert "Value error" not in answer.text


async def test_another_organisation_finds_nothing_and_knows_no_ticket_of_ours(
    client: httpx.AsyncClient, shelf: Shelf, connect: Connect, make_account: MakeAccount
) -> None:
    await shelf.put(ROUTER)
    made = await client.post(
        "/api/v1/tickets",
        json={"subject": "Router", "body": "It restarts.", "requester": {"email": "kim@example.test", "name": "Kim"}},
    )
    stranger = connect((await make_account()).token)

    assert (await found(stranger, query="router restarts", everything=True))["results"] == []
    refused = await stranger.post(SEARCH, json={"ticket_id": made.json()["id"]})
    assert refused.status_code == 404
    assert (await connect(None).post(SEARCH, json={"query": "router"})).status_code == 401


async def test_the_state_of_the_index_names_models_and_graph_indexes(
    client: httpx.AsyncClient,
    shelf: Shelf,
    database: Database,
    account: Account,
    connect: Connect,
    make_account: MakeAccount,
) -> None:
    await shelf.put(ROUTER)
    async with database.transaction(account.organization_id) as session:
        await session.execute(
            text("""
                INSERT INTO rag_vector_indexes (model_id, organization_id, source_type, index_name, state,
                       rows_at_build, recall, probed_at)
                SELECT id, :owner, 'ticket', 'hnsw_x', 'ready', 30000, 0.9, now() FROM rag_embedding_models
            """),
            {"owner": account.organization_id},
        )
    viewer = connect((await make_account(UserRole.VIEWER, organization=account)).token)

    status = (await viewer.get("/api/v1/rag/status")).json()

    assert [(model["name"].split(":")[0], model["dims"], model["state"]) for model in status["models"]] == [
        ("all-minilm", 384, "active")
    ]
    [index] = status["vector_indexes"]
    assert (index["source_type"], index["state"], index["vectors"]) == ("ticket", "ready", 30000)
    assert (index["recall"], index["recall_low"]) == (0.9, True)
    [articles] = [one for one in status["coverage"] if one["source_type"] == SourceType.KB]
    assert (articles["chunks"], articles["vectors"]) == (1, 1)
    stranger = connect((await make_account()).token)
    assert (await stranger.get("/api/v1/rag/status")).json()["vector_indexes"] == []
