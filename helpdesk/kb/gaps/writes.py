"""Write what a search for gaps has found over what the one before left, and keep what people have decided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.base import new_id
from helpdesk.kb.gaps.identity import matched
from helpdesk.kb.gaps.labels import Label
from helpdesk.kb.gaps.questions import AskedQuestion
from helpdesk.models.gaps import Gap, GapMember
from helpdesk.models.values import GapState

# Two searches for gaps at once, one of the night and one on demand, write one after the other.
_LOCK = text(
    "SELECT pg_advisory_xact_lock(hashtextextended('kb_gaps' || CAST(CAST(:organization_id AS uuid) AS text), 0))"
)
# A question belongs to one gap; a ticket may have gone since the questions were read.
_TICKETS_LEFT = text("""
    SELECT id FROM tickets WHERE organization_id = :organization_id AND id = ANY(CAST(:tickets AS uuid[]))
       AND merged_into_id IS NULL ORDER BY id FOR KEY SHARE
""")


@dataclass(frozen=True)
class Sample:
    """A typical question and its vector, float32 [dims]; None where words were compared."""

    question: AskedQuestion
    vector: NDArray[np.float32] | None


@dataclass(frozen=True)
class FoundGap:
    """A cluster of questions that is worth an article."""

    label: Label
    questions: Sequence[AskedQuestion]
    samples: Sequence[Sample]


@dataclass
class Written:
    """What has become of the gaps: made, kept on, opened again, closed because answered, and gone."""

    found: int = 0
    new: int = 0
    kept: int = 0
    reopened: int = 0
    closed: int = 0
    answered: int = 0
    gone: int = 0

    def as_result(self) -> dict[str, Any]:
        """Return it as the result of a job."""
        return asdict(self)


async def write_gaps(
    session: AsyncSession,
    *,
    organization_id: UUID,
    found: Sequence[FoundGap],
    answers: Sequence[UUID | None],
    now: datetime,
) -> Written:
    """Store the gaps found: those of before go on under their own name, answered ones close, faded ones go.

    Args:
        answers: for each gap the article that answers it by now, None where none does.
    """
    await session.execute(_LOCK, {"organization_id": organization_id})
    left = await _tickets_left(session, organization_id, found)
    gaps = {gap.id: gap for gap in await _gaps(session, organization_id)}
    before = await _members(session, organization_id)
    asked = {question.key for gap in found for question in gap.questions}
    still_asked = {gap_id: keys for gap_id in gaps if (keys := before[gap_id] & asked)}
    pairs = matched([[question.key for question in gap.questions] for gap in found], still_asked)
    written = Written(found=len(found))
    rows: list[dict[str, Any]] = []
    for place, (cluster, answer) in enumerate(zip(found, answers, strict=True)):
        if place in pairs:
            gap = gaps[pairs[place]]
            _follow(gap, answer, written, now=now)
        elif answer is None:
            session.add(gap := _anew(organization_id, now=now))
            written.new += 1
        else:
            # It never was one: an article answers it, only nobody sent it.
            written.answered += 1
            continue
        gap.label, gap.terms, gap.updated_at = cluster.label.text, list(cluster.label.terms), now
        rows += _rows(organization_id, gap.id, cluster, left, now=now)
    await session.flush()
    await _replace_members(session, organization_id, rows, of=set(pairs.values()))
    faded = [gap.id for gap in gaps.values() if gap.state == GapState.OPEN and gap.id not in pairs.values()]
    await session.execute(delete(Gap).where(Gap.organization_id == organization_id, Gap.id.in_(faded)))
    written.gone = len(faded)
    return written


def _anew(organization_id: UUID, *, now: datetime) -> Gap:
    return Gap(id=new_id(), organization_id=organization_id, created_at=now, state=GapState.OPEN, version=1)


def _follow(gap: Gap, answer: UUID | None, written: Written, *, now: datetime) -> None:
    """Close a gap that an article answers by now, and open one again whose article no longer does."""
    if answer is not None and gap.state in {GapState.OPEN, GapState.DRAFTED}:
        gap.state, gap.reason = GapState.CLOSED, "An article answers its typical questions."
        gap.answered_by, gap.decided_by, gap.decided_at = answer, None, now
        gap.version += 1
        written.closed += 1
    elif answer is None and gap.state == GapState.CLOSED:
        gap.state, gap.reason = GapState.OPEN, "The article that answered it no longer does."
        gap.answered_by, gap.decided_by, gap.decided_at = None, None, now
        gap.version += 1
        written.reopened += 1
    else:
        written.kept += 1


async def _gaps(session: AsyncSession, organization_id: UUID) -> Sequence[Gap]:
    # Who drafts or dismisses one at this moment goes first, and is seen.
    statement = select(Gap).where(Gap.organization_id == organization_id).order_by(Gap.created_at, Gap.id)
    return (await session.scalars(statement.with_for_update())).all()


async def _members(session: AsyncSession, organization_id: UUID) -> defaultdict[UUID, set[str]]:
    rows = await session.execute(
        select(GapMember.gap_id, GapMember.key).where(GapMember.organization_id == organization_id)
    )
    found: defaultdict[UUID, set[str]] = defaultdict(set)
    for row in rows:
        found[row.gap_id].add(row.key)
    return found


async def _tickets_left(session: AsyncSession, organization_id: UUID, found: Sequence[FoundGap]) -> set[UUID]:
    tickets = sorted({one.ticket_id for gap in found for one in gap.questions if one.ticket_id is not None})
    rows = await session.scalars(_TICKETS_LEFT, {"organization_id": organization_id, "tickets": tickets})
    return set(rows)


async def _replace_members(
    session: AsyncSession, organization_id: UUID, rows: Sequence[dict[str, Any]], *, of: set[UUID]
) -> None:
    await session.execute(
        delete(GapMember).where(
            GapMember.organization_id == organization_id,
            GapMember.gap_id.in_(of) | GapMember.key.in_([row["key"] for row in rows]),
        )
    )
    if rows:
        await session.execute(insert(GapMember), list(rows))


def _rows(
    organization_id: UUID, gap_id: UUID, cluster: FoundGap, left: set[UUID], *, now: datetime
) -> list[dict[str, Any]]:
    ranks = {sample.question.key: rank for rank, sample in enumerate(cluster.samples, start=1)}
    return [
        {
            "id": new_id(),
            "organization_id": organization_id,
            "created_at": now,
            "gap_id": gap_id,
            "key": question.key,
            "origin": question.origin,
            "ticket_id": question.ticket_id,
            # The words of a ticket stay in the ticket, and go with it.
            "text": "" if question.ticket_id is not None else question.text,
            "sample": ranks.get(question.key),
            "times": question.times,
            "recent": question.recent,
            "earlier": question.earlier,
            "first_at": question.first_at,
            "last_at": question.last_at,
        }
        for question in cluster.questions
        if question.ticket_id is None or question.ticket_id in left
    ]
