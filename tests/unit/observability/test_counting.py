"""What the product counts at the places where it happens."""

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from api.models_server.lane import Lane
from api.models_server.measured import Measured
from helpdesk.ai.model import ModelBusy, ModelSlow, Prompt
from helpdesk.ai.providers.breaker import Breaker
from helpdesk.ai.providers.call_log import embedding_call, text_call
from helpdesk.cli.run.metrics import shown_by
from helpdesk.observability.metrics import sla
from helpdesk.observability.metrics.models_server import CALLS
from helpdesk.rag.indexing.index import BatchReport
from tests.scraping import Samples, here
from workers import index_metrics


@pytest.fixture
def before() -> Samples:
    return here()


def fail(breaker: Breaker) -> None:
    with pytest.raises(ModelBusy), breaker.guard():
        raise ModelBusy("away")


def test_a_breaker_counts_that_it_opened_and_what_it_held_back(before: Samples) -> None:
    breaker = Breaker("of counting", failures_to_open=2)
    for _ in range(2):
        fail(breaker)
    assert here().of("atum_model_breaker_state", calls="of counting", state="open") == 1
    for _ in range(3):
        fail(breaker)
    moved = here() - before
    assert moved.of("atum_model_breaker_openings_total", calls="of counting") == 1
    assert moved.of("atum_model_breaker_refusals_total", calls="of counting") == 3


def test_a_call_is_counted_by_its_outcome_and_not_where_the_runtime_was_never_asked(before: Samples) -> None:
    prompt = Prompt("p", 1, "", "")
    with text_call("m", prompt) as called:
        called.sent, called.prompt_tokens, called.output_tokens = True, 40, 2
    with pytest.raises(ModelSlow), embedding_call("e", texts=3) as called:
        called.sent = True
        raise ModelSlow("late")
    with pytest.raises(ModelBusy), text_call("m", prompt):
        raise ModelBusy("The breaker is open.")
    moved = here() - before
    assert moved.by("atum_model_call_seconds_count", "kind", "model", "outcome") == {
        ("text", "m", "ok"): 1,
        ("embedding", "e", "slow"): 1,
    }
    assert moved.by("atum_model_tokens_total", "kind", "of") == {("text", "prompt"): 40, ("text", "output"): 2}


def test_sources_of_a_batch_are_counted_once_each(before: Samples) -> None:
    report = BatchReport(documents=6, unchanged=2, deleted=1, chunks=9, embedded=5, reused=4, failed=1, lost=1)
    index_metrics.count(report, 0.5)
    moved = here() - before
    assert moved.by("atum_index_documents_total", "outcome") == {
        ("written",): 3,
        ("unchanged",): 2,
        ("deleted",): 1,
        ("failed",): 1,
        ("lost",): 1,
    }
    assert moved.by("atum_index_passages_total", "vector") == {("made",): 5, ("kept",): 4}
    assert moved.of("atum_index_batch_seconds_count") == 1


def test_a_tick_is_counted_with_what_it_told(before: Samples) -> None:
    sla.ticked(0.2, processed=5, failed=1, warned_75=2, warned_90=0, breached=3, other=0)
    moved = here() - before
    assert moved.of("atum_sla_tick_seconds_count") == 1
    assert moved.of("atum_sla_tickets_processed_total") == 5
    assert moved.of("atum_sla_tickets_failed_total") == 1
    assert moved.by("atum_sla_thresholds_told_total", "threshold") == {("75",): 2, ("breach",): 3}
    assert here().of("atum_sla_last_tick_timestamp_seconds") > 1_700_000_000


async def test_the_models_server_counts_its_own_paths_and_no_others(before: Samples) -> None:
    async def chat(_: Request) -> Response:
        assert here().of("atum_http_requests_in_flight") - before.of("atum_http_requests_in_flight") == 1
        return PlainTextResponse("yes")

    routes = [Route("/api/chat", chat, methods=["POST"])]
    app = Measured(Starlette(routes=routes), paths=["/api/chat"])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
        await client.post("/api/chat")
        await client.get("/secret/of/a/caller")
    moved = here() - before
    assert moved.by("atum_http_answer_seconds_count", "method", "route", "status") == {
        ("POST", "/api/chat", "2xx"): 1,
        ("GET", "unknown", "4xx"): 1,
    }
    assert moved.of("atum_http_requests_in_flight") == 0


async def test_a_lane_shows_its_calls_while_they_last() -> None:
    lane = Lane("of counting", waiting=1)
    assert await lane.run(lambda _: here().of("atum_models_server_calls", lane="of counting")) == 1
    assert here().of("atum_models_server_calls", lane="of counting") == 0
    CALLS.remove("of counting")
    lane.close()
    lane.join()


@pytest.mark.parametrize(
    ("listen", "api", "models"),
    [
        ("9420", "127.0.0.1:9420", "127.0.0.1:9424"),
        ("[::1]:9420", "[::1]:9420", "[::1]:9424"),
        ("0", None, None),
        ("", None, None),
        ("nonsense", None, None),
    ],
)
def test_the_processes_of_one_run_show_theirs_one_port_after_another(
    listen: str, api: str | None, models: str | None
) -> None:
    assert shown_by("api", listen=listen).get("ATUM_METRICS_LISTEN") == api
    assert shown_by("models", listen=listen).get("ATUM_METRICS_LISTEN") == models
