"""Which schemas code runs with."""

from __future__ import annotations

import pytest

from helpdesk.database.schema_version import SchemaNote, SchemaState, Verdict, verdict_on

MINE = "202701010000"
OLDER, LATER = "202612010000", "202702010000"


@pytest.mark.parametrize(
    ("current", "serves_since", "verdict"),
    [
        (None, None, "empty"),
        (MINE, None, "ok"),
        (MINE, OLDER, "ok"),
        (OLDER, None, "too_old"),
        (LATER, OLDER, "ok"),
        (LATER, MINE, "ok"),
        (LATER, LATER, "too_new"),
        (LATER, None, "too_new"),
    ],
)
def test_a_later_schema_is_run_with_when_it_says_that_it_serves_this_code(
    current: str | None, serves_since: str | None, verdict: Verdict
) -> None:
    note = None if serves_since is None else SchemaNote(serves_since, "9.9")
    assert verdict_on(current, note, wanted=MINE) == verdict


def test_what_is_noted_can_be_read_again() -> None:
    note = SchemaNote(serves_since=OLDER, migrated_by="0.2'beta")
    assert SchemaNote.read(note.written()) == note


@pytest.mark.parametrize("comment", [None, "", "Alembic's table", "[]", "{}", '"x"', "3"])
def test_a_comment_that_is_no_note_is_not_taken_for_one(comment: str | None) -> None:
    assert SchemaNote.read(comment) is None


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (SchemaState(None, MINE, "empty"), ["no tables yet", "atum-desk migrate"]),
        (SchemaState(OLDER, MINE, "too_old"), [OLDER, MINE, "atum-desk migrate"]),
        (SchemaState(LATER, MINE, "too_new", SchemaNote(LATER, "3.1")), [LATER, MINE, "Install Atum Desk 3.1"]),
        (SchemaState(LATER, MINE, "too_new"), [LATER, "Install the version that migrated it"]),
        (SchemaState(LATER, MINE, "ok", SchemaNote(OLDER, "3.1")), [LATER, "still serves"]),
        (SchemaState(MINE, MINE, "ok"), [MINE]),
    ],
)
def test_each_state_says_what_to_do(state: SchemaState, words: list[str]) -> None:
    assert [word for word in words if word not in state.sentence] == []
