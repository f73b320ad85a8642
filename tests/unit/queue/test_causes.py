"""Errors that differ only in what they name are one cause."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpdesk.queue.causes import DeadErrors, cause_of, fingerprint, grouped

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("ValueError: ticket 41 has 3 replies", "ValueError: ticket <n> has <n> replies"),
        ("KeyError: 'abc'", "KeyError: <text>"),
        ('mailbox "x 1" is full', "mailbox <text> is full"),
        ("can't reach it, didn't answer", "can't reach it, didn't answer"),
        ("GET http://a.b/c?x=1 refused (12.5 ms)", "GET <url> refused (<n> ms)"),
        ("postgresql://u:p@h:5/d is away", "<url> is away"),
        ("10.0.0.1:5432 does not answer", "<address> does not answer"),
        ("::1 and fe80::1:2:3:4", "<address> and <address>"),
        ("job 0199c7a2-b6d0-7d0c-8b6f-2f3c1d0e9a11 is gone", "job <id> is gone"),
        ("commit 4f9d8ab0c1 is unknown", "commit <id> is unknown"),
        ("<Thing object at 0x7f00ab>", "<Thing object at <address>>"),
        ("nobody@example.test bounced", "<email> bounced"),
        ("no such file: /var/lib/desk/x.csv", "no such file: <path>"),
        ("due 2026-03-03T10:00:00.5Z, on 2026-03-04", "due <time>, on <time>"),
        ("HTTP 503 after 4 tries", "HTTP 503 after <n> tries"),
        ("[Errno 111] refused", "[Errno 111] refused"),
        ("SMTP code 421, then code 550", "SMTP code 421, then code 550"),
        ("utf8 on x86_64 in v2", "utf8 on x86_64 in v2"),
        ("\n  first line\nTraceback 1", "first line"),
        ("", "no error was told"),
    ],
)
def test_what_names_one_case_is_a_placeholder(error: str, cause: str) -> None:
    assert cause_of(error) == cause


@given(st.text(max_size=400))
def test_any_text_has_a_cause_that_is_its_own(error: str) -> None:
    cause = cause_of(error)
    assert 0 < len(cause) <= 300
    assert "\n" not in cause
    assert fingerprint("A", error) == fingerprint("A", error)
    assert fingerprint("A", error) != fingerprint("B", error)


@given(st.integers(0, 10**9), st.uuids(), st.integers(0, 10**9), st.uuids())
def test_numbers_and_ids_never_make_two_causes(n: int, one: object, m: int, other: object) -> None:
    first = fingerprint("A", f"job {one} failed after {n} s")
    assert fingerprint("A", f"job {other} failed after {m} s") == first


def test_causes_are_counted_by_type_and_the_newest_error_stands_for_them() -> None:
    def dead(job_type: str, error: str, jobs: int, minutes: int) -> DeadErrors:
        seen = NOON + timedelta(minutes=minutes)
        return DeadErrors(job_type, error, jobs, seen - timedelta(hours=1), seen, uuid4())

    early, late = dead("MAIL", "ticket 1 is gone", 2, 0), dead("MAIL", "ticket 22 is gone", 3, 5)
    other = dead("HOOK", "ticket 1 is gone", 4, 1)

    [mail, hook] = grouped([late, early, other])

    assert (mail.job_type, mail.jobs, mail.cause) == ("MAIL", 5, "ticket <n> is gone")
    assert (mail.first_seen, mail.last_seen) == (early.first_seen, late.last_seen)
    assert (mail.sample, mail.error) == (late.sample, late.error)
    assert (hook.job_type, hook.jobs) == ("HOOK", 4)
    assert hook.fingerprint != mail.fingerprint
    assert grouped([early, late, other]) == [mail, hook]
