"""Dead letters by their cause: errors that differ only in what they name are one cause."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

MOST_EXAMINED = 10_000
_LONGEST_CAUSE = 300

# What names one case, from the most telling to the least: an address contains numbers, a quoted text may contain both.
_PARTICULARS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b\w[\w+.-]*://[^\s'\"<>)\]]+"), "<url>"),
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "<email>"),
    (re.compile(r"\b[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"), "<time>"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE), "<address>"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"), "<address>"),
    (re.compile(r"(?<![\w.])(?=:*[0-9a-f])[0-9a-f]*(?::[0-9a-f]*){2,7}(?![\w.])", re.IGNORECASE), "<address>"),
    (re.compile(r"(?<![\w/])/[\w.@+-]+(?:/[\w.@+-]+)+"), "<path>"),
    (re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|(?<!\w)'(?:[^'\\\n]|\\.)*'(?!\w)|«[^»\n]*»|“[^”\n]*”"), "<text>"),
    (re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,}\b", re.IGNORECASE), "<id>"),
    # A status or an error code is a cause; any other number is a case.
    (
        re.compile(
            r"(?<!http )(?<!status )(?<!code )(?<!errno )(?<!\w)[+-]?\d+(?:[.,]\d+)*(?:e[+-]?\d+)?", re.IGNORECASE
        ),
        "<n>",
    ),
)

# The newest of the dead, those with the same text at once: most have it from the same line of code.
_TEXTS = text("""
    SELECT job_type, error, count(*) AS jobs, min(finished_at) AS first_seen, max(finished_at) AS last_seen,
           (array_agg(id ORDER BY finished_at DESC))[1] AS sample
      FROM (SELECT id, job_type, finished_at, left(coalesce(last_error, ''), 1000) AS error FROM job_queue
             WHERE status = 'dead_letter' AND finished_at IS NOT NULL
               AND (CAST(:organization_id AS uuid) IS NULL OR organization_id = :organization_id)
               AND (CAST(:job_type AS text) IS NULL OR job_type = :job_type)
             ORDER BY finished_at DESC LIMIT :most) AS dead
     GROUP BY job_type, error
""")


@dataclass(frozen=True)
class DeadErrors:
    """Dead letters of one type with the very same error."""

    job_type: str
    error: str
    jobs: int
    first_seen: datetime
    last_seen: datetime
    sample: UUID


@dataclass(frozen=True)
class Cause:
    """Dead letters of one type that ended for the same reason.

    Attributes:
        fingerprint: names the cause, the same on every machine.
        cause: the error's first line, with placeholders for what differs from job to job.
        sample: the newest of them, and `error` its error.
    """

    fingerprint: str
    job_type: str
    cause: str
    jobs: int
    first_seen: datetime
    last_seen: datetime
    sample: UUID
    error: str


def cause_of(error: str) -> str:
    """Return the first line of an error, with a placeholder for each number, id, time, address, path or quoted text."""
    line = next((line.strip() for line in error.splitlines() if line.strip()), "")
    for pattern, placeholder in _PARTICULARS:
        line = pattern.sub(placeholder, line)
    return line[:_LONGEST_CAUSE] or "no error was told"


def fingerprint(job_type: str, error: str) -> str:
    """Return a short name for the cause of an error, 12 hexadecimal digits."""
    return hashlib.sha256(f"{job_type}\n{cause_of(error)}".encode()).hexdigest()[:12]


def grouped(errors: Iterable[DeadErrors]) -> list[Cause]:
    """Return the causes of errors, the most frequent first."""
    causes: dict[tuple[str, str], Cause] = {}
    for each in errors:
        cause = cause_of(each.error)
        known = causes.get((each.job_type, cause))
        newest = known if known is not None and known.last_seen >= each.last_seen else each
        causes[each.job_type, cause] = Cause(
            fingerprint=fingerprint(each.job_type, each.error),
            job_type=each.job_type,
            cause=cause,
            jobs=each.jobs + (known.jobs if known else 0),
            first_seen=min(each.first_seen, known.first_seen) if known else each.first_seen,
            last_seen=newest.last_seen,
            sample=newest.sample,
            error=newest.error,
        )
    return sorted(causes.values(), key=lambda cause: (-cause.jobs, cause.job_type, cause.cause))


async def dead_by_cause(
    session: AsyncSession, *, organization_id: UUID | None, job_type: str | None = None
) -> list[Cause]:
    """Return why the newest 10,000 dead letters are dead, the most frequent cause first.

    Args:
        organization_id: None looks at everybody's, in a transaction of the worker role.
    """
    values = {"organization_id": organization_id, "job_type": job_type, "most": MOST_EXAMINED}
    errors = [DeadErrors(**row) for row in (await session.execute(_TEXTS, values)).mappings()]
    # Ten thousand different texts take a third of a second.
    return await asyncio.to_thread(grouped, errors)
