"""The names that files use for what has ids: categories and owners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.kb.markdown.files import MarkdownArticle
from helpdesk.models.accounts import Category, User


@dataclass(frozen=True)
class Named:
    """An organisation's categories and users, there and back.

    Attributes:
        categories: ids by slug and by name, in lower case.
        owners: ids of active users by e-mail address, in lower case.
        slugs: of categories by id.
        emails: of users by id, active or not.
    """

    categories: dict[str, UUID]
    owners: dict[str, UUID]
    slugs: dict[UUID, str]
    emails: dict[UUID, str]

    def ids_of(self, wanted: MarkdownArticle) -> tuple[dict[str, Any], list[str]]:
        """Return the ids that a file names, and a sentence for each name that stands for nobody here."""
        ids: dict[str, Any] = {}
        notes: list[str] = []
        if wanted.category is not None:
            ids["category_id"] = self.categories.get(wanted.category.lower())
            if ids["category_id"] is None:
                notes.append(f"There is no category {wanted.category!r} here.")
        if wanted.owner is not None:
            ids["owner_id"] = self.owners.get(wanted.owner.lower())
            if ids["owner_id"] is None:
                notes.append(f"There is no active user {wanted.owner!r} here.")
        return ids, notes


async def names_in(session: AsyncSession, *, organization_id: UUID) -> Named:
    """Return the names of an organisation."""
    categories = (
        await session.execute(
            select(Category.id, Category.slug, Category.name).where(Category.organization_id == organization_id)
        )
    ).all()
    users = (
        await session.execute(select(User.id, User.email, User.active).where(User.organization_id == organization_id))
    ).all()
    return Named(
        categories={row.name.lower(): row.id for row in categories} | {row.slug: row.id for row in categories},
        owners={row.email.lower(): row.id for row in users if row.active},
        slugs={row.id: row.slug for row in categories},
        emails={row.id: row.email for row in users},
    )
