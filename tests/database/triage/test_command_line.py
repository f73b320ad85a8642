"""`atum-desk triage`, as people and programs run it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from datetime import timedelta

import pytest

from helpdesk.learned_models import store
from helpdesk.triage.learning.drift import report_drift
from tests import warm
from tests.database.desk import NOW
from tests.database.triage.desk import LearningDesk

Triage = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def triage(database_url: str) -> Triage:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return warm.run(
            "helpdesk.cli",
            "triage",
            *arguments,
            environment=os.environ | {"ATUM_DATABASE_URL": database_url, "ATUM_OLLAMA_HOST": "http://127.0.0.1:9"},
            timeout=120,
        )

    return run


async def trained(desk: LearningDesk, *, promoted: bool = True) -> None:
    async with desk.database.transaction(desk.organization_id) as session:
        about = {"organization_id": desk.organization_id, "kind": "breach"}
        claim = await store.claim_version(session, **about, now=NOW)  # type: ignore[arg-type]
        assert claim is not None
        finish = store.promote if promoted else store.put_aside
        figures = {"accuracy": 0.8, "macro_f1": 0.75, "calibration_error": 0.04}
        contest = {"tickets": 40, "how": "champion"}
        both = {"champion": figures, "challenger": figures | {"macro_f1": 0.5}, "worse": ["macro_f1"], "tickets": 40}
        await finish(
            session,
            **about,  # type: ignore[arg-type]
            claim=claim,
            weights=b"w",
            trained_on=200,
            metrics={"category": figures | {"examples": 200}, "contest": contest | {"fields": {"category": both}}},
            reason="Because.",
            now=NOW,
        )


async def test_versions_are_listed_shown_and_gone_back_to(desk: LearningDesk, triage: Triage) -> None:
    await trained(desk)
    await trained(desk)
    await trained(desk, promoted=False)
    lines = triage("models").stdout.splitlines()
    assert [line.split("  ")[:2] for line in lines[::2]] == [
        ["breach 3", "put aside"],
        ["breach 2", "in use"],
        ["breach 1", "retired"],
    ]
    assert lines[1].strip() == "Because."
    shown = triage("show", "3", "--kind", "breach").stdout
    assert "category: accuracy 0.800, macro-F1 0.750, calibration error 0.040, on 200 tickets" in shown
    assert "Compared on 40 tickets (champion):" in shown
    assert "macro-F1 0.500, calibration error 0.040 after; worse: macro-F1" in shown

    back = triage("rollback", "1", "--kind", "breach")
    assert (back.returncode, back.stdout) == (0, "Version 1 of breach is in use.\n")
    found = json.loads(triage("models", "--kind", "breach", "--json").stdout)
    assert [(one["version"], one["state"]) for one in found] == [(3, "challenger"), (2, "retired"), (1, "champion")]
    assert found[1]["rolled_back_at"].endswith("Z")
    assert "organization_id" not in found[0]


async def test_before_anything_was_learnt_each_command_says_so(desk: LearningDesk, triage: Triage) -> None:
    assert triage("models").stdout.startswith("Nothing has been trained yet")
    assert triage("drift").stdout.startswith("There is no report yet")
    assert "open    category: It is open: nothing was judged." in triage("gates").stdout
    assert triage("train").stdout == "There is nothing to learn from yet.\n"
    assert json.loads(triage("train", "--json").stdout)["outcome"] == "nothing_new"


async def test_what_is_missing_ends_with_one_and_a_sentence_and_wrong_use_with_two(
    desk: LearningDesk, triage: Triage
) -> None:
    missing = triage("show", "7")
    assert (missing.returncode, missing.stderr) == (1, "atum-desk: There is no version 7 of the model 'triage'.\n")
    assert triage("rollback", "7").returncode == 1
    assert triage("gates", "--reopen", "weather").returncode == 1
    for wrong in (("show", "0"), ("show", "seven"), ("gates", "--value", "low"), ("models", "--organization", "none")):
        assert triage(*wrong).returncode == 2
    ticket = await desk.open()
    await desk.settle(ticket)
    away = triage("train")
    assert away.returncode == 1
    assert away.stderr.startswith("atum-desk: ")
    assert len(away.stderr.splitlines()) == 1


async def test_a_gate_that_fell_is_shown_first_and_opened_again(desk: LearningDesk, triage: Triage) -> None:
    # The command looks by the clock on the wall.
    await desk.judged(4, 6, applied=True)
    moved = "UPDATE {} SET created_at = now() - interval '1 hour' RETURNING 1"
    await desk.rows(moved.format("triage_predictions"))
    await desk.rows(moved.format("triage_feedback"))
    shown = triage("gates").stdout.splitlines()
    assert shown[0] == "FALLEN  category = network: It fell back: 40% of 10 were right, 95% had to be."
    opened = json.loads(triage("gates", "--reopen", "category", "--value", "network", "--json").stdout)
    assert {(gate["field"], gate["value"], gate["state"]) for gate in opened} >= {("category", "network", "open")}


async def test_drift_is_told_by_field(desk: LearningDesk, triage: Triage) -> None:
    for _ in range(2):
        await desk.predicted(at=NOW - timedelta(days=3))
    async with desk.database.transaction(desk.organization_id) as session:
        await report_drift(session, organization_id=desk.organization_id, until=NOW, now=NOW)
    lines = triage("drift").stdout.splitlines()
    assert lines == [
        "2026-02-24 to 2026-03-03: Nothing to do.",
        "    category: 2 predictions this week and 0 before are too few to tell.",
    ]
    [first, second] = json.loads(triage("drift", "--report", "--limit", "2", "--json").stdout)
    assert (first["alarm"], first["fields"], second["until"]) == (False, {}, "2026-03-03T09:00:00Z")
