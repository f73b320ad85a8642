"""What metrics are, how they are shown, and who shows which."""

from __future__ import annotations

import ast
import gc
import math
import re
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from helpdesk.observability.metrics import database, http, models
from helpdesk.observability.metrics.catalogue import catalogue
from helpdesk.observability.metrics.process import LoopWatch
from helpdesk.observability.metrics.registry import DEFINITIONS, Names, Readings
from helpdesk.observability.metrics.serving import address_of, serve_metrics
from tests.conftest import REPOSITORY
from tests.scraping import here

METRICS = REPOSITORY / "helpdesk/observability/metrics"
# What one kind of process has to tell, by the module that names it, and the code that may load it.
OWN = {
    "jobs": "workers/",
    "worker": "workers/",
    "queue": "workers/",
    "server": "workers/",
    "index_queue": "workers/",
    "sla_clocks": "workers/",
    "sla": "workers/sla_worker.py",
    "models_server": "api/models_server/",
}


def served(listen: str) -> Iterator[int]:
    with capture_logs() as said:
        close = serve_metrics(listen, service="test", version="1")
    yield next(line["port"] for line in said if line["event"] == "metrics_served")
    close()


@pytest.fixture
def port() -> Iterator[int]:
    yield from served("0")


def fetched(port: int, accept: str = "*/*") -> tuple[str, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def test_metrics_are_shown_as_text_or_as_openmetrics(port: int) -> None:
    kind, text = fetched(port)
    assert kind.startswith("text/plain; version=")
    assert 'atum_build_info{service="test",version="1"} 1.0' in text
    kind, text = fetched(port, "application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith("# EOF\n")


def test_after_the_close_nothing_listens_there_any_more() -> None:
    serving = served("127.0.0.1:0")
    port = next(serving)
    assert next(serving, None) is None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_nobody_listens_where_the_setting_is_empty() -> None:
    with capture_logs() as said:
        serve_metrics("", service="test", version="1")()
    assert said == []


@pytest.mark.parametrize("listen", ["nonsense", "127.0.0.1:99999", "127.0.0.1:", "192.0.2.1:0", "-1"])
def test_an_address_that_cannot_be_had_is_told_and_does_no_harm(listen: str) -> None:
    with capture_logs() as said:
        serve_metrics(listen, service="test", version="1")()
    assert [(line["event"], line["log_level"], line["listen"]) for line in said] == [
        ("metrics_not_served", "warning", listen)
    ]


def test_a_port_in_use_is_told(port: int) -> None:
    with capture_logs() as said:
        serve_metrics(f"127.0.0.1:{port}", service="test", version="1")()
    assert "in use" in said[0]["error"]


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("9420", ("127.0.0.1", 9420)),
        (":9420", ("127.0.0.1", 9420)),
        ("0.0.0.0:1", ("0.0.0.0", 1)),
        ("[::1]:9420", ("::1", 9420)),
        (" 127.0.0.1:0 ", ("127.0.0.1", 0)),
    ],
)
def test_an_address_without_a_host_is_on_loopback(listen: str, address: tuple[str, int]) -> None:
    assert address_of(listen) == address


def test_a_reading_that_is_not_given_any_more_is_not_shown_any_more() -> None:
    readings = Readings("atum_test_readings", "For this test.", ("what",))
    try:
        assert "atum_test_readings" not in here().names()
        readings.replace({("one",): 1.0, ("two",): 2.0})
        readings.replace({("two",): 0.0})
        assert {dict(labels)["what"] for name, labels in here().values if name == "atum_test_readings"} == {"two"}
        readings.set(None)
        assert "atum_test_readings" not in here().names()
    finally:
        del DEFINITIONS["atum_test_readings"]


def test_a_label_takes_no_more_names_than_it_may() -> None:
    names = Names(2)
    assert [names.of(name) for name in ("a", "b", "c", "a", "d")] == ["a", "b", "other", "a", "other"]


def test_methods_and_paths_that_a_caller_makes_up_do_not_become_labels() -> None:
    before = here()
    http.answered("BREW", None, 404, 0.01)
    http.answered("GET", "/tickets/{ticket_id}", 0, 0.01)
    moved = (here() - before).by("atum_http_answer_seconds_count", "method", "route", "status")
    assert moved == {("other", "unknown", "4xx"): 1, ("GET", "/tickets/{ticket_id}", "none"): 1}


