"""What keeps a command from the database is a sentence; what keeps it from its reader is not the database's fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpdesk.cli.checkout import runtime_noted
from helpdesk.cli.connection import chosen_settings, clear_sentences
from helpdesk.database.engine import DatabaseUnavailable
from helpdesk.settings import Settings


def test_a_refused_connection_is_a_sentence_with_the_remedy() -> None:
    with pytest.raises(DatabaseUnavailable, match="does not answer"), clear_sentences(Settings()):
        raise ConnectionRefusedError


def test_a_reader_that_goes_away_is_not_taken_for_the_database() -> None:
    with pytest.raises(BrokenPipeError), clear_sentences(Settings()):
        raise BrokenPipeError


def test_commands_find_the_run_of_a_folder_and_its_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ATUM_DATABASE_URL", "DATABASE_URL", "ATUM_OLLAMA_HOST", "OLLAMA_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ATUM_DATA_DIR", str(tmp_path))
    (tmp_path / "postgres/sock").mkdir(parents=True)
    (tmp_path / "postgres/sock/.s.PGSQL.5432").touch()
    usual = Settings().ollama_host
    with runtime_noted(tmp_path, "http://127.0.0.1:36891", text_model="none"):
        found = chosen_settings()
        monkeypatch.setenv("ATUM_OLLAMA_HOST", "http://models.example:11434")
        named = chosen_settings()
    monkeypatch.delenv("ATUM_OLLAMA_HOST")
    assert str(tmp_path / "postgres/sock") in found.database_url
    assert (found.data_dir, found.ollama_host) == (tmp_path, "http://127.0.0.1:36891")
    assert found.without_text_model
    assert not named.without_text_model
    assert named.ollama_host == "http://models.example:11434"
    assert chosen_settings().ollama_host == usual, "the run is over"
