"""The catalogue, the page about it and what figures are drawn from say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from helpdesk.metrics.catalogue import BY_NAME, CATALOGUE, MOMENTARY, Change, UnknownMetric, known
from helpdesk.metrics.facts import OF_TICKETS
from helpdesk.metrics.model_facts import OF_MODELS

PAGE = Path(__file__).parents[3] / "docs/metrics.md"


def test_the_page_lists_every_metric_as_the_code_has_it() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE.read_text(), re.MULTILINE)
    listed = [row for row in rows if row[0] not in {"summary", "ai", "series", "catalogue", "backfill"}]
    assert listed == [(m.name, m.unit, m.description, m.split, m.change) for m in CATALOGUE]


def test_every_metric_has_a_name_of_its_own() -> None:
    assert len(BY_NAME) == len(CATALOGUE)


def test_every_metric_is_drawn_from_facts_that_there_are() -> None:
    kinds = frozenset[str]().union(*(source.kinds for source in (*OF_TICKETS, *OF_MODELS)))
    drawn = {metric.fact for metric in CATALOGUE if metric.statistic != "own"}
    assert drawn | {"reopened"} == kinds


def test_what_is_known_at_the_moment_only_says_so() -> None:
    assert {metric.name for metric in CATALOGUE if metric.change is Change.MOMENT} == MOMENTARY
    assert "job_queue_lag_s" in MOMENTARY


def test_an_unknown_metric_is_refused_with_those_there_are() -> None:
    assert known(["backlog", "csat_share", "backlog"]) == ["backlog", "csat_share"]
    with pytest.raises(UnknownMetric, match="no metric happiness; there are tickets_created"):
        known(["happiness", "backlog"])
