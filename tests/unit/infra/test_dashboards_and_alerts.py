"""The dashboards and alert rules name what there is: metrics, labels, values of labels, and pages to read."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from helpdesk.models.values import JobPriority
from helpdesk.observability.metrics.catalogue import catalogue
from tests.conftest import REPOSITORY
from tests.scraping import here
from tests.unit.infra.promql import NotUnderstood, names_in
from workers.fleet import FLEET

DASHBOARDS = sorted((REPOSITORY / "infra/grafana").glob("*.json"))
RULES = REPOSITORY / "infra/prometheus/alerts.yaml"
RULE_TESTS = REPOSITORY / "infra/prometheus/alerts.test.yaml"
# Every sample has them, from Prometheus itself.
TARGET = {"instance", "job"}
OTHERS = {"up", "process_start_time_seconds", "process_resident_memory_bytes", "process_cpu_seconds_total"}
# Values of labels that no definition lists, since they are the names of something else.
VALUES = {
    "priority": {str(priority) for priority in JobPriority},
    "kind": {*FLEET, "text", "embedding"},
    "status": {"2xx", "3xx", "4xx", "5xx", "none"},
    "who": {"person", "work"},
    "job": {"atum-desk"},
}


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def boards() -> dict[str, dict[str, Any]]:
    return {path.name: json.loads(path.read_text("utf-8")) for path in DASHBOARDS}


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> Iterator[tuple[str, str]]:
    for name, board in boards().items():
        for panel in panels(board):
            for target in panel["targets"]:
                yield f"{name}: {panel['title']}", target["expr"]
    for rule in rules():
        yield rule["alert"], rule["expr"]


def faults(expression: str) -> list[str]:
    """Return what an expression names and there is not."""
    known, found = catalogue(), []
    named = names_in(expression)
    labels_of_all = TARGET | {"le"}
    for selector in named.selectors:
        base = re.sub(r"_(bucket|count|sum)$", "", selector.metric)
        metric = known.get(selector.metric)
        if metric is None or metric.kind == "histogram":
            metric = known.get(base) if known.get(base, None) and known[base].kind == "histogram" else None
            if base == selector.metric:
                metric = None
        if selector.metric in OTHERS:
            labels: set[str] = set()
            about = ""
        elif metric is None:
            found.append(selector.metric)
            continue
        else:
            labels, about = set(metric.labels), metric.about
        labels_of_all |= labels
        bucket = {"le"} if selector.metric.endswith("_bucket") else set()
        for label, sign, value in selector.matchers:
            if label not in labels | TARGET | bucket:
                found.append(f"{selector.metric}{{{label}}}")
            elif sign in {"=", "=~"} and "$" not in value and label != "route":
                wanted = set(value.split("|"))
                listed = set(re.findall(r"\w+", about)) | VALUES.get(label, set())
                found += [f'{selector.metric}{{{label}="{each}"}}' for each in sorted(wanted - listed)]
    return found + [f"by ({label})" for label in sorted(named.groupings - labels_of_all)]


def test_every_metric_label_and_value_that_is_looked_at_exists() -> None:
    assert len(list(expressions())) > 80
    assert {where: faults(expression) for where, expression in expressions() if faults(expression)} == {}


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("atum_queue_jops", ["atum_queue_jops"]),
        ('sum(atum_queue_jobs{stat="ready"})', ["atum_queue_jobs{stat}"]),
        ('atum_queue_jobs{state="redy"}', ['atum_queue_jobs{state="redy"}']),
        ("sum by (type) (atum_queue_jobs)", ["by (type)"]),
        ("rate(atum_http_answer_seconds[5m])", ["atum_http_answer_seconds"]),
        ("rate(atum_queue_jobs_bucket[5m])", ["atum_queue_jobs_bucket"]),
        ("sum by (job_type) (max by (job_type) (atum_queue_jobs) or vector(0)) > 1", []),
        ('histogram_quantile(0.9, sum by (le) (rate(atum_http_answer_seconds_bucket{instance=~"$i"}[$__r])))', []),
    ],
)
def test_a_name_that_is_wrong_is_found(expression: str, fault: list[str]) -> None:
    assert faults(expression) == fault


@pytest.mark.parametrize("expression", ['{state="x"}', "sum(atum_backups", "a ; b"])
def test_what_is_no_expression_is_not_passed_over(expression: str) -> None:
    with pytest.raises(NotUnderstood):
        names_in(expression)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_can_be_imported_anywhere_and_explains_itself(path: Path) -> None:
    board = json.loads(path.read_text("utf-8"))
    assert (board["uid"], board["schemaVersion"] >= 36) == (f"atum-desk-{path.stem}", True)
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    for panel in panels(board):
        assert panel["title"], panel
        assert panel["description"].endswith("."), panel["title"]
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert {source["uid"] for source in sources} == {"${datasource}"}
        used = set(re.findall(r"\$\{?(\w+)", " ".join(target["expr"] for target in panel["targets"])))
        assert used <= {*variables, "__rate_interval"}, panel["title"]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_no_panel_lies_on_another(path: Path) -> None:
    places = [panel["gridPos"] for panel in json.loads(path.read_text("utf-8"))["panels"]]
    for one, other in itertools.combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
    assert all(place["x"] + place["w"] <= 24 for place in places)


def test_no_two_dashboards_have_one_name() -> None:
    assert len({board["title"] for board in boards().values()}) == len(DASHBOARDS) == 3


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_each_alert_says_what_is_wrong_what_to_do_and_where_to_read_on() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
    for rule in rules():
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}, rule["alert"]
        assert re.fullmatch(r"Atum[A-Za-z]+", rule["alert"])
        assert rule["labels"]["severity"] in {"critical", "warning"}
        said = rule["annotations"]
        assert set(said) == {"summary", "description", "runbook"}, rule["alert"]
        assert len(said["description"]) > 60, rule["alert"]
        page, _, anchor = said["runbook"].partition("#")
        assert anchor in anchors(REPOSITORY / page), said["runbook"]


def test_an_alert_names_only_labels_that_it_has() -> None:
    for rule in rules():
        said = " ".join(rule["annotations"].values())
        used = set(re.findall(r"\$labels\.(\w+)", said))
        named = names_in(rule["expr"])
        kept = named.groupings or TARGET
        assert used <= kept, rule["alert"]


def test_gauges_that_each_worker_shows_are_taken_once() -> None:
    """Several job workers gather the same figures: without max, two workers would be twice the jobs."""
    gathered = ("queue_jobs", "queue_oldest", "workers", "index_tasks", "index_oldest", "sla_oldest", "database_dead")
    gathered += ("database_live", "database_table", "database_connections", "database_standbys", "backup")
    for where, expression in expressions():
        for name in re.findall(r"atum_\w+", expression):
            if name.removeprefix("atum_").startswith(gathered) and not name.startswith("atum_worker_"):
                assert re.search(rf"max(?: by \([\w, ]+\))? \(?{name}|max\({name}", expression), (where, name)


def test_commands_that_are_advised_exist() -> None:
    advised = re.findall(r"`atum-desk ([a-z]+(?: [a-z]+)*)`", RULES.read_text("utf-8"))
    assert advised
    sources = "\n".join(path.read_text("utf-8") for path in (REPOSITORY / "helpdesk/cli").rglob("*.py"))
    for command in advised:
        assert f"def {command.split()[-1]}" in sources or f'"{command.split()[-1]}"' in sources, command


def test_every_metric_is_in_the_reference() -> None:
    page = (REPOSITORY / "docs/reference.md").read_text("utf-8")
    assert {name for name in catalogue() if f"`{name}`" not in page} == set()


def test_the_metrics_of_python_that_are_looked_at_are_shown() -> None:
    assert OTHERS - {"up"} <= here().names()


def test_rules_that_have_a_trial_are_rules() -> None:
    trials = yaml.safe_load(RULE_TESTS.read_text("utf-8"))["tests"]
    tried = {trial["alertname"] for each in trials for trial in each["alert_rule_test"]}
    assert tried <= {rule["alert"] for rule in rules()}
    assert len(tried) >= 8


def test_prometheus_own_tool_is_content_where_there_is_one() -> None:
    tool = shutil.which("promtool")
    for arguments in (["check", "rules", RULES.name], ["test", "rules", RULE_TESTS.name]) if tool else ():
        told = subprocess.run([str(tool), *arguments], cwd=RULES.parent, capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stdout + told.stderr


def test_the_example_of_a_scrape_names_the_job_that_the_rules_look_at() -> None:
    example = yaml.safe_load((REPOSITORY / "infra/prometheus/scrape.yaml.example").read_text("utf-8"))
    [job] = example["scrape_configs"]
    assert (job["job_name"], example["rule_files"]) == ("atum-desk", ["alerts.yaml"])
    assert all(re.fullmatch(r"127\.0\.0\.1:94\d\d", each) for each in job["static_configs"][0]["targets"])
