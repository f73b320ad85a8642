"""Settings from systemd's credentials."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpdesk.cli.configuration import WrongSetting, read_settings
from helpdesk.settings import Settings

SECRET = "postgresql://atum:secret@db/atum"


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    return tmp_path


def test_a_credential_stands_before_the_environment_and_a_choice_before_both(
    credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATUM_DATABASE_URL", "postgresql://atum@elsewhere/atum")
    monkeypatch.setenv("ATUM_API_PORT", "8421")
    (credentials / "atum_database_url").write_text(f"{SECRET}\n")
    assert (Settings().database_url, Settings().api_port) == (SECRET, 8421)
    assert Settings(database_url="postgresql://atum@here/atum").database_url == "postgresql://atum@here/atum"


def test_a_folder_without_credentials_changes_nothing(credentials: Path) -> None:
    assert Settings().database_url == Settings.model_fields["database_url"].default


@pytest.mark.parametrize(
    ("command", "code"), [(("api",), 1), (("workers", "sla"), 2), (("helpdesk.cli", "jobs", "list"), 1)]
)
def test_a_credential_that_is_no_text_is_told_in_a_sentence(
    credentials: Path, command: tuple[str, ...], code: int
) -> None:
    (credentials / "atum_database_url").write_bytes(b"\xff\xfe")
    with pytest.raises(WrongSetting, match="cannot be read"):
        read_settings()
    ended = subprocess.run(
        [sys.executable, "-m", *command], env=dict(os.environ), capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (code, "")
    [sentence] = ended.stderr.splitlines()
    assert 'settings cannot be read: error getting value for field "database_url"' in sentence
