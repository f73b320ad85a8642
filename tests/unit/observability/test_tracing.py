from __future__ import annotations

from pathlib import Path

import pytest

from helpdesk.observability import origin
from helpdesk.observability.origin import Origin
from helpdesk.observability.tracing import parent_for, step, tracing
from helpdesk.settings import Settings
from tests.otlp_collector import otlp_collector

GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_without_a_collector_a_step_changes_nothing() -> None:
    with tracing("api", endpoint=None, share=1), origin.entered(Origin("r-1", GIVEN)), step("GET") as under_way:
        under_way.told(name="GET /tickets", failed="503", number=1)
        assert origin.current() == Origin("r-1", GIVEN)


def test_steps_hang_from_the_origin_and_from_each_other() -> None:
    with otlp_collector() as collector, tracing("api", endpoint=collector.url, share=1):
        pass
    assert collector.spans == []
    with otlp_collector() as collector:
        with tracing("api", endpoint=collector.url, share=1), origin.entered(Origin("r-1", parent_for(GIVEN))):
            with step("POST", kind="server") as outer:
                outer.told(name="POST /tickets", http__route="/tickets", nothing=None)
                crossing = origin.current()
            assert origin.current().trace_parent == GIVEN
            with origin.entered(crossing), pytest.raises(ValueError, match="secret"), step("job", kind="consumer"):
                raise ValueError("a secret")
        [request], [job] = collector.named("POST /tickets"), collector.named("job")
    assert crossing.request_id == "r-1"
    assert (request.service, request.parent_id) == ("atum-desk-api", "00f067aa0ba902b7")
    assert request.attributes == {"http.route": "/tickets"}
    assert request.trace_id == job.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert job.parent_id == request.span_id
    assert (request.failed, job.failed) == (False, True)


def test_a_trace_that_its_caller_does_not_keep_is_not_sent() -> None:
    with otlp_collector() as collector:
        unkept = GIVEN.removesuffix("01") + "00"
        with tracing("api", endpoint=collector.url, share=1):
            with origin.entered(Origin("r-1", parent_for(unkept))), step("GET"):
                assert origin.current().trace_parent.endswith("-00")
            with origin.entered(Origin("r-2", parent_for("nonsense"))), step("kept"):
                pass
    assert [(span.name, span.parent_id) for span in collector.spans] == [("kept", "")]


def test_a_collector_that_is_away_costs_nobody_anything() -> None:
    with tracing("api", endpoint="http://127.0.0.1:9", share=1), step("GET") as under_way:
        under_way.told(name="GET /tickets")


@pytest.mark.parametrize("url", ["127.0.0.1:4318", "grpc://collector:4317", "http://name:secret@collector:4318"])
def test_what_is_no_collector_is_refused_without_repeating_a_password(url: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the collector's URL must be like"):
        Settings(traces_endpoint=url)


def test_a_collector_may_be_named_with_its_path() -> None:
    assert Settings(traces_endpoint="http://127.0.0.1:4318/v1/traces/").traces_endpoint == "http://127.0.0.1:4318"
