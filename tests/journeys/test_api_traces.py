"""One trace from the request that opens a ticket to the draft and the call of the model that wrote it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from helpdesk.database.engine import Database
from helpdesk.models.values import UserRole
from helpdesk.settings import Settings
from tests.database.asking.asker import answers
from tests.journeys.conftest import Account, MakeAccount, RunWorker
from tests.journeys.test_api_ask import fill
from tests.otlp_collector import Collector, Span, otlp_collector
from tests.scripted_ollama import TEXT_MODEL, ScriptedOllama, serve_scripted_ollama
from tests.waiting import eventually

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
STEP = "Open Preferences > Transport and choose Web only."
HOTEL = {
    "subject": "HL-809 in the hotel",
    "body": "I am in a hotel and the VPN says HL-809: connection timed out. The network may block something.",
    "requester": {"email": "kim@example.test", "name": "Kim Miller"},
}


@pytest.fixture(scope="module")
def runtime() -> Iterator[ScriptedOllama]:
    with serve_scripted_ollama() as scripted:
        scripted.always("/api/chat", answers((STEP, STEP)))
        yield scripted


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with otlp_collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def process_environment(
    database_url: str, runtime: ScriptedOllama, collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    return {
        "ATUM_DATABASE_URL": database_url,
        "ATUM_OLLAMA_HOST": runtime.url,
        "ATUM_TEXT_MODEL": TEXT_MODEL,
        "ATUM_DATA_DIR": str(tmp_path_factory.mktemp("data")),
        "ATUM_TRACES_ENDPOINT": collector.url,
        # Milliseconds between two batches of spans; by OpenTelemetry's own name.
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }


@pytest.fixture
def settings(database_url: str, runtime: ScriptedOllama) -> Settings:
    return Settings(database_url=database_url, ollama_host=runtime.url)


@pytest.fixture
async def account(make_account: MakeAccount, database: Database, settings: Settings) -> Account:
    """Return an agent of an organisation with articles."""
    agent = await make_account(UserRole.AGENT)
    await fill(database, settings, agent.organization_id)
    return agent


async def test_a_ticket_is_one_trace_from_its_request_to_the_model_that_drafts(
    client: httpx.AsyncClient, run_worker: RunWorker, collector: Collector
) -> None:
    await run_worker("job")
    headers = {"traceparent": f"00-{TRACE}-{CALLER}-01", "X-Request-ID": "from-outside"}
    opened = await client.post("/api/v1/tickets", json=HOTEL, headers=headers)
    assert opened.status_code == 201, opened.text

    def ours(name: str) -> list[Span]:
        return [span for span in collector.named(name) if span.trace_id == TRACE]

    await eventually(lambda: bool(ours("job SMART_REPLY")), within_s=60)
    [draft], [request] = ours("job SMART_REPLY"), ours("POST /tickets")
    assert (request.service, request.parent_id, request.failed) == ("atum-desk-api", CALLER, False)
    assert request.attributes["http.response.status_code"] == 201
    assert (draft.service, draft.parent_id, draft.failed) == ("atum-desk-job-worker", request.span_id, False)
    assert draft.attributes["atum.ticket_id"] == opened.json()["id"]
    assert draft.attributes["atum.request_id"] == "from-outside"
    calls = [span for span in collector.spans if span.parent_id == draft.span_id]
    assert {"text model", "embedding model"} >= {call.name for call in calls} >= {"text model"}
    [written] = [call for call in calls if call.name == "text model"]
    assert (written.attributes["gen_ai.request.model"], written.attributes["outcome"]) == (TEXT_MODEL, "ok")


async def test_no_word_of_a_ticket_is_in_a_trace(client: httpx.AsyncClient, collector: Collector) -> None:
    refused = await client.post("/api/v1/tickets", json=HOTEL | {"subject": ""})
    assert refused.status_code == 422

    def told() -> bool:
        return any(span.attributes.get("http.response.status_code") == 422 for span in collector.spans)

    await eventually(told)
    for span in collector.spans:
        said = f"{span.name} {span.attributes}"
        assert "hotel" not in said
        assert "kim@" not in said
