"""The values there are to choose from, and how many labels there are to learn from."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.accounts.ai_policy_queries import ai_policy_of
from helpdesk.ai.runs.record import sha256_of
from helpdesk.models.values import TicketPriority, TicketType

# What each classifier is trained for; impact and urgency only where a matrix makes a priority of them.
FIELDS = ("category", "priority", "team", "type")
# A tag is a question of its own, `tag:vpn`, with yes and no for its values.
TAG = "tag:"
# Tags that were used less often teach nothing, and more of them cost more than they are worth.
_LEAST_TAGGED = 20
_MOST_TAGS = 12

_CATEGORIES = text("""
    SELECT c.slug, c.name, c.description, g.slug AS team
      FROM categories c LEFT JOIN teams g ON g.id = c.team_id
     WHERE c.organization_id = :organization_id ORDER BY c.slug
""")
_TEAMS = text("SELECT slug, name, description FROM teams WHERE organization_id = :organization_id ORDER BY slug")
_TAGS = text("""
    SELECT tag FROM tickets, unnest(tags) AS tag
     WHERE organization_id = :organization_id AND status IN ('solved', 'closed')
     GROUP BY tag HAVING count(*) >= :least ORDER BY count(*) DESC, tag LIMIT :most
""")
_COUNT = text("""
    SELECT (SELECT count(*) FROM tickets WHERE organization_id = :organization_id AND status IN ('solved', 'closed'))
         + (SELECT count(*) FROM triage_feedback WHERE organization_id = :organization_id AND verdict = 'correct')
           AS labels,
           (SELECT max(created_at) FROM triage_feedback WHERE organization_id = :organization_id) AS last_word_at
""")


@dataclass(frozen=True)
class Labels:
    """The values there are to choose from.

    Attributes:
        categories: what each category means, by slug.
        teams: what each team does, by slug.
        team_of: the team that usually answers a category.
        impacts, urgencies: the levels that the matrix of priorities names; empty where there is none.
    """

    categories: dict[str, str]
    teams: dict[str, str]
    team_of: dict[str, str]
    impacts: list[str] = field(default_factory=list)
    urgencies: list[str] = field(default_factory=list)

    def known(self, field: str) -> list[str]:
        """Return the values of a field."""
        if field.startswith(TAG):
            return ["no", "yes"]
        by_field = {
            "category": list(self.categories),
            "team": list(self.teams),
            "priority": [str(level) for level in TicketPriority],
            "type": [str(kind) for kind in TicketType],
            "impact": self.impacts,
            "urgency": self.urgencies,
        }
        return by_field[field]

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the fields with one value each that the classifier is trained for."""
        return (*FIELDS, "impact", "urgency") if self.impacts else FIELDS

    @property
    def basis(self) -> str:
        """Return the hash of all there is to choose from."""
        parts: list[object] = [self.categories, self.teams, self.team_of]
        return sha256_of([*parts, self.impacts, self.urgencies] if self.impacts else parts)


@dataclass(frozen=True)
class Supply:
    """What there is to learn from: resolved tickets and corrections, and when somebody last judged a prediction."""

    labels: int
    last_word_at: datetime | None


async def read_labels(session: AsyncSession, *, organization_id: UUID) -> Labels:
    """Return the organisation's categories, teams, and levels of impact and urgency."""
    categories = (await session.execute(_CATEGORIES, {"organization_id": organization_id})).all()
    teams = (await session.execute(_TEAMS, {"organization_id": organization_id})).all()
    matrix = (await ai_policy_of(session, organization_id=organization_id)).triage.priority_matrix
    return Labels(
        categories={row.slug: f"{row.name}. {row.description}".strip() for row in categories},
        teams={row.slug: f"{row.name}. {row.description}".strip() for row in teams},
        team_of={row.slug: row.team for row in categories if row.team is not None},
        impacts=list(matrix),
        urgencies=list(next(iter(matrix.values()), {})),
    )


async def read_tags(session: AsyncSession, *, organization_id: UUID) -> list[str]:
    """Return the tags that were used often enough to learn from, the commonest first."""
    values = {"organization_id": organization_id, "least": _LEAST_TAGGED, "most": _MOST_TAGS}
    return list((await session.scalars(_TAGS, values)).all())


async def count_supply(session: AsyncSession, *, organization_id: UUID) -> Supply:
    """Return how much there is to learn from."""
    row = (await session.execute(_COUNT, {"organization_id": organization_id})).one()
    return Supply(row.labels, row.last_word_at)
