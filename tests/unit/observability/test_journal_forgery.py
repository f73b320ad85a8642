"""Whatever text comes from outside, an entry has the fields that the product gave it, and no others."""

from __future__ import annotations

from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpdesk.observability.journal_fields import field_name, packed
from tests.unit.observability.a_journal import AJournal, parsed

# Also lone surrogates, which no text should have and some do.
_CHARS = st.characters(codec=None, exclude_categories=())
_FORGED = (
    "\nPRIORITY=0\nMESSAGE=forged",
    "\n\nMESSAGE=another entry\n",
    "MESSAGE\n\x04\x00\x00\x00\x00\x00\x00\x00evil\n",
    "x TICKET_ID=1 job_id=2",
    '" level=critical "',
    "\r<0>forged",
    "\x1b[2J\x1b[1;31mforged",
    "a\x00b",
    "\ud800",
    "\u2028PRIORITY=0\x85MESSAGE=x",
    "\u202egnp.exe",
)
_TEXTS = st.one_of(st.text(_CHARS), st.sampled_from(_FORGED), st.lists(st.sampled_from(_FORGED)).map("".join))
_SCALARS = st.one_of(_TEXTS, st.integers(), st.floats(), st.booleans(), st.binary())
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_TEXTS, inner, max_size=3))
)
_FIXED = {
    "SYSLOG_IDENTIFIER": "atum-desk-job-worker",
    "SERVICE": "job-worker",
    "EVENT": "mail_received",
    "PRIORITY": "6",
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80)
@given(
    values=st.dictionaries(st.sampled_from(("reason", "error", "name", "more", "ticket_id")), _VALUES), exception=_TEXTS
)
def test_no_value_adds_a_field_or_an_entry_or_a_line(told: AJournal, values: dict[str, Any], exception: str) -> None:
    structlog.get_logger().info("mail_received", exception=exception, **values)

    [entry] = told.entries()
    assert entry.keys() - {"CODE_FILE", "CODE_LINE", "CODE_FUNC", "LOGGER", "MESSAGE"} == {
        *_FIXED,
        *(field_name(key) for key in values),
    }
    assert {name: entry[name] for name in _FIXED} == _FIXED
    first, *below = entry["MESSAGE"].split("\n")
    assert first.startswith("mail_received")
    assert all(line.startswith("  ") and line.isprintable() for line in below)
    assert all(text.isprintable() for name, text in entry.items() if name != "MESSAGE")
    assert first.isprintable()


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.from_regex(r"[A-Z][A-Z0-9_]{0,63}", fullmatch=True), _TEXTS))
def test_what_is_packed_is_what_is_read(fields: dict[str, str]) -> None:
    read = [(name, value.encode("utf-8", "backslashreplace").decode()) for name, value in fields.items()]

    assert parsed(packed(fields)) == read


@settings(deadline=None, max_examples=60)
@given(_TEXTS)
def test_any_key_makes_a_name_that_the_journal_takes(key: str) -> None:
    assert parsed(packed({field_name(key): "x"}))


@pytest.mark.parametrize("forged", _FORGED[:3])
def test_a_long_forgery_is_one_too(told: AJournal, forged: str) -> None:
    structlog.get_logger().warning("mail_received", more=[forged] * 12_000, exception=forged * 12_000)

    [entry] = told.entries()
    assert (entry["PRIORITY"], entry["EVENT"]) == ("4", "mail_received")
    assert told.files == 1
