"""What an organisation's classifier is trained with: tickets, people's words on predictions, categories' articles."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text

from helpdesk.ai.model import Embedder, InputRefused
from helpdesk.database.engine import Database
from helpdesk.rag.embedding.vectors import ticket_input, vectors_for
from helpdesk.triage.classifying.features import terms_of
from helpdesk.triage.classifying.training import Example
from helpdesk.triage.learning.examples import TAG, Labels, read_tags

CORRECTION_WEIGHT = 3.0
# What triage set and nobody touched says less than what a person set.
UNTOUCHED_WEIGHT = 0.5
# What counted two years ago counts a quarter today.
HALF_LIFE = timedelta(days=365)
MOST_TICKETS = 40_000
_VECTORS_AT_ONCE = 256
# Every ticket has these; nobody decided a usual one, and what a policy raised tells how late it was, not what it is.
_GIVEN = frozenset({"priority", "type"})

# Raw SQL: one pass over the newest resolved tickets, and those with a word on them, with their opening message.
_TICKETS = text("""
    SELECT t.id, t.subject, m.body, t.priority, t.type, t.created_at, t.tags, t.decided_by,
           t.custom->>'impact' AS impact, t.custom->>'urgency' AS urgency, c.slug AS category, g.slug AS team,
           CASE WHEN t.status IN ('solved', 'closed') THEN coalesce(t.solved_at, t.updated_at) END AS settled_at
      FROM tickets t
      JOIN LATERAL (SELECT body FROM messages m WHERE m.ticket_id = t.id AND m.visibility = 'public'
                     ORDER BY m.created_at, m.id LIMIT 1) m ON true
      LEFT JOIN categories c ON c.id = t.category_id
      LEFT JOIN teams g ON g.id = t.team_id
     WHERE t.organization_id = :organization_id
       AND (t.status IN ('solved', 'closed')
            OR EXISTS (SELECT FROM triage_feedback f
                        WHERE f.organization_id = :organization_id AND f.ticket_id = t.id
                          AND f.verdict IN ('correct', 'accept') AND f.final_value IS NOT NULL))
     ORDER BY t.created_at DESC, t.id
     LIMIT :most
""")
_WORDS = text("""
    SELECT DISTINCT ON (ticket_id, field) ticket_id, field, final_value, created_at FROM triage_feedback
     WHERE organization_id = :organization_id AND verdict IN ('correct', 'accept') AND final_value IS NOT NULL
     ORDER BY ticket_id, field, created_at DESC, id DESC
""")
_REFUSED = text("""
    SELECT DISTINCT ticket_id, field FROM triage_feedback
     WHERE organization_id = :organization_id AND verdict = 'reject' AND field IN ('category', 'team')
""")
_ARTICLES = text("""
    SELECT v.title, v.summary, c.slug AS category
      FROM kb_articles a
      JOIN kb_article_versions v ON v.article_id = a.id AND v.number = a.published_version
      JOIN categories c ON c.id = a.category_id
     WHERE a.organization_id = :organization_id AND a.state = 'published'
     ORDER BY a.id
