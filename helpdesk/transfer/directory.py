"""The categories and teams that rows name, by slug or by name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.accounts.commands import AlreadyThere, create_category
from helpdesk.kb.articles.slugs import slug_of
from helpdesk.models.accounts import Category, Team
from helpdesk.transfer.rows import RowRefused

_LONGEST_NAME = 200


@dataclass(frozen=True)
class KnownCategory:
    """A category of the organisation."""

    id: UUID
    slug: str
    name: str


@dataclass(frozen=True)
class Directory:
    """What an organisation has now, by slug and by name in small letters."""

    categories: dict[str, KnownCategory]
    teams: dict[str, str]

    def category(self, said: str) -> KnownCategory | None:
        """Return the category of a name or slug, None where there is none."""
        return self.categories.get(said.lower()) or self.categories.get(category_slug(said))

    def team(self, said: str) -> str:
        """Return the slug of a team; raise RowRefused where there is none."""
        found = self.teams.get(said.lower())
        if found is None:
            raise RowRefused(
                f"There is no team {said!r}; make it, or leave the column out with --map team=.", field="team"
            )
        return found


async def read_directory(session: AsyncSession, *, organization_id: UUID) -> Directory:
    """Return the categories and teams of an organisation."""
    found = await session.execute(
        select(Category.id, Category.slug, Category.name).where(Category.organization_id == organization_id)
    )
    known = [KnownCategory(row.id, row.slug, row.name) for row in found]
    teams = await session.execute(select(Team.slug, Team.name).where(Team.organization_id == organization_id))
    return Directory(
        categories={category.name.lower(): category for category in known}
        | {category.slug: category for category in known},
        teams={key: row.slug for row in teams for key in (row.name.lower(), row.slug)},
    )


async def add_categories(
    session: AsyncSession,
    *,
    organization_id: UUID,
    names: Iterable[str | None],
    directory: Directory,
    dry_run: bool,
    made: list[str],
) -> None:
    """Make the categories that rows name and the organisation has not.

    Args:
        dry_run: only list them.
        made: gets the names of those made.
    """
    for name in dict.fromkeys(names):
        if not name or directory.category(name) is not None or len(name) > _LONGEST_NAME or name in made:
            continue
        slug = category_slug(name)
        if not dry_run:
            try:
                row = await create_category(session, organization_id=organization_id, slug=slug, name=name)
            except AlreadyThere:
                # Somebody made it in this moment; the next batch finds it.
                continue
            directory.categories[slug] = KnownCategory(row.id, slug, name)
        made.append(name)


def category_slug(name: str) -> str:
    """Return the slug a category of this name gets."""
    return slug_of(name, fallback=f"category-{hashlib.sha256(name.encode()).hexdigest()[:8]}")
