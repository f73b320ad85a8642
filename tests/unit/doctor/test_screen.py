"""What `status` shows, and what it takes for down."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

from rich.console import Console

from helpdesk.cli.status import screen
from helpdesk.doctor.standing import Standing, name_down

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
WORKER = {
    "kind": "job", "host": "desk-1", "pid": 811, "version": "1.0", "state": "running", "running": 3, "capacity": 10,
    "age_s": 14_400.0, "seen_s": 2.0, "alive": True,
}  # fmt: skip


def standing(**changes: Any) -> Standing:
    good = Standing(
        version="1.0",
        as_of=NOW,
        down=[],
        api={"url": "http://127.0.0.1:8420", "answers": True, "expected": True, "by_systemd": True},
        database={
            "place": "db/atum", "answers": True, "server_version": "18.6", "schema": "2", "wanted": "2",
            "verdict": "ok", "says": "The database has this version's schema (2).",
        },
        workers=[WORKER | {"kind": kind} for kind in ("job", "rag", "sla")],
        queue=[{"job_type": "SEND_EMAIL", "ready": 12, "later": 3, "running": 1, "dead": 0, "oldest_s": 31.0}],
        index={"waiting": 3, "running": 1, "failed": 2, "lag_s": 12.0},
        sla={"running": 214, "breached_today": 2, "next_due_at": NOW + timedelta(minutes=9), "ticked_s": 21.0},
        models=[{"probe": "models", "verdict": "ok", "told": "both are there"}],
        backups={"folder": "/b", "count": 7, "newest_at": NOW - timedelta(hours=16)},
        errors=[{"job_type": "SEND_EMAIL", "status": "pending", "at": NOW, "error": "550 [red]no[/] such user"}],
    )  # fmt: skip
    return replace(good, **changes)


def shown(found: Standing) -> str:
    out = StringIO()
    Console(file=out, width=200, no_color=True).print(screen(found))
    return out.getvalue()


def test_one_screen_has_all_of_it() -> None:
    text = shown(standing())
    for told in (
        "everything is up",
        "PostgreSQL 18.6 at db/atum, schema 2",
        "12 s behind: 3 waiting, 1 in hand, 2 failed",
        "214 clocks run, the next is due in 9 m; 2 broken today, last tick 21 s ago",
        "7 in /b, the newest 16 h old",
        "550 [red]no[/] such user",
    ):
        assert told in text
    [row] = [line for line in text.splitlines() if line.startswith("job ")]
    assert row.split()[:3] == ["job", "desk-1", "811"]
    assert "3/10" in row


def test_what_does_not_run_is_down() -> None:
    assert name_down(standing(), tick_s=60) == []
    api = standing().api | {"answers": False}
    assert name_down(standing(api=api), tick_s=60) == ["The API does not answer at http://127.0.0.1:8420."]
    assert name_down(standing(api=api | {"expected": False}), tick_s=60) == []
    alone = [WORKER, WORKER | {"kind": "rag", "alive": False}]
    ticking = standing(workers=alone)
    assert name_down(ticking, tick_s=60) == ["No rag worker is alive."], "something ticks in place of the SLA worker"
    still = standing(workers=alone, sla=standing().sla | {"ticked_s": 900.0})
    assert name_down(still, tick_s=60) == ["No rag worker is alive.", "No sla worker is alive."]
    old = standing(database=standing().database | {"verdict": "too_old", "says": "It is too old."})
    assert name_down(old, tick_s=60) == ["It is too old."]
    models = [{"probe": "reachable", "verdict": "unusable", "told": "nobody is there"}]
    assert name_down(standing(models=models), tick_s=60) == ["Models: nobody is there."]
    assert "down  Models: nobody is there." in shown(standing(models=models, down=["Models: nobody is there."]))
