"""What an organisation's classifier learns from: resolved tickets, agents' verdicts, categories and their articles."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.model import Embedder, InputRefused
from helpdesk.ai.runs.record import sha256_of
from helpdesk.database.engine import Database
from helpdesk.models.values import TicketPriority, TicketType
from helpdesk.rag.embedding.vectors import ticket_input, vectors_for
from helpdesk.triage.classifying.features import terms_of
from helpdesk.triage.classifying.training import Example

FIELDS = ("category", "priority", "team", "type")
CORRECTION_WEIGHT = 3.0
# What counted two years ago counts a quarter today.
HALF_LIFE = timedelta(days=365)
_MOST_TICKETS = 40_000
_VECTORS_AT_ONCE = 256

# Raw SQL: one pass over the newest resolved tickets with their opening message.
_TICKETS = text("""
    SELECT t.id, t.subject, m.body, t.priority, t.type, t.created_at, c.slug AS category, g.slug AS team
      FROM tickets t
      JOIN LATERAL (SELECT body FROM messages m WHERE m.ticket_id = t.id AND m.visibility = 'public'
                     ORDER BY m.created_at, m.id LIMIT 1) m ON true
      LEFT JOIN categories c ON c.id = t.category_id
      LEFT JOIN teams g ON g.id = t.team_id
     WHERE t.organization_id = :organization_id AND t.status IN ('solved', 'closed')
     ORDER BY t.created_at DESC, t.id
     LIMIT :most
""")
_CORRECTIONS = text("""
    SELECT DISTINCT ON (ticket_id, field) ticket_id, field, final_value FROM triage_feedback
     WHERE organization_id = :organization_id AND verdict IN ('correct', 'accept') AND final_value IS NOT NULL
     ORDER BY ticket_id, field, created_at DESC
""")
_CATEGORIES = text("""
    SELECT c.slug, c.name, c.description, g.slug AS team
      FROM categories c LEFT JOIN teams g ON g.id = c.team_id
     WHERE c.organization_id = :organization_id ORDER BY c.slug
""")
_TEAMS = text("SELECT slug, name, description FROM teams WHERE organization_id = :organization_id ORDER BY slug")
_ARTICLES = text("""
    SELECT v.title, v.summary, c.slug AS category
      FROM kb_articles a
      JOIN kb_article_versions v ON v.article_id = a.id AND v.number = a.published_version
      JOIN categories c ON c.id = a.category_id
     WHERE a.organization_id = :organization_id AND a.state = 'published'
     ORDER BY a.id
""")
_COUNT = text("""
    SELECT (SELECT count(*) FROM tickets WHERE organization_id = :organization_id AND status IN ('solved', 'closed'))
         + (SELECT count(*) FROM triage_feedback WHERE organization_id = :organization_id AND verdict = 'correct')
""")


@dataclass(frozen=True)
class Labels:
    """The values there are to choose from.

    Attributes:
        categories: what each category means, by slug.
        teams: what each team does, by slug.
        team_of: the team that usually answers a category.
    """

    categories: dict[str, str]
    teams: dict[str, str]
    team_of: dict[str, str]

    def known(self, field: str) -> list[str]:
        """Return the values of a field."""
        match field:
            case "category":
                return list(self.categories)
            case "team":
                return list(self.teams)
            case "priority":
                return [str(level) for level in TicketPriority]
            case _:
                return [str(kind) for kind in TicketType]

    @property
    def basis(self) -> str:
        """Return the hash of all there is to choose from."""
        return sha256_of([self.categories, self.teams, self.team_of])


@dataclass(frozen=True)
class Lesson:
    """All that a classifier is trained with."""

    examples: list[Example]
    anchors: dict[str, dict[str, NDArray[np.float32]]]


async def read_labels(session: AsyncSession, *, organization_id: UUID) -> Labels:
    """Return the organisation's categories and teams."""
    categories = (await session.execute(_CATEGORIES, {"organization_id": organization_id})).all()
    teams = (await session.execute(_TEAMS, {"organization_id": organization_id})).all()
    return Labels(
        categories={row.slug: f"{row.name}. {row.description}".strip() for row in categories},
        teams={row.slug: f"{row.name}. {row.description}".strip() for row in teams},
        team_of={row.slug: row.team for row in categories if row.team is not None},
    )


async def count_labels(session: AsyncSession, *, organization_id: UUID) -> int:
    """Return how many labels there are to learn from: resolved tickets, and corrections."""
    found: int = await session.scalar(_COUNT, {"organization_id": organization_id}) or 0
    return found


