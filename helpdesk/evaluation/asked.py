"""Questions of which is known what answers them: tickets whose solution names an article, verdicts, and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import text

from helpdesk.database.base import new_id
from helpdesk.evaluation.labelled_files import AskedQuestion, BadData, LabelledFile
from helpdesk.evaluation.work import Part, Work
from helpdesk.kb.suggestions.citations import Citable, cited_in
from helpdesk.models.values import SourceType, TicketStatus
from helpdesk.rag.questions import Question, read_question
from helpdesk.rag.retrieval.judgements import judged_queries
from helpdesk.rag.text.cleaning import clean_message

_FOR_CUSTOMERS = frozenset({"public", "customers"})
_SUBJECT_CHARS = 200

_ARTICLES = text("""
    SELECT a.id, a.slug, a.source_url, a.visibility, v.title, v.body FROM kb_articles a
      JOIN kb_article_versions v ON v.article_id = a.id AND v.number = a.published_version
     WHERE a.organization_id = :organization_id AND a.state = 'published'
""")
# What agents told the requester of the tickets that were settled last.
_SOLUTIONS = text("""
    SELECT t.id, said.bodies
      FROM tickets t
     CROSS JOIN LATERAL (
           SELECT array_agg(m.body ORDER BY m.created_at, m.id) AS bodies FROM messages m
            WHERE m.ticket_id = t.id AND m.author_kind = 'agent' AND m.visibility = 'public') said
     WHERE t.organization_id = :organization_id AND t.status IN ('solved', 'closed') AND said.bodies IS NOT NULL
     ORDER BY coalesce(t.solved_at, t.updated_at) DESC, t.id
     LIMIT :most
""")
# So many settled tickets are looked through for each one that is wanted: not every solution names an article.
_LOOKED_THROUGH = 10


@dataclass(frozen=True)
class Article:
    """A published article."""

    id: UUID
    slug: str
    source_url: str | None
    visibility: str
    title: str
    body: str

    @property
    def for_customers(self) -> bool:
        """Return whether customers may read it."""
        return self.visibility in _FOR_CUSTOMERS

    @property
    def text(self) -> str:
        """Return all of it."""
        return f"{self.title}\n{self.body}"


@dataclass(frozen=True)
class Asked:
    """A question and the articles that answer it; none for one that nothing answers."""

    key: object
    question: Question
    answered_by: frozenset[UUID]
    ticket_id: UUID | None = None


async def read_articles(work: Work) -> dict[UUID, Article]:
    """Return the published articles."""
    async with work.database.transaction(work.organization_id) as session:
        return {row.id: Article(*row) for row in await session.execute(_ARTICLES, work.scope)}


async def solved_with_articles(work: Work, articles: Mapping[UUID, Article], *, part: Part) -> list[Asked]:
    """Return the tickets settled last whose solution names articles, as they were asked at first."""
    citable = [Citable(one.id, one.slug, one.source_url, one.title) for one in articles.values()]
    found: list[Asked] = []
    async with work.database.transaction(work.organization_id) as session:
        values = work.scope | {"most": _LOOKED_THROUGH * work.most(part)}
        for row in (await session.execute(_SOLUTIONS, values)).all():
            cited = cited_in("\n\n".join(clean_message(body) for body in row.bodies), citable)
            if cited and len(found) < work.most(part):
                question = await read_question(session, **work.scope, ticket_id=row.id)
                found.append(Asked(row.id, replace(question, later=""), frozenset(cited), row.id))
    return found


async def judged_by_people(work: Work, articles: Mapping[UUID, Article], *, part: Part) -> list[Asked]:
    """Return the queries for which people said which articles answer them, those judged last."""
    async with work.database.transaction(work.organization_id) as session:
        judged = await judged_queries(session, **work.scope, most=work.most(part))
    found = []
    for one in judged:
        right = {
            source_id
            for (kind, source_id), relevant in one.relevant.items()
            if relevant and kind == SourceType.KB and source_id in articles
        }
        if right:
            found.append(
                Asked(one.ticket_id or one.text, question_of(one.text, now=work.now), frozenset(right), one.ticket_id)
            )
    return found


def from_file(work: Work, articles: Mapping[UUID, Article], file: LabelledFile, *, part: Part) -> list[Asked]:
    """Return a file's questions; raise BadData where there is no such article."""
    by_slug = {article.slug: article.id for article in articles.values()}
    asked = [_read(one, by_slug, file, now=work.now) for one in file.questions]
    if len(asked) > work.most(part):
        places = np.random.default_rng(work.seed).permutation(len(asked))[: work.most(part)]
        asked = [asked[place] for place in sorted(places.tolist())]
    return asked


def _read(one: AskedQuestion, by_slug: Mapping[str, UUID], file: LabelledFile, *, now: datetime) -> Asked:
    if one.article is None:
        return Asked(one.question, question_of(one.question, now=now), frozenset())
    if one.article not in by_slug:
        raise BadData(f"{file.name}, line {one.line}: there is no published article {one.article!r}.")
    return Asked(one.question, question_of(one.question, now=now), frozenset({by_slug[one.article]}))


def question_of(words: str, *, now: datetime) -> Question:
    """Return words as a ticket that nobody has opened."""
    subject, _, rest = words.strip().partition("\n")
    short = len(subject) <= _SUBJECT_CHARS
    values: dict[str, Any] = dict.fromkeys(("category", "team", "language", "requester", "requester_locale", "seen"))
    return Question(
        id=new_id(),
        subject=subject[:_SUBJECT_CHARS],
        body=rest.strip() if short else words,
        later="",
        status=TicketStatus.OPEN,
        priority="normal",
        type="question",
        decided_by={},
        created_at=now,
        vip=False,
        **values,
    )


def described(asked: Sequence[Asked], file: LabelledFile | None, what: str) -> dict[str, Any]:
    """Return what was asked, as the report tells it."""
    return {
        "what": what if file is None else f"questions of {file.name}",
        "cases": len(asked),
        "file_sha256": None if file is None else file.sha,
    }
