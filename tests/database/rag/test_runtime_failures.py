"""Every way in which a model runtime fails, and what becomes of the sources that are to be indexed."""

from __future__ import annotations

import math
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from helpdesk.ai.providers.connecting import ConnectedModels, connect_models
from helpdesk.rag.embedding.models import active_model
from helpdesk.rag.model_change.changing import DoesWorse
from helpdesk.rag.model_change.queries import model_reports
from helpdesk.rag.model_change.registering import add_model
from helpdesk.settings import Settings
from tests.database.rag.conftest import CountingEmbedder, Desk
from tests.database.rag.test_model_change import backfill, change
from tests.scripted_ollama import (
    DIMS,
    EMBEDDING_MODEL,
    Reply,
    ScriptedOllama,
    cut,
    embeds,
    error,
    json_reply,
    proxy_page,
    serve_scripted_ollama,
    slow,
    unit_vector,
    unless,
)

BODY = "Restart the laptop, wait for a minute and sign in again with the company account."


@pytest.fixture
def ollama() -> Iterator[ScriptedOllama]:
    with serve_scripted_ollama() as scripted:
        yield scripted


@pytest.fixture
async def runtime(settings: Settings, ollama: ScriptedOllama) -> AsyncIterator[ConnectedModels]:
    connected = connect_models(settings.model_copy(update={"ollama_host": ollama.url, "embed_timeout_s": 2.0}))
    yield connected
    await connected.close()


@pytest.fixture
def scripted(desk: Desk, runtime: ConnectedModels) -> Desk:
    """Return the desk with a runtime that does what a test wants."""
    embedder = CountingEmbedder(runtime.embedder)
    return replace(desk, indexer=replace(desk.indexer, embedder=embedder), embedder=embedder)


async def rows(desk: Desk) -> list[tuple[str, int, str | None]]:
    found = await desk.indexer.connection.fetch(
        "SELECT status, attempts, last_error FROM rag_index_queue ORDER BY created_at, id"
    )
    return [(row["status"], row["attempts"], row["last_error"]) for row in found]


async def due_again(desk: Desk) -> None:
    await desk.indexer.connection.fetch("UPDATE rag_index_queue SET run_after = now() WHERE status = 'pending'")


async def refused(desk: Desk) -> int:
    return sum(report.refused for report in await model_reports(desk.database))


@pytest.mark.parametrize(
    "reply",
    [
        error(503, "server busy, please try again"),
        error(500, "llama runner process has terminated"),
        slow(6),
        cut(),
        proxy_page(),
        proxy_page(502),
        json_reply(["not", "the", "API"]),
        embeds([]),
        embeds([[]]),
        error(404, 'model "all-minilm" not found, try pulling it first'),
        error(400, "this build does not support embeddings"),
        error(400, "invalid options"),
    ],
    ids=[
        "busy",
        "crashed",
        "hangs",
        "cut",
        "page",
        "bad gateway",
        "no API",
        "none",
        "empty",
        "gone",
        "unfit",
        "refuses",
    ],
)
async def test_a_runtime_at_fault_keeps_sources_waiting_costs_no_attempt_and_searches_go_by_words(
    scripted: Desk, ollama: ScriptedOllama, reply: Reply
) -> None:
    first = await scripted.publish("The printer jams", "Open the lid of the printer and take the sheet out.")
    await scripted.index_all()
    ollama.always("/api/embed", reply)
    await scripted.publish("Restart", BODY)

    [report] = await scripted.index_all()

    assert (report.handed_back, report.failed, report.documents) == (1, 0, 0)
    assert report.retry_after_s > 0
    assert [(status, attempts) for status, attempts, _ in await rows(scripted)] == [("done", 0), ("pending", 0)]
    assert (await rows(scripted))[1][2]
    assert await refused(scripted) == 0
    found = await scripted.find("printer jams")
    assert (found.degraded, found.results[0].source_id) == (True, first.id)


async def test_nobody_listening_keeps_sources_waiting(scripted: Desk, runtime: ConnectedModels) -> None:
    away = connect_models(Settings(ollama_host="http://127.0.0.1:9"))
    await scripted.publish("Restart", BODY)
    [report] = await scripted.with_embedder(CountingEmbedder(away.embedder)).index_all()
    await away.close()
    assert (report.handed_back, report.waits_for) == (1, "The model runtime cannot be reached.")
    [(status, attempts, reason)] = await rows(scripted)
    assert (status, attempts, reason) == ("pending", 0, "The model runtime cannot be reached.")


