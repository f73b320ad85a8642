"""Questions answered with both real models; run as `ATUM_TEST_MODELS=DIR python -m pytest tests/models`."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID

import pytest

from helpdesk.ai.model import Models
from helpdesk.ai.providers.connecting import connect_models
from helpdesk.database.engine import Database
from helpdesk.models.values import ArticleVisibility
from helpdesk.settings import Settings
from tests.database.ai.desk import BATTERY, MAILBOX, RUNBOOK, VPN, AiDesk
from tests.database.asking.asker import Asker
from tests.database.desk import open_a_desk
from tests.journeys.models_process import ModelsServer, models_server
from tests.scripted_ollama import ScriptedOllama

MODEL = "qwen2.5-coder:0.5b"
ARTICLES = {
    "VPN error HL-809: connection timed out": (VPN, ArticleVisibility.PUBLIC),
    "Swollen laptop battery: stop and act": (BATTERY, ArticleVisibility.CUSTOMERS),
    "Mailbox full: make room": (MAILBOX, ArticleVisibility.PUBLIC),
    "Runbook: VPN outage HL-809": (RUNBOOK, ArticleVisibility.AGENTS),
}


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelsServer]:
    folder = tmp_path_factory.mktemp("models")
    for path in Path(os.environ["ATUM_TEST_MODELS"]).glob("qwen2.5-coder-0.5b*.gguf*"):
        (folder / path.name).symlink_to(path.absolute())
    with models_server(folder, "--text-model", MODEL) as running:
        yield running


@pytest.fixture
async def asker(
    settings: Settings, database: Database, organization_id: UUID, runtime: ModelsServer
) -> AsyncIterator[Asker]:
    connected = connect_models(settings.model_copy(update={"ollama_host": runtime.url, "text_model": MODEL}))
    models = Models(embedder=connected.embedder, language=connected.language)
    agent = await open_a_desk(database, organization_id)
    desk = AiDesk(database, models, ScriptedOllama(), organization_id, agent, settings)
    for title, (body, visibility) in ARTICLES.items():
        await desk.publish(title, body, visibility)
    await desk.index_all()
    yield Asker(desk, settings={"ask_phrasing": "always", "ask_timeout_s": 120})
    await connected.close()


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("What does HL-809 mean?", "VPN error HL-809: connection timed out"),
        ("A battery is swollen, may the laptop be charged?", "Swollen laptop battery: stop and act"),
        ("How is room made in a full mailbox?", "Mailbox full: make room"),
    ],
)
async def test_whatever_the_model_says_each_sentence_that_is_told_holds(
    asker: Asker, question: str, title: str
) -> None:
    told = await asker.ask(question)

    assert told.done.method in {"model", "extractive"}
    assert told.done.model == MODEL
    assert title in told.cited()
    plain = " ".join(" ".join(body for body, _ in ARTICLES.values()).replace("*", "").replace("`", "").split())
    for sentence in told.sentences:
        assert sentence.kind == "own" or sentence.text in plain
    if "battery" in question:
        assert "Do not charge it." in told.text
    [run] = await asker.desk.rows("SELECT model, decision FROM ai_runs WHERE kind = 'ask'")
    assert (run.model, run.decision) == (MODEL, "accepted" if told.done.method == "model" else "abstained")


async def test_a_question_of_another_field_does_not_reach_the_model(asker: Asker) -> None:
    told = await asker.ask("Which wine goes with grilled salmon?")
    assert told.abstained is not None
    assert told.done.model is None
