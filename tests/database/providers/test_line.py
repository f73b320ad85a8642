from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from helpdesk.ai.model import Prompt, TakesTurns
from helpdesk.ai.providers.connecting import ConnectedModels, connect_models
from helpdesk.ai.providers.line import DatabaseLine
from helpdesk.database.engine import Database
from helpdesk.settings import Settings
from tests.scripted_ollama import ScriptedOllama, held, says
from tests.waiting import eventually


def _prompt(words: str) -> Prompt:
    return Prompt("test", 1, "Answer.", words)


async def _waiting(database: Database) -> int:
    async with database.transaction(None, role="atum_worker") as session:
        return (await session.execute(text("SELECT count(*) FROM model_callers"))).scalar_one()


@pytest.fixture
async def worker(usual: Settings, database: Database) -> AsyncIterator[ConnectedModels]:
    """Return the models of another process."""
    other = Database(usual, application="other")
    models = connect_models(usual, database=other)
    yield models
    await models.close()
    await other.close()


@pytest.fixture
async def api(usual: Settings, database: Database) -> AsyncIterator[ConnectedModels]:
    models = connect_models(usual, database=database)
    yield models
    await models.close()


def _said(ollama: ScriptedOllama) -> list[str]:
    return [body["messages"][1]["content"] for body in ollama.requests["/api/chat"]]


async def test_while_a_person_of_another_process_is_served_no_other_call_begins(
    api: ConnectedModels, worker: ConnectedModels, ollama: ScriptedOllama, database: Database
) -> None:
    first, second = threading.Event(), threading.Event()
    ollama.then("/api/chat", held(first), held(second))
    ollama.always("/api/chat", says("Well."))
    calls = [asyncio.create_task(_ask(worker, f"batch {number}")) for number in range(6)]
    await eventually(lambda: len(_said(ollama)) == 1)
    person = asyncio.create_task(_ask(api, "person", interactive=True))
    await eventually(lambda: len(_said(ollama)) == 2)
    first.set()
    await calls[0]
    # Now the next one could begin, and gives way as long as the person is served.
    await asyncio.sleep(1)
    assert _said(ollama) == ["batch 0", "person"]

    second.set()
    await asyncio.gather(person, *calls)
    assert _said(ollama) == ["batch 0", "person", *(f"batch {number}" for number in range(1, 6))]
    assert await _waiting(database) == 0


async def test_a_person_who_leaves_is_not_waited_for(database: Database) -> None:
    mine, others = DatabaseLine(database, longest_s=60), DatabaseLine(database, longest_s=60)
    entered = asyncio.Event()

    async def stand() -> None:
        async with mine.standing():
            entered.set()
            await asyncio.sleep(60)

    person = asyncio.create_task(stand())
    await entered.wait()
    assert await mine.is_empty()
    assert not await others.is_empty()
    person.cancel()
    with pytest.raises(asyncio.CancelledError):
        await person
    assert await others.is_empty()


async def test_whoever_was_killed_in_the_line_is_forgotten(database: Database) -> None:
    async with database.transaction(None, role="atum_worker") as session:
        gone = "INSERT INTO model_callers VALUES (gen_random_uuid(), gen_random_uuid(), now() - interval '1 s')"
        await session.execute(text(gone))
    line = DatabaseLine(database, longest_s=60)
    assert await line.is_empty()
    async with line.standing():
        assert await _waiting(database) == 1


async def test_a_database_that_is_away_keeps_nobody_waiting(usual: Settings) -> None:
    nowhere = usual.model_copy(update={"database_url": "postgresql://nobody@127.0.0.1:1/none"})
    database = Database(nowhere, application="test")
    line = DatabaseLine(database, longest_s=60)
    async with asyncio.timeout(10), line.standing():
        assert await line.is_empty()
    await database.close()


async def _ask(models: ConnectedModels, words: str, *, interactive: bool = False) -> None:
    model = models.language
    if interactive and isinstance(model, TakesTurns):
        model = model.interactive()
    await model.answer(_prompt(words), schema=None, max_tokens=5)