""")


@dataclass(frozen=True)
class TicketExample:
    """A ticket to learn from.

    Attributes:
        opened_at: when it was opened; tickets are compared in this order.
        settled_at: when it was settled; None while only people's words tell of it.
        told_at: when a person judged what was predicted, by field.
    """

    example: Example
    opened_at: datetime
    settled_at: datetime | None
    told_at: Mapping[str, datetime] = field(default_factory=dict)
    ticket_id: UUID | None = None

    def as_of(self, moment: datetime) -> Example | None:
        """Return what it taught at a moment, None where it taught nothing yet.

        Of a field that was judged later it is not known what it held before; it taught nothing then.
        """
        labels = {
            name: value
            for name, value in self.example.labels.items()
            if (self.told_at[name] <= moment if name in self.told_at else _by(self.settled_at, moment))
        }
        return replace(self.example, labels=labels, fits_none=frozenset()) if labels else None


@dataclass(frozen=True)
class Lesson:
    """All that a classifier is trained with; the tickets in the order they were opened."""

    tickets: list[TicketExample]
    articles: list[Example]
    anchors: dict[str, dict[str, NDArray[np.float32]]]
    tags: list[str] = field(default_factory=list)

    @property
    def examples(self) -> list[Example]:
        """Return all examples."""
        return [*(ticket.example for ticket in self.tickets), *self.articles]


async def gather(
    database: Database,
    embedder: Embedder,
    *,
    organization_id: UUID,
    labels: Labels,
    now: datetime,
    most: int = MOST_TICKETS,
    alive: Callable[[], Awaitable[None]] | None = None,
) -> Lesson:
    """Collect what the organisation's tickets, words and articles teach.

    Args:
        most: how many tickets, the newest.
        alive: called now and then, since texts that nobody has embedded yet take their time.

    Raises:
        ModelBusy: there are no vectors.
    """
    scope = {"organization_id": organization_id}
    async with database.transaction(organization_id) as session:
        rows = (await session.execute(_TICKETS, scope | {"most": most})).all()
        words = (await session.execute(_WORDS, scope)).all()
        refused = {tuple(row) for row in await session.execute(_REFUSED, scope)}
        articles = (await session.execute(_ARTICLES, scope)).all()
        tags = await read_tags(session, organization_id=organization_id)
    told: dict[UUID, dict[str, tuple[str, datetime]]] = defaultdict(dict)
    for row in words:
        told[row.ticket_id][row.field] = (row.final_value, row.created_at)
    texts = await asyncio.to_thread(lambda: [ticket_input(row.subject, row.body) for row in rows])
    about = [f"{row.title}. {row.summary}".strip() for row in articles]
    meanings = [*labels.categories.values(), *labels.teams.values()]
    vectors = await _vectors(database, embedder, organization_id, [*texts, *about, *meanings], now, alive)
    reader = _Reader({name: frozenset(labels.known(name)) for name in labels.fields}, tags, refused, now)
    tickets = await asyncio.to_thread(reader.read_all, rows, texts, vectors, told)
    of_articles = [
        Example(terms_of(words), vectors[words], {"category": row.category}, {}, is_ticket=False)
        for row, words in zip(articles, about, strict=True)
        if words in vectors
    ]
    of_category = [(row.category, words) for row, words in zip(articles, about, strict=True)]
    return Lesson(tickets, of_articles, _anchors(labels, of_category, vectors), tags)


@dataclass(frozen=True)
class _Reader:
    """Reads examples from rows.

    Attributes:
        known: the values there are, by field.
        refused: tickets with the fields of which somebody said that the prediction is wrong, and not what is right.
    """

    known: Mapping[str, frozenset[str]]
    tags: Sequence[str]
    refused: Collection[tuple[UUID, str]]
    now: datetime

    def read_all(
        self,
        rows: Sequence[Any],
        texts: Sequence[str],
        vectors: Mapping[str, NDArray[np.float32]],
        told: Mapping[UUID, Mapping[str, tuple[str, datetime]]],
    ) -> list[TicketExample]:
        found = [
            self._read(row, words, vectors[words], told.get(row.id, {}))
            for row, words in zip(rows, texts, strict=True)
            if words in vectors
        ]
        return sorted(
            (one for one in found if one.example.labels or one.example.fits_none), key=lambda one: one.opened_at
        )

    def _read(
        self, row: Any, words: str, vector: NDArray[np.float32], told: Mapping[str, tuple[str, datetime]]
    ) -> TicketExample:
        final = self._final(row) if row.settled_at is not None else {}
        said = {name: value for name, (value, _) in told.items() if value in self.known.get(name, ())}
        labels = final | said
        recency = 0.5 ** (max(self.now - row.created_at, timedelta()) / HALF_LIFE)
        weights = {name: recency * self._weight(row, name, told) for name in labels}
        # Refused, settled, and still without a value: none of those there are fits.
        empty = {name for name in ("category", "team") if row.settled_at is not None and getattr(row, name) is None}
        none = frozenset(name for name in empty if (row.id, name) in self.refused)
        example = Example(terms_of(words), vector, labels, weights, fits_none=none)
        told_at = {name: moment for name, (_, moment) in told.items() if name in said}
        return TicketExample(example, row.created_at, row.settled_at, told_at, row.id)

    def _final(self, row: Any) -> dict[str, str]:
        """Return the values a settled ticket was left with, as far as they are anybody's decision."""
        values = {name: value for name, known in self.known.items() if (value := getattr(row, name)) in known}
        for name in _GIVEN & values.keys():
            if row.decided_by.get(name) not in {"agent", "ai"}:
                del values[name]
        return values | {f"{TAG}{tag}": "yes" if tag in row.tags else "no" for tag in self.tags}

    def _weight(self, row: Any, name: str, told: Mapping[str, tuple[str, datetime]]) -> float:
        if name in told:
            return CORRECTION_WEIGHT
        return UNTOUCHED_WEIGHT if row.decided_by.get(name) == "ai" else 1.0


def _by(moment: datetime | None, limit: datetime) -> bool:
    return moment is not None and moment <= limit


async def _vectors(  # noqa: PLR0917 -- whose texts, which, and who is told
    database: Database,
    embedder: Embedder,
    organization_id: UUID,
    texts: Sequence[str],
    now: datetime,
    alive: Callable[[], Awaitable[None]] | None,
) -> dict[str, NDArray[np.float32]]:
    """Return vectors by text; a text that the model refuses has none."""
    wanted = [words for words in dict.fromkeys(texts) if words]
    found: dict[str, NDArray[np.float32]] = {}
    for start in range(0, len(wanted), _VECTORS_AT_ONCE):
        part = wanted[start : start + _VECTORS_AT_ONCE]
        found |= await _vectors_of_part(database, embedder, organization_id, part, now)
        if alive is not None:
            await alive()
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
