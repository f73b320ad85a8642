"""From a load to hardware."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3] / "scripts/bench"))

from capacity_model import MEASURED, Load, plan_for

USUAL = Load(
    tickets_a_day=500,
    replies=3,
    agents=20,
    articles=500,
    years=3,
    attachments_mb=0.2,
    peak=3,
    busy=0.6,
    text_model=False,
)


def test_every_role_that_was_measured_is_planned_with_and_explained() -> None:
    plan = plan_for(USUAL, MEASURED)

    assert set(plan.core_s) == set(plan.processes) == set(MEASURED.memory_mb)
    assert {f"{role}: processes" for role in plan.processes} <= {line.what for line in plan.lines}


def test_a_small_desk_fits_two_cores_with_one_process_of_each_kind() -> None:
    plan = plan_for(replace(USUAL, tickets_a_day=50, agents=3), MEASURED)

    assert plan.cores == 2
    assert set(plan.processes.values()) == {1}
    assert plan.connections == 11 + 6 + 4 + 4 + 10


def test_a_hundred_times_the_tickets_take_more_of_everything() -> None:
    few, many = plan_for(USUAL, MEASURED), plan_for(replace(USUAL, tickets_a_day=50_000), MEASURED)

    assert many.cores > few.cores
    assert many.memory_gb > few.memory_gb
    assert many.disk_gb > 90 * few.disk_gb
    assert many.processes["job"] > few.processes["job"]
    assert many.connections > few.connections


def test_a_text_model_on_cores_takes_more_than_all_else_together() -> None:
    plan = plan_for(replace(USUAL, text_model=True), MEASURED)

    assert plan.core_s["text model"] > sum(plan.core_s.values()) / 2
