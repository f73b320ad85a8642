"""What keeps a command from the database is a sentence; what keeps it from its reader is not the database's fault."""

from __future__ import annotations

import pytest

from helpdesk.cli.connection import clear_sentences
from helpdesk.database.engine import DatabaseUnavailable
from helpdesk.settings import Settings


def test_a_refused_connection_is_a_sentence_with_the_remedy() -> None:
    with pytest.raises(DatabaseUnavailable, match="does not answer"), clear_sentences(Settings()):
        raise ConnectionRefusedError


def test_a_reader_that_goes_away_is_not_taken_for_the_database() -> None:
    with pytest.raises(BrokenPipeError), clear_sentences(Settings()):
        raise BrokenPipeError