def test_a_loop_that_stands_still_is_seen_from_outside() -> None:
    loop, before = LoopWatch(), here()
    assert loop.overdue_s() == 0
    loop.came_round(next_in_s=-2.0)
    assert loop.overdue_s() >= 2
    loop.came_round(next_in_s=math.inf)
    assert loop.overdue_s() == 0
    moved = here() - before
    assert moved.of("atum_event_loop_lag_seconds_count") == 1
    assert 2 <= moved.of("atum_event_loop_lag_seconds_sum") < 60


class Pool:
    def __init__(self, in_use: int) -> None:
        self.in_use = in_use

    def size(self) -> int:
        return 5

    def checkedout(self) -> int:
        return self.in_use


def test_pools_of_one_name_are_added_up_and_forgotten_with_their_last_user() -> None:
    pools = [Pool(1), Pool(2)]
    for pool in pools:
        database.watch_pool(pool, name="of a test")
    found = here()
    assert found.of("atum_database_pool_connections", pool="of a test") == 10
    assert found.of("atum_database_pool_connections_in_use", pool="of a test") == 3
    del pool
    pools.clear()
    gc.collect()
    assert here().by("atum_database_pool_connections", "pool").get(("of a test",)) is None


class Breaker:
    def __init__(self, state: str) -> None:
        self.name, self.state = "of a test", state


def test_of_breakers_of_one_name_the_worst_is_shown() -> None:
    breakers = [Breaker("closed"), Breaker("open"), Breaker("half_open")]
    for breaker in breakers:
        models.watch_breaker(breaker)
    assert here().by("atum_model_breaker_state", "calls", "state").get(("of a test", "open")) == 1
    breakers.pop(1)
    breaker = breakers[0]
    gc.collect()
    found = here().by("atum_model_breaker_state", "calls", "state")
    assert found.get(("of a test", "half_open")) == 1
    assert ("of a test", "open") not in found


def test_calls_of_models_are_counted_with_their_tokens() -> None:
    before = here()
    models.called("text", "m", "ok", 0.2)
    models.tokens("text", "m", prompt=7, output=3)
    models.tokens("text", "m", prompt=None)
    with models.waiting_for_turn(interactive=True):
        assert here().of("atum_model_turns_waiting", who="person") == 1
    moved = here() - before
    assert moved.by("atum_model_call_seconds_count", "kind", "outcome") == {("text", "ok"): 1}
    assert moved.by("atum_model_tokens_total", "of") == {("prompt",): 7, ("output",): 3}
    assert moved.of("atum_model_turn_wait_seconds_count", who="person") == 1
    assert here().of("atum_model_turns_waiting", who="person") == 0


def test_names_say_what_is_measured_as_prometheus_has_it() -> None:
    for metric in catalogue().values():
        assert re.fullmatch(r"atum_[a-z][a-z0-9_]*", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric
        assert metric.kind != "histogram" or metric.name.endswith("_seconds"), metric
        assert not re.search(r"_(ms|milliseconds|kb|mb|percent)(_|$)", metric.name), metric
        assert re.fullmatch(r"[A-Z].*\.", metric.about), metric


def test_no_label_can_name_a_tenant_a_ticket_or_a_person() -> None:
    labels = {label for metric in catalogue().values() for label in metric.labels}
    assert not labels & {"organization", "organization_id", "ticket", "ticket_id", "user", "user_id", "email", "path"}
    assert not labels & {"job", "instance", "le", "quantile"}, "Prometheus' own"


def loaded_by(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            package, _, module = node.module.partition("helpdesk.observability.metrics")
            if package or "helpdesk.observability.metrics" not in node.module:
                continue
            found |= {module[1:]} if module else {alias.name for alias in node.names}
    return found


def test_a_process_shows_nothing_that_it_has_nothing_to_do_with() -> None:
    assert {path.stem for path in METRICS.glob("*.py")} >= OWN.keys()
    sources = [path for package in ("api", "helpdesk", "workers") for path in (REPOSITORY / package).rglob("*.py")]
    strangers = {
        (str(path.relative_to(REPOSITORY)), module)
        for path in sources
        for module in loaded_by(path) & OWN.keys()
        if not str(path.relative_to(REPOSITORY)).startswith(OWN[module])
    }
    assert strangers == set()
    for common in ("lifecycle", "heartbeat", "counters", "loops", "listener", "rag_worker", "sla_worker"):
        assert loaded_by(REPOSITORY / "workers" / f"{common}.py") & {"jobs", "queue", "server"} == set()
