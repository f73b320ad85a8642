"""How the commands about jobs write."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from rich.console import Console

from helpdesk.cli.jobs.output import ago, console, first_line, print_fields, print_json, print_table, span
from helpdesk.queue.causes import Cause

ID = UUID("0199c7a2-b6d0-7d0c-8b6f-2f3c1d0e9a11")
NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


def test_a_narrow_terminal_cuts_what_is_long_and_never_an_id() -> None:
    screen = io.StringIO()
    rows = [[ID, "dead_letter", "A_TYPE_WITH_QUITE_A_LONG_NAME_INDEED", 3, "12 m"]] * 2
    print_table(
        rows,
        *("ID", "STATUS", "TYPE", "TRIES", "AGE"),
        whole=("ID", "STATUS", "TRIES", "AGE"),
        on=Console(file=screen, width=80, force_terminal=True, color_system=None, legacy_windows=False),
    )
    head, *lines = screen.getvalue().splitlines()
    assert len(lines) == 2
    assert head.split() == ["ID", "STATUS", "TYPE", "TRIES", "AGE"]
    for line in lines:
        assert len(line) <= 80
        assert line.startswith(f"{ID}  dead_letter  A_TYPE_WITH")
        assert "…" in line
        assert line.rstrip().endswith("12 m")


def test_what_reads_a_pipe_gets_whole_lines_without_colour(capsys: pytest.CaptureFixture[str]) -> None:
    error = "x" * 500
    print_table([[ID, "running", error]], "ID", "STATUS", "ERROR", whole=("ID",), on=console())
    head, line = capsys.readouterr().out.splitlines()
    assert head.split() == ["ID", "STATUS", "ERROR"]
    assert line.split() == [str(ID), "running", error]


def test_markup_in_an_error_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([["[red]not[/red] a colour"]], "ERROR")
    assert capsys.readouterr().out.splitlines()[1].rstrip() == "[red]not[/red] a colour"


def test_fields_are_lined_up_and_empty_ones_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    print_fields({"id": ID, "error": None, "finished_at": NOON, "payload": {"n": 1}, "result": {}, "tries": 0})
    assert capsys.readouterr().out.splitlines() == [
        f"id           {ID}",
        "finished_at  2026-03-03 12:00:00",
        'payload      {"n": 1}',
        "tries        0",
    ]


def test_value_objects_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    print_json([Cause("f", "MAIL", "no host", 2, NOON, NOON, ID, "no host")])
    [cause] = json.loads(capsys.readouterr().out)
    assert (cause["sample"], cause["last_seen"], cause["jobs"]) == (str(ID), "2026-03-03T12:00:00+00:00", 2)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0.0 s"), (9.94, "9.9 s"), (90, "90 s"), (120, "2 m"), (7200, "2 h"), (86_400 * 3, "3 d"), (None, "")],
)
def test_spans_are_said_in_one_unit(seconds: float | None, said: str) -> None:
    assert span(seconds) == said


def test_moments_are_said_from_now() -> None:
    assert ago(NOON - timedelta(minutes=5), NOON) == "5 m"
    assert ago(NOON + timedelta(hours=3), NOON) == "in 3 h"
    assert ago(None, NOON) == ""


def test_of_a_long_text_the_first_line_is_told() -> None:
    assert first_line("\n one\ntwo") == "one"
    assert first_line(None) == first_line("  ") == ""
    assert len(first_line("x" * 999)) == 200
