from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from helpdesk.cli import main as command_line

CASE = {
    "id": "one",
    "calendars": {"always": {"timezone": "UTC", "always_open": True}},
    "policies": {"p": {"calendar": "always", "targets": {"normal": {"first_response": 60}}}},
    "events": [
        {"at": "2026-03-03T10:00:00Z", "type": "created", "by": "customer", "priority": "normal", "policy": "p"}
    ],
}


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["atum-desk", *arguments])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    return int(ended.value.code or 0)


def test_the_version_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--version") == 0
    name, version = capsys.readouterr().out.split()
    assert name == "atum-desk"
    assert version[0].isdigit()


def test_every_subcommand_explains_itself(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--help") == 0
    listed = capsys.readouterr().out
    for name in ("run", "migrate", "init", "import", "users", "jobs", "sla", "triage", "models", "backup"):
        assert name in listed
        assert run(monkeypatch, name, "--help") == 0
        assert "Usage: atum-desk " + name in capsys.readouterr().out


def test_a_wrong_subcommand_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "no-such-thing") == 2


def test_simulating_prints_the_clocks_as_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "case.json"
    file.write_text(json.dumps(CASE))

    assert run(monkeypatch, "sla", "simulate", str(file), "--as-of", "2026-03-03T10:30:00Z") == 0

    [case] = json.loads(capsys.readouterr().out)["cases"]
    [clock] = case["checks"][0]["clocks"]
    assert clock["due_at"] == "2026-03-03T11:00:00Z"
    assert clock["elapsed_pct"] == 50


def test_a_byte_order_mark_before_the_document_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "cases.json"
    file.write_text('{"format": 1, "cases": []}', encoding="utf-8-sig")

    assert run(monkeypatch, "sla", "simulate", str(file)) == 0

    assert json.loads(capsys.readouterr().out) == {"cases": []}


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "cannot be read"), ("{", "is not JSON"), ("[]", "must be an object"), ('{"format": 9}', "must be 1")],
)
def test_a_file_that_cannot_be_simulated_is_one_sentence_and_a_failure(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    content: str | None,
    told: str,
) -> None:
    file = tmp_path / "case.json"
    if content is not None:
        file.write_text(content)

    assert run(monkeypatch, "sla", "simulate", str(file)) == 1

    said = capsys.readouterr()
    assert said.out == ""
    assert told in said.err
    assert said.err.count("\n") == 1


def test_a_time_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "case.json"
    file.write_text(json.dumps(CASE))

    assert run(monkeypatch, "sla", "simulate", str(file), "--as-of", "noon") == 1
    assert "2026-03-03T10:30:00Z" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://somebody:hidden-word@127.0.0.1:1/desk", "127.0.0.1:1/desk does not answer"),
        ("mysql://somebody@127.0.0.1/desk", "ATUM_DATABASE_URL is wrong"),
    ],
)
def test_a_database_that_is_away_is_one_sentence_without_the_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str, told: str
) -> None:
    monkeypatch.setenv("ATUM_DATABASE_URL", url)

    assert run(monkeypatch, "users", "list") == 1

    said = capsys.readouterr().err
    assert told in said
    assert "hidden-word" not in said
    assert said.count("\n") == 1


def test_models_that_are_not_fetched_are_listed_as_such(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(monkeypatch, "models", "list", "--data", str(tmp_path)) == 0
    assert capsys.readouterr().out.count("not fetched") == 2


def test_fetching_an_unknown_model_names_the_known_ones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(monkeypatch, "models", "fetch", "no-such-model", "--data", str(tmp_path)) == 1
    assert "qwen2.5-coder:0.5b" in capsys.readouterr().err