async def test_a_runtime_that_is_back_gets_what_waited(scripted: Desk, ollama: ScriptedOllama) -> None:
    ollama.then("/api/embed", error(503, "server busy, please try again"))
    article = await scripted.publish("Restart", BODY)
    await scripted.index_all()
    await due_again(scripted)
    [report] = await scripted.index_all()
    assert (report.documents, report.embedded) == (1, 1)
    assert await scripted.status_of(article.id) == "done"


async def test_a_runtime_that_stays_away_is_asked_three_times_and_then_left_alone(
    scripted: Desk, ollama: ScriptedOllama
) -> None:
    await scripted.publish("First", BODY)
    await scripted.index_all()
    ollama.requests.clear()
    ollama.always("/api/embed", error(503, "server busy, please try again"))
    for number in range(6):
        await scripted.publish(f"Article {number}", f"{BODY} {number}")
        await scripted.index_all()
    assert len(ollama.requests["/api/embed"]) == 3
    assert {attempts for _, attempts, _ in await rows(scripted)} == {0}


async def test_a_model_that_is_not_pulled_yet_leaves_everything_waiting(scripted: Desk, ollama: ScriptedOllama) -> None:
    digest = ollama.digests.pop(EMBEDDING_MODEL)
    await scripted.publish("Restart", BODY)
    [report] = await scripted.index_all()
    assert (report.handed_back, report.waits_for) == (1, "The model runtime does not have all-minilm.")
    assert "/api/embed" not in ollama.requests
    ollama.digests[EMBEDDING_MODEL] = digest
    assert (await rows(scripted))[0][:2] == ("pending", 0)


@pytest.mark.parametrize(
    "reply",
    [
        error(400, "embedding contains NaN or Inf"),
        error(500, "json: unsupported value: NaN"),
        embeds([unit_vector("as many, whatever was asked")] * 7),
        embeds([[math.nan] * DIMS]),
        embeds([[0.5] * DIMS]),
        embeds([[]]),
    ],
    ids=["400", "500", "another number", "nan", "norm", "empty"],
)
async def test_one_bad_text_goes_by_its_words_and_takes_no_other_with_it(
    scripted: Desk, ollama: ScriptedOllama, reply: Reply
) -> None:
    ollama.always("/api/embed", unless(lambda text: "Restart" in text, reply))
    good = [await scripted.publish(f"Guide {number}", f"Use the phone {number}.") for number in range(5)]
    bad = await scripted.publish("Restart", BODY)

    [report] = await scripted.index_all()

    assert (report.documents, report.failed, report.handed_back) == (6, 0, 0)
    assert {(status, attempts) for status, attempts, _ in await rows(scripted)} == {("done", 0)}
    assert await refused(scripted) == 1
    found = await scripted.find("Restart", limit=10)
    by_id = {result.source_id: result.signals["sim"] for result in found.results}
    assert by_id[bad.id] is None
    assert all(by_id[article.id] is not None for article in good if article.id in by_id)


async def test_a_text_that_is_too_long_gets_the_vector_of_its_beginning(scripted: Desk, ollama: ScriptedOllama) -> None:
    too_long = error(400, "the input length exceeds the context length")
    ollama.always("/api/embed", unless(lambda text: len(text) > 60, too_long))
    await scripted.publish("Restart", BODY)
    [report] = await scripted.index_all()
    assert (report.documents, report.embedded, await refused(scripted)) == (1, 1, 0)
    assert [len(body["input"][0]) for body in ollama.requests["/api/embed"]][-1] <= 60


async def test_a_tag_that_moves_stops_writes_and_searches_by_vectors_until_it_is_back(
    scripted: Desk, ollama: ScriptedOllama
) -> None:
    first = await scripted.publish("The printer jams", "Open the lid of the printer and take the sheet out.")
    await scripted.index_all()
    ollama.digests[EMBEDDING_MODEL] = "f" * 64
    second = await scripted.publish("Restart", BODY)

    # Within the minute in which the runtime is trusted: the vectors are made, and then not kept.
    [report] = await scripted.index_all()
    assert (report.handed_back, report.documents) == (1, 0)
    assert "answers with all-minilm (ffffffffffff)" in str(report.waits_for)
    [state] = await model_reports(scripted.database)
    assert (state.vectors, state.moved_to) == (1, "f" * 64)
    assert state.moved_at is not None
    found = await scripted.find("printer jams")
    assert (found.degraded, found.results[0].source_id) == (True, first.id)

    ollama.digests[EMBEDDING_MODEL] = "e" * 64
    await scripted.embedder.identify(fresh=True)
    await due_again(scripted)
    await scripted.index_all()
    assert await scripted.status_of(second.id) == "done"
    [state] = await model_reports(scripted.database)
    assert (state.vectors, state.moved_to, state.moved_at) == (2, None, None)


