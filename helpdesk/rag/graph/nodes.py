"""What nodes of the graph stand for: which thing a reference means, and what things are called now."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.errors import NotFound


class NodeNotFound(NotFound):
    """There is no such thing in the graph."""


class NodeKind(StrEnum):
    """What a node stands for."""

    TICKET = "ticket"
    KB = "kb"
    ASSET = "asset"
    REQUESTER = "requester"
    COMPANY = "company"


@dataclass(frozen=True)
class Thing:
    """A ticket, article, asset, requester or company as it is called now.

    Attributes:
        reference: its number, slug, tag, e-mail address or name, by which people know it.
        state: of a ticket, article or asset.
    """

    kind: NodeKind
    id: UUID
    reference: str
    label: str
    state: str | None


# A merged ticket stands for the one it was merged into, however often that went on.
_TICKET = text("""
    WITH RECURSIVE meant (id, into_id, step) AS (
        SELECT t.id, t.merged_into_id, 0 FROM tickets t
         WHERE t.organization_id = :organization_id AND (t.id = :id OR t.number = :number)
        UNION ALL
        SELECT t.id, t.merged_into_id, m.step + 1 FROM meant m JOIN tickets t ON t.id = m.into_id
         WHERE t.organization_id = :organization_id AND m.step < 20)
    SELECT id FROM meant ORDER BY step DESC LIMIT 1
""")
_ARTICLE = text("""
    SELECT id FROM kb_articles WHERE organization_id = :organization_id AND (id = :id OR slug = lower(:reference))
""")
_ASSET = text("""
    SELECT id FROM assets WHERE organization_id = :organization_id AND (id = :id OR lower(tag) = lower(:reference))
     ORDER BY tag = :reference DESC LIMIT 1
""")
_REQUESTER = text("""
    SELECT id FROM contacts
     WHERE organization_id = :organization_id AND (id = :id OR lower(email) = lower(:reference))
""")
_COMPANY = text("""
    SELECT id FROM companies WHERE organization_id = :organization_id AND (id = :id OR name = :reference)
""")
_THINGS = text("""
    SELECT 'ticket' AS kind, t.id, t.number::text AS reference, t.subject AS label, t.status AS state FROM tickets t
     WHERE t.organization_id = :organization_id AND t.id = ANY(CAST(:ids AS uuid[]))
    UNION ALL
    SELECT 'kb', a.id, a.slug, v.title, a.state FROM kb_articles a
      JOIN kb_article_versions v ON v.article_id = a.id AND v.number = coalesce(a.published_version, a.latest_version)
     WHERE a.organization_id = :organization_id AND a.id = ANY(CAST(:ids AS uuid[]))
    UNION ALL
    SELECT 'asset', a.id, a.tag, a.name, a.status FROM assets a
     WHERE a.organization_id = :organization_id AND a.id = ANY(CAST(:ids AS uuid[]))
    UNION ALL
    SELECT 'requester', c.id, c.email, c.name, NULL FROM contacts c
     WHERE c.organization_id = :organization_id AND c.id = ANY(CAST(:ids AS uuid[]))
    UNION ALL
    SELECT 'company', c.id, c.name, c.name, NULL FROM companies c
     WHERE c.organization_id = :organization_id AND c.id = ANY(CAST(:ids AS uuid[]))
""")
_LARGEST_NUMBER = 2**63 - 1


async def thing_of(session: AsyncSession, *, organization_id: UUID, kind: NodeKind, reference: str) -> Thing:
    """Return what a reference means: an id, or a ticket's number, a slug, a tag, an e-mail address or a name.

    Raises:
        NodeNotFound
    """
    values = {
        "organization_id": organization_id,
        "id": _as_id(reference),
        "number": _as_number(reference),
        "reference": reference,
    }
    statement = _statement_of(kind)
    wanted = {name: value for name, value in values.items() if f":{name}" in statement.text}
    identifier = await session.scalar(statement, wanted)
    found = await things(session, organization_id=organization_id, ids=[] if identifier is None else [identifier])
    thing = next((each for each in found if each.kind is kind), None)
    if thing is None:
        raise NodeNotFound(f"There is no {kind} {reference!r}.")
    return thing


async def things(session: AsyncSession, *, organization_id: UUID, ids: Collection[UUID]) -> list[Thing]:
    """Return what there is of the things with these ids."""
    if not ids:
        return []
    rows = await session.execute(_THINGS, {"organization_id": organization_id, "ids": list(ids)})
    return [Thing(**(dict(row) | {"kind": NodeKind(row["kind"])})) for row in rows.mappings()]


def _statement_of(kind: NodeKind) -> TextClause:
    match kind:
        case NodeKind.TICKET:
            return _TICKET
        case NodeKind.KB:
            return _ARTICLE
        case NodeKind.ASSET:
            return _ASSET
        case NodeKind.REQUESTER:
            return _REQUESTER
        case NodeKind.COMPANY:
            return _COMPANY
        case _:
            assert_never(kind)


def _as_id(reference: str) -> UUID | None:
    try:
        return UUID(reference)
    except ValueError:
        return None


def _as_number(reference: str) -> int | None:
    digits = reference.removeprefix("#")
    return int(digits) if digits.isascii() and digits.isdigit() and int(digits) <= _LARGEST_NUMBER else None