async def gather(
    database: Database, embedder: Embedder, *, organization_id: UUID, labels: Labels, now: datetime
) -> Lesson:
    """Collect what the organisation's tickets, verdicts and articles teach; raise ModelBusy without vectors."""
    scope = {"organization_id": organization_id}
    async with database.transaction(organization_id) as session:
        tickets = (await session.execute(_TICKETS, scope | {"most": _MOST_TICKETS})).all()
        corrections = (await session.execute(_CORRECTIONS, scope)).all()
        articles = (await session.execute(_ARTICLES, scope)).all()
    corrected: dict[UUID, dict[str, str]] = defaultdict(dict)
    for row in corrections:
        corrected[row.ticket_id][row.field] = row.final_value
    texts = [ticket_input(row.subject, row.body) for row in tickets]
    about = [f"{row.title}. {row.summary}".strip() for row in articles]
    meanings = [*labels.categories.values(), *labels.teams.values()]
    vectors = await _vectors(database, embedder, organization_id, [*texts, *about, *meanings], now)
    examples = await asyncio.to_thread(_ticket_examples, tickets, texts, vectors, corrected, now)
    examples += [
        Example(terms_of(words), vectors[words], {"category": row.category}, {}, is_ticket=False)
        for row, words in zip(articles, about, strict=True)
        if words in vectors
    ]
    of_category = [(row.category, words) for row, words in zip(articles, about, strict=True)]
    return Lesson(examples, _anchors(labels, of_category, vectors))


def _ticket_examples(
    tickets: Sequence[Any],
    texts: Sequence[str],
    vectors: Mapping[str, NDArray[np.float32]],
    corrected: Mapping[UUID, Mapping[str, str]],
    now: datetime,
) -> list[Example]:
    examples = []
    for row, words in zip(tickets, texts, strict=True):
        if words not in vectors:
            continue
        final = {"category": row.category, "priority": row.priority, "team": row.team, "type": row.type}
        told = corrected.get(row.id, {})
        labels = {field: value for field, value in {**final, **told}.items() if value is not None and field in FIELDS}
        recency = 0.5 ** (max(now - row.created_at, timedelta()) / HALF_LIFE)
        weights = {field: recency * (CORRECTION_WEIGHT if field in told else 1.0) for field in labels}
        examples.append(Example(terms_of(words), vectors[words], labels, weights))
    return examples


async def _vectors(
    database: Database, embedder: Embedder, organization_id: UUID, texts: Sequence[str], now: datetime
) -> dict[str, NDArray[np.float32]]:
    """Return vectors by text; a text that the model refuses has none."""
    wanted = [words for words in dict.fromkeys(texts) if words]
    found: dict[str, NDArray[np.float32]] = {}
    for start in range(0, len(wanted), _VECTORS_AT_ONCE):
        part = wanted[start : start + _VECTORS_AT_ONCE]
        found |= await _vectors_of_part(database, embedder, organization_id, part, now)
    return found


async def _vectors_of_part(
    database: Database, embedder: Embedder, organization_id: UUID, texts: Sequence[str], now: datetime
) -> dict[str, NDArray[np.float32]]:
    """Halve a part until the text that is refused stands alone."""
    try:
        made = await vectors_for(database, embedder, organization_id=organization_id, texts=texts, now=now)
    except InputRefused:
        if len(texts) == 1:
            return {}
        middle = len(texts) // 2
        first = await _vectors_of_part(database, embedder, organization_id, texts[:middle], now)
        return first | await _vectors_of_part(database, embedder, organization_id, texts[middle:], now)
    return dict(zip(texts, np.asarray(made, dtype=np.float32), strict=True))


def _anchors(
    labels: Labels, articles: Sequence[tuple[str, str]], vectors: Mapping[str, NDArray[np.float32]]
) -> dict[str, dict[str, NDArray[np.float32]]]:
    """Return what stands for each category and team: its description and its articles in equal parts."""
    categories: dict[str, NDArray[np.float32]] = {}
    for slug, meaning in labels.categories.items():
        own = [vectors[words] for category, words in articles if category == slug and words in vectors]
        parts = [_unit(np.mean(own, axis=0))] if own else []
        parts += [vectors[meaning]] if meaning in vectors else []
        if parts:
            categories[slug] = _unit(np.mean(parts, axis=0))
    teams: dict[str, NDArray[np.float32]] = {}
    for slug, meaning in labels.teams.items():
        parts = [categories[name] for name, team in labels.team_of.items() if team == slug and name in categories]
        parts += [vectors[meaning]] if meaning in vectors else []
        if parts:
            teams[slug] = _unit(np.mean(parts, axis=0))
    return {"category": categories, "team": teams}


def _unit(vector: Any) -> NDArray[np.float32]:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), dtype=np.float32)