async def test_the_new_weights_of_a_moved_tag_come_in_as_a_model_of_their_own(
    scripted: Desk, ollama: ScriptedOllama
) -> None:
    await scripted.publish("The printer jams", "Open the lid of the printer and take the sheet out.")
    await scripted.index_all()
    ollama.digests[EMBEDDING_MODEL] = "f" * 64
    added = await add_model(scripted.database, scripted.embedder, name=EMBEDDING_MODEL)
    assert (added.name, added.digest, added.state) == (EMBEDDING_MODEL, "f" * 64, "building")
    waiting = await scripted.publish("Restart", BODY)
    await scripted.index_all()
    assert await scripted.status_of(waiting.id) == "pending"
    assert (await backfill(scripted)).vectors == 1
    with pytest.raises(DoesWorse, match="The active model cannot be compared with"):
        await change(scripted)
    await change(scripted, reason="the old weights are gone")

    await due_again(scripted)
    await scripted.index_all()
    assert await scripted.status_of(waiting.id) == "done"
    async with scripted.database.transaction(None) as session:
        active = await active_model(session)
    assert active is not None
    assert active.digest == "f" * 64
    assert not (await scripted.find("printer jams")).degraded


async def test_the_same_weights_under_another_name_are_the_same_model(
    scripted: Desk, ollama: ScriptedOllama, settings: Settings
) -> None:
    await scripted.publish("The printer jams", "Open the lid of the printer and take the sheet out.")
    await scripted.index_all()
    # Another host, where the model has another name, which the settings know.
    ollama.digests = {"hub.example/minilm:v2": "e" * 64}
    elsewhere = connect_models(
        settings.model_copy(update={"ollama_host": ollama.url, "embedding_model": "hub.example/minilm:v2"})
    )
    moved = scripted.with_embedder(CountingEmbedder(elsewhere.embedder))
    article = await moved.publish("Restart", BODY)
    [report] = await moved.index_all()
    assert (report.documents, report.embedded) == (1, 1)
    assert await moved.status_of(article.id) == "done"
    assert not (await moved.find("printer jams")).degraded
    assert len(await model_reports(moved.database)) == 1
    await elsewhere.close()


async def test_what_the_runtime_counts_is_kept_with_the_model(scripted: Desk, runtime: ConnectedModels) -> None:
    scripted = scripted.with_embedder(runtime.embedder)
    for number in range(10):
        await scripted.publish(f"Guide {number}", f"Press {'x' * 400} {number}.")
        await scripted.index_all()
    [state] = await model_reports(scripted.database)
    assert state.chars_per_token == pytest.approx(2.0, abs=0.2)


async def test_where_text_may_not_go_the_index_is_made_of_words_and_gets_its_vectors_once_it_may(
    desk: Desk, settings: Settings, ollama: ScriptedOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: look_up("127.0.0.1" if "example" in str(host) else host, *rest, **more),
    )
    elsewhere = settings.model_copy(update={"ollama_host": ollama.url.replace("127.0.0.1", "models.example.net")})
    foreign = connect_models(elsewhere)
    own = connect_models(elsewhere.model_copy(update={"own_model_hosts": ".example.net"}))
    away = desk.with_embedder(CountingEmbedder(foreign.embedder))
    await away.publish("Restart the laptop", BODY)
    await away.index_all()

    assert [status for status, *_ in await rows(away)] == ["done"]
    assert [found.title for found in (await away.find("restart laptop")).results] == ["Restart the laptop"]
    assert dict(ollama.requests) == {}

    near = desk.with_embedder(CountingEmbedder(own.embedder))
    await near.publish("Another article", BODY + " And again.")
    await near.index_all()
    await backfill(near)
    assert [report.missing for report in await model_reports(desk.database)] == [0]
    await foreign.close()
    await own.close()
