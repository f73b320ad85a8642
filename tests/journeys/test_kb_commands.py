"""`atum-desk kb`, as processes."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from tests import warm
from tests.journeys.conftest import Account, MakeAccount

Command: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]
FILE = "---\ntitle: VPN error\nstate: published\ntags: [vpn]\n---\n\nRestart the [client](../client.md).\n"


@pytest.fixture
def kb(process_environment: dict[str, str], account: Account) -> Command:
    def run(*arguments: str | Path, organization: str = account.slug) -> subprocess.CompletedProcess[str]:
        return warm.run(
            "helpdesk.cli",
            "kb",
            *map(str, arguments),
            "--organization",
            organization,
            environment=os.environ | process_environment,
        )

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "kb"
    (folder / "guides").mkdir(parents=True)
    (folder / "guides/vpn-error.md").write_bytes(b"\xef\xbb\xbf" + FILE.replace("\n", "\r\n").encode())
    (folder / "draft.md").write_text("# A draft\n\nWords.\n")
    return folder


async def test_a_folder_is_imported_exported_and_imported_elsewhere_unchanged(
    kb: Command, folder: Path, tmp_path: Path, make_account: MakeAccount
) -> None:
    other = (await make_account()).slug
    tried = kb("import", folder, "--dry-run")
    taken = kb("import", folder)
    again = kb("import", folder)
    to_folder = kb("export", tmp_path / "out")
    to_zip = kb("export", tmp_path / "out.zip")
    elsewhere = kb("import", tmp_path / "out.zip", organization=other)
    back = kb("export", tmp_path / "back", organization=other)

    assert tried.stdout.endswith("2 created, 0 updated, 0 unchanged, 0 refused; nothing was stored.\n"), tried.stderr
    assert taken.stdout.splitlines() == [
        f"created   {'draft':<40} draft.md",
        f"created   {'vpn-error':<40} guides/vpn-error.md",
        "2 created, 0 updated, 0 unchanged, 0 refused.",
    ]
    assert again.stdout == "0 created, 0 updated, 2 unchanged, 0 refused.\n"
    assert {each.returncode for each in (tried, taken, again, to_folder, to_zip, elsewhere, back)} == {0}
    files = {path.name: path.read_text() for path in (tmp_path / "out").iterdir()}
    assert set(files) == {"draft.md", "vpn-error.md"}
    assert "Restart the [client](../client.md)." in files["vpn-error.md"]
    assert files == {path.name: path.read_text() for path in (tmp_path / "back").iterdir()}
    assert not list(tmp_path.glob(".*"))


def test_a_refused_file_is_told_with_its_line_and_the_command_says_so(kb: Command, folder: Path) -> None:
    (folder / "bad.md").write_text("---\ntitle: a\nvisiblity: agents\n---\nb")
    taken = kb("import", folder, "--json")
    plain = kb("import", folder)
    assert (taken.returncode, plain.returncode) == (1, 1)
    report = json.loads(taken.stdout)
    assert (report["created"], report["refused"]) == (2, 1)
    assert plain.stderr.startswith("bad.md:3: There is no field 'visiblity'")


def test_an_article_is_published_planned_archived_and_restored(kb: Command, folder: Path) -> None:
    kb("import", folder)
    published = kb("publish", "draft", "--note", "Good.")
    planned = kb("archive", "draft", "--at", "2040-01-01T08:00")
    listed = kb("list", "--json")
    archived = kb("archive", "draft")
    refused = kb("publish", "draft")
    restored = kb("restore", "draft")
    reviewed = kb("reviewed", "vpn-error", "--next", "2040-01-01")
    history = kb("history", "draft")

    assert published.stdout == "Version 1 of draft is published.\n", published.stderr
    assert planned.stdout == "draft will be archived at 2040-01-01 08:00 UTC.\n", planned.stderr
    states = {item["slug"]: item["state"] for item in json.loads(listed.stdout)}
    assert states == {"draft": "published", "vpn-error": "published"}
    assert (archived.returncode, restored.stdout) == (0, "draft is a draft.\n")
    assert (refused.returncode, "restore it first" in refused.stderr) == (1, True)
    assert reviewed.stdout == "vpn-error is to be looked at again on 2040-01-01.\n"
    kinds = [line.split()[2] for line in history.stdout.splitlines()]
    assert kinds == ["restored", "archived", "scheduled", "published", "created"]


def test_what_is_wrong_is_said_in_a_sentence(kb: Command, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"no zip")
    assert kb("import", tmp_path / "missing").returncode == 2
    damaged = kb("import", tmp_path / "a.zip")
    assert (damaged.returncode, damaged.stderr.startswith("atum-desk: The zip cannot be read")) == (1, True)
    unknown = kb("publish", "nothing")
    assert (unknown.returncode, unknown.stderr) == (1, "atum-desk: There is no such article.\n")
    assert kb("publish", "nothing", "--at", "soon").returncode == 2
    nowhere = kb("export", tmp_path / "no/where.zip")
    assert (nowhere.returncode, "There is no folder" in nowhere.stderr) == (1, True)


def test_what_cannot_be_written_is_a_sentence_and_not_the_databases_fault(
    kb: Command, folder: Path, tmp_path: Path
) -> None:
    kb("import", folder)
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "out/draft.md").mkdir(parents=True)
    (tmp_path / "out.zip").mkdir()
    for target, refused in (("file", "file"), ("out", "out/draft.md"), ("out.zip", "out.zip")):
        ended = kb("export", tmp_path / target)
        assert ended.returncode == 1
        assert ended.stderr.startswith(f"atum-desk: {tmp_path / refused} cannot be written: "), ended.stderr
    assert not list(tmp_path.glob(".*"))
