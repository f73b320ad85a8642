"""Questions over HTTP: streamed or at once, with a model, without one, and without vectors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from helpdesk.ai.providers.connecting import connect_models
from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.kb.articles.commands import NewArticle, create_article, publish_article
from helpdesk.models.values import ArticleVisibility, UserRole
from helpdesk.queue.link import Link
from helpdesk.rag.indexing.claim import claim
from helpdesk.rag.indexing.index import Indexer, index_batch
from helpdesk.settings import Settings
from tests.database.ai.desk import BATTERY, MAILBOX, RUNBOOK, VPN
from tests.database.asking.asker import answers
from tests.database.desk import NOW
from tests.journeys.conftest import Account, MakeAccount
from tests.journeys.streams import Stream
from tests.scripted_ollama import TEXT_MODEL, ScriptedOllama, error, serve_scripted_ollama, slow

Connect = Callable[[str | None], httpx.AsyncClient]
ASK = "/api/v1/rag/ask"
HOTEL = {"question": "What does HL-809 mean, and what can a customer change in a hotel?", "audience": "customers"}
CANTEEN = {"question": "Which days is there fish in the canteen this month?"}
CODE = {"question": "What is the code to reset the VPN gateway when HL-809 hits everybody?"}
STEP = "Open Preferences > Transport and choose Web only."
JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
def runtime() -> Iterator[ScriptedOllama]:
    with serve_scripted_ollama() as scripted:
        yield scripted


@pytest.fixture(scope="module")
def ollama_host(runtime: ScriptedOllama) -> str:
    return runtime.url


@pytest.fixture(scope="module")
def process_environment(
    database_url: str, ollama_host: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    return {
        "ATUM_DATABASE_URL": database_url,
        "ATUM_OLLAMA_HOST": ollama_host,
        "ATUM_TEXT_MODEL": TEXT_MODEL,
        "ATUM_DATA_DIR": str(tmp_path_factory.mktemp("data")),
        "ATUM_ASK_TIMEOUT_S": "1.5",
        "ATUM_ASK_CONCURRENCY": "2",
        "ATUM_ASK_PER_MINUTE": "12",
    }


@pytest.fixture
def settings(database_url: str, ollama_host: str) -> Settings:
    return Settings(database_url=database_url, ollama_host=ollama_host)


@pytest.fixture(autouse=True)
def usual(runtime: ScriptedOllama) -> None:
    """Begin each test with a runtime that has everything and a model that quotes."""
    runtime.requests.clear()
    runtime._always.clear()
    runtime._replies.clear()
    runtime.always("/api/chat", answers((STEP, STEP)))


async def fill(database: Database, settings: Settings, organization_id: UUID, *titles: str) -> None:
    """Publish and index the articles."""
    articles = {
        "VPN error HL-809: connection timed out": (VPN, ArticleVisibility.PUBLIC),
        "Swollen laptop battery: stop and act": (BATTERY, ArticleVisibility.CUSTOMERS),
        "Mailbox full: make room": (MAILBOX, ArticleVisibility.PUBLIC),
        "Runbook: VPN outage HL-809": (RUNBOOK, ArticleVisibility.AGENTS),
    }
    for title, (body, visibility) in articles.items():
        if titles and title not in titles:
            continue
        new = NewArticle(title=title, body=body, visibility=visibility)
        async with database.transaction(organization_id) as session:
            made = await create_article(session, organization_id=organization_id, new=new, author_id=None, now=NOW)
            await publish_article(session, organization_id=organization_id, article_id=made.id, now=NOW)
    models, link = connect_models(settings), Link(settings, application="test")
    indexer = Indexer(database, models.embedder, link, asyncio.Lock())
    while tasks := await claim(indexer.connection, worker=new_id(), limit=10):
        await index_batch(indexer, tasks, now=NOW)
    await link.close()
    await models.close()


@pytest.fixture
async def account(make_account: MakeAccount, database: Database, settings: Settings) -> Account:
    """Return an agent of an organisation with articles."""
    agent = await make_account(UserRole.AGENT)
    await fill(database, settings, agent.organization_id)
    return agent


@asynccontextmanager
async def asking(client: httpx.AsyncClient, **body: Any) -> AsyncIterator[Stream]:
    async with client.stream("POST", ASK, json=body) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        stream = Stream(answer.aiter_lines())
        reading = asyncio.create_task(stream.read())
        try:
            yield stream
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def told(client: httpx.AsyncClient, **body: Any) -> list[dict[str, Any]]:
    """Read a stream to its end."""
    events = []
    async with asking(client, **body) as stream:
        while not events or events[-1]["event"] not in {"done", "error"}:
            events.append(await stream.next(within_s=20))
    return events


def sentences_in(events: list[dict[str, Any]]) -> list[str]:
    return [event["data"]["text"] for event in events if event["event"] == "sentence"]


async def test_an_answer_is_streamed_kept_and_can_be_judged(client: httpx.AsyncClient, account: Account) -> None:
    events = await told(client, **HOTEL)

    names = [event["event"] for event in events]
    assert names == ["sources", *["sentence"] * (len(events) - 2), "done"]
    sources = {source["id"]: source for source in events[0]["data"]["sources"]}
    assert sources["S1"]["url"] == "/api/v1/kb/articles/vpn-error-hl-809-connection-timed-out"
    assert STEP in sentences_in(events)
    assert all(set(event["data"]["cites"]) <= set(sources) for event in events[1:-1])
    done = events[-1]["data"]
    assert done["model"] == TEXT_MODEL

    kept = (await client.get(f"/api/v1/rag/questions/{done['id']}")).json()
    assert [sentence["text"] for sentence in kept["sentences"]] == sentences_in(events)
    assert (kept["question"], kept["user_id"]) == (HOTEL["question"], str(account.user_id))
    listed = (await client.get("/api/v1/rag/questions")).json()
    assert [each["id"] for each in listed["items"]] == [done["id"]]
    judged = await client.post(
        f"/api/v1/rag/questions/{done['id']}/feedback", json={"helpful": False, "comment": "wrong hotel"}
    )
    assert (judged.status_code, judged.json()["helpful"], judged.json()["comment"]) == (200, False, "wrong hotel")


async def test_the_whole_answer_comes_at_once_where_json_is_accepted(client: httpx.AsyncClient) -> None:
    answer = await client.post(ASK, json=HOTEL, headers=JSON)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert STEP in [sentence["text"] for sentence in body["sentences"]]
    assert body == (await client.get(f"/api/v1/rag/questions/{body['id']}")).json()


async def test_where_nothing_answers_the_stream_says_what_was_searched_and_what_came_nearest(
    client: httpx.AsyncClient, runtime: ScriptedOllama
) -> None:
    # Vectors that say nothing leave it to the words.
    events = await told(client, **CANTEEN)
    assert [event["event"] for event in events] == ["abstained", "done"]
    abstained = events[0]["data"]
    assert abstained["searched"]["words"] == CANTEEN["question"]
    assert abstained["searched"]["types"] == ["kb"]
    assert abstained["reason"]
    assert all(near["relevance"] < 0.3 for near in abstained["nearest"])
    assert runtime.requests["/api/chat"] == []
    judged = await client.post(f"/api/v1/rag/questions/{events[1]['data']['id']}/feedback", json={"helpful": True})
    assert judged.status_code == 409


async def test_a_runtime_that_is_away_leaves_words_and_quotes(
    client: httpx.AsyncClient, runtime: ScriptedOllama
) -> None:
    runtime.always("/api/embed", error(503, "server busy"))
    runtime.always("/api/chat", error(503, "server busy"))
    events = await told(client, **HOTEL)
    done = events[-1]["data"]
    assert (done["degraded"], done["method"]) == (True, "extractive")
    assert events[0]["data"]["degraded"]
    assert "HL-809 means that the gateway never answered the VPN client." in sentences_in(events)


async def test_a_model_that_takes_too_long_is_not_waited_for(
    client: httpx.AsyncClient, runtime: ScriptedOllama
) -> None:
    runtime.always("/api/chat", slow(10))
    events = await told(client, **HOTEL)
    assert events[-1]["data"]["method"] == "extractive"
    assert "1.5 s" in events[-1]["data"]["note"]
    assert STEP in sentences_in(events)


async def _until_asked(runtime: ScriptedOllama, times: int = 1) -> None:
    async with asyncio.timeout(10):
        while len(runtime.requests["/api/chat"]) < times:  # noqa: ASYNC110 -- the server counts in its own thread
            await asyncio.sleep(0.02)


async def _recorded(database: Database, account: Account, error_class: str) -> int:
    from sqlalchemy import text

    count = text("SELECT count(*) FROM ai_runs WHERE kind = 'ask' AND error_class = :name")
    async with database.transaction(account.organization_id) as session:
        return int((await session.execute(count, {"name": error_class})).scalar_one())


@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
async def test_who_leaves_ends_the_models_work_and_frees_the_slot(
    connect: Connect, account: Account, runtime: ScriptedOllama, database: Database, accept: str
) -> None:
    runtime.always("/api/chat", slow(10))
    client = connect(account.token)
    request = client.build_request("POST", ASK, json=HOTEL, headers={"Accept": accept})
    leaving = asyncio.create_task(client.send(request))
    await _until_asked(runtime)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    await client.aclose()

    async with asyncio.timeout(10):
        while not await _recorded(database, account, "AskerLeft"):  # noqa: ASYNC110 -- the API is another process
            await asyncio.sleep(0.05)
    runtime.always("/api/chat", answers((STEP, STEP)))
    assert STEP in sentences_in(await told(connect(account.token), **HOTEL))


async def test_beyond_its_slots_the_server_says_when_to_come_back(
    client: httpx.AsyncClient, runtime: ScriptedOllama
) -> None:
    runtime.always("/api/chat", slow(10))
    async with asking(client, **HOTEL) as stream:
        assert (await stream.next())["event"] == "sources"
        # Half of the two slots are for one organisation.
        refused = await client.post(ASK, json=HOTEL)
        assert refused.status_code == 503
        assert refused.json()["type"] == "/problems/too-many-questions"
        assert int(refused.headers["Retry-After"]) >= 1


async def test_an_organisation_may_ask_so_often_a_minute(client: httpx.AsyncClient, connect: Connect) -> None:
    answers = [await client.post(ASK, json=CANTEEN, headers=JSON) for _ in range(13)]
    assert {answer.status_code for answer in answers[:12]} == {200}
    assert answers[12].status_code == 429
    assert answers[12].json()["type"] == "/problems/asked-too-often"
    assert 1 <= int(answers[12].headers["Retry-After"]) <= 60


async def test_nothing_of_another_organisation_is_ever_cited(
    client: httpx.AsyncClient, make_account: MakeAccount, connect: Connect, database: Database, settings: Settings
) -> None:
    stranger = await make_account(UserRole.AGENT)
    await fill(database, settings, stranger.organization_id, "Mailbox full: make room")
    events = await told(connect(stranger.token), **CODE)
    assert [event["event"] for event in events] == ["abstained", "done"]
    assert "VPN" not in json.dumps(events[0]["data"]["nearest"])
    mine = await told(client, **CODE)
    kept = await connect(stranger.token).get(f"/api/v1/rag/questions/{mine[-1]['data']['id']}")
    assert kept.status_code == 404


async def test_internal_words_are_for_agents_and_asking_is_too(
    connect: Connect, client: httpx.AsyncClient, account: Account, make_account: MakeAccount, runtime: ScriptedOllama
) -> None:
    runtime.always("/api/chat", error(503, "server busy"))
    assert "7731" in " ".join(sentences_in(await told(client, **CODE)))
    for audience in ("customers", "public"):
        assert "7731" not in json.dumps(await told(client, **CODE, audience=audience))
    viewer = await make_account(UserRole.VIEWER, organization=account)
    refused = await connect(viewer.token).post(ASK, json=CODE)
    assert refused.status_code == 403
    assert (await connect(None).post(ASK, json=CODE)).status_code == 401


async def test_agents_read_their_own_questions_and_administrators_everybodys(
    connect: Connect, client: httpx.AsyncClient, account: Account, make_account: MakeAccount
) -> None:
    asked = (await client.post(ASK, json=CANTEEN, headers=JSON)).json()
    other = connect((await make_account(UserRole.AGENT, organization=account)).token)
    administrator = connect((await make_account(UserRole.ADMIN, organization=account)).token)
    assert (await other.get("/api/v1/rag/questions")).json()["items"] == []
    assert (await other.get(f"/api/v1/rag/questions/{asked['id']}")).status_code == 404
    feedback = f"/api/v1/rag/questions/{asked['id']}/feedback"
    assert (await other.post(feedback, json={"helpful": True})).status_code == 404
    listed = await administrator.get("/api/v1/rag/questions", params={"abstained": True})
    assert [each["id"] for each in listed.json()["items"]] == [asked["id"]]
    assert (await administrator.get("/api/v1/rag/questions", params={"mine": True})).json()["items"] == []


async def test_the_list_of_questions_comes_in_pages(client: httpx.AsyncClient) -> None:
    ids = [(await client.post(ASK, json=CANTEEN, headers=JSON)).json()["id"] for _ in range(3)]
    first = (await client.get("/api/v1/rag/questions", params={"limit": 2})).json()
    rest = (await client.get("/api/v1/rag/questions", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [each["id"] for each in (*first["items"], *rest["items"])] == ids[::-1]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"question": ""}, 422),
        ({"question": "x" * 2001}, 422),
        ({"question": "VPN?", "history": ["a"] * 6}, 422),
        ({"question": "VPN?", "types": ["asset"]}, 422),
        ({"question": "VPN?", "types": ["kb", "ticket"], "audience": "customers"}, 422),
        ({"question": "VPN?", "filters": {"category_id": "no-such-category"}}, 422),
        ({"question": "VPN?", "filters": {"language": "x"}}, 422),
        ({"question": "VPN?", "ticket_id": str(uuid4())}, 404),
        ({"question": "VPN?", "unknown": 1}, 422),
    ],
)
async def test_what_cannot_be_asked_is_refused_before_a_stream_begins(
    client: httpx.AsyncClient, body: dict[str, Any], status: int
) -> None:
    refused = await client.post(ASK, json=body)
    assert refused.status_code == status
    assert refused.headers["content-type"] == "application/problem+json"
