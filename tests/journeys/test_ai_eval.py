"""`atum-desk ai eval`, as a process, with the embedded model beside it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from helpdesk.database.engine import Database
from tests import warm
from tests.conftest import REPOSITORY
from tests.database.desk import open_a_desk
from tests.database.evaluation.history import add_history
from tests.journeys.conftest import Account
from tests.models_fixture import embedding_server

__all__ = ["embedding_server"]

Command: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def ollama_host(embedding_server: str) -> str:
    return embedding_server


@pytest.fixture
def evaluated(process_environment: dict[str, str], account: Account, tmp_path: Path) -> Command:
    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return warm.run(
            "helpdesk.cli",
            "ai",
            "eval",
            "--organization",
            account.slug,
            *map(str, arguments),
            environment=os.environ | process_environment | {"PYTHONPATH": str(REPOSITORY)},
            folder=tmp_path,
        )

    return run


async def test_a_run_is_printed_kept_and_compared_with(
    evaluated: Command, database: Database, account: Account, tmp_path: Path
) -> None:
    agent = await open_a_desk(database, account.organization_id)
    await add_history(database, account.organization_id, agent, tickets=80)

    first = evaluated("--only", "triage,prediction", "--out", "first")
    second = evaluated("--only", "triage", "--compare", "first/eval.json", "--floor", "triage.category.accuracy=0.5",
                       "--json")  # fmt: skip
    below = evaluated("--only", "prediction", "--out", "third", "--floor", "prediction.at_start.brier=0")

    assert first.returncode == 0, first.stderr
    assert "triage      category     accuracy" in first.stdout
    assert "Text model: none took part." in first.stdout
    assert "triage: training" in first.stderr
    kept = json.loads((tmp_path / "first/eval.json").read_text())
    assert kept["made_with"]["embedding_model"]["digest"]
    assert "VPN" not in json.dumps(kept)
    assert (tmp_path / "first/reliability.png").read_bytes().startswith(b"\x89PNG")
    assert second.returncode == 0, second.stderr
    told = json.loads(second.stdout)
    assert {one["word"] for one in told["differences"]} == {"no difference shown"}
    assert told["floors"] == [{"name": "triage.category.accuracy", "value": 0.5, "kept": True}]
    assert (tmp_path / told["folder"] / "eval.json").exists()
    assert below.returncode == 1
    assert "prediction.at_start.brier is" in below.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--data", "gone.jsonl"), "gone.jsonl cannot be read: No such file"),
        (("--data", "broken.jsonl"), "line 2: it is not JSON"),
        (("--data", "field.jsonl"), "line 1: unknown field 'colour'"),
        (("--only", "triage", "--data", "label.jsonl"), "line 1: there is no category 'gardening'"),
        (("--only", "drafts", "--questions", "slug.jsonl"), "line 1: there is no published article 'nowhere'"),
        (("--compare", "broken.jsonl"), "is no evaluation"),
        (("--only", "triage,cooking"), "there is no part 'cooking'"),
        (("--floor", "accuracy=1"), "names no figure"),
        (("--limit", "0"), "limit"),
    ],
)
def test_what_cannot_be_used_ends_with_two_and_a_sentence(
    evaluated: Command, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    files = {
        "broken.jsonl": '{"subject": "x", "category": "network"}\n{broken',
        "field.jsonl": '{"subject": "x", "colour": "red"}',
        "label.jsonl": '{"subject": "x", "category": "gardening"}',
        "slug.jsonl": '{"question": "x", "article": "nowhere"}',
    }
    for name, words in files.items():
        (tmp_path / name).write_text(words)
    ended = evaluated(*arguments)
    assert ended.returncode == 2, ended.stderr
    assert says in ended.stderr.replace("│\n│ ", "")
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "eval.json").exists()
