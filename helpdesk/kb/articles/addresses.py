"""The addresses of articles: one article has each."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import Conflict
from helpdesk.kb.articles.slugs import slug_of
from helpdesk.models.kb import Article

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_UNIQUE_VIOLATION = "23505"


class SlugTaken(Conflict):
    """Another article has this address."""


async def free_slug(
    session: AsyncSession, *, organization_id: UUID, slug: str | None, title: str, identifier: UUID
) -> str:
    """Return the address of a new article: the one asked for, or one made of its title.

    Raises:
        SlugTaken: the one asked for is another article's.
    """
    wanted = slug_of(title, fallback=f"article-{identifier.hex[-8:]}")
    if slug is not None:
        wanted = slug if _SLUG.fullmatch(slug) else slug_of(slug, fallback=wanted)
    taken = set(
        await session.scalars(
            select(Article.slug).where(
                Article.organization_id == organization_id,
                (Article.slug == wanted) | Article.slug.startswith(f"{wanted}-", autoescape=True),
            )
        )
    )
    if wanted not in taken:
        return wanted
    if slug is not None:
        raise SlugTaken(f"Another article has the address {wanted}.", slug=wanted)
    number = 2
    while f"{wanted}-{number}" in taken:
        number += 1
    return f"{wanted}-{number}"


@asynccontextmanager
async def address_for_one(slug: str, session: AsyncSession) -> AsyncIterator[None]:
    """Turn the database's refusal of a second article into a sentence: two may have looked at the same time.

    Raises:
        SlugTaken: the address or the external id is another article's by now.
    """
    try:
        async with session.begin_nested():
            yield
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) == _UNIQUE_VIOLATION:
            raise SlugTaken(f"Another article has the address {slug}, or the same external id.", slug=slug) from error
        raise
