"""From claimed tasks to the work they mean: what is new, what is the same, what is gone."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.engine import Database
from helpdesk.models.values import SourceType
from helpdesk.rag.embedding.models import ActiveModel, active_model
from helpdesk.rag.indexing.claim import IndexTaskInHand
from helpdesk.rag.indexing.difference import Difference, StoredChunk, difference
from helpdesk.rag.indexing.load import load_sources
from helpdesk.rag.indexing.sources import Composed, Draft, Source, compose
from helpdesk.rag.indexing.stored import StoredDocument, stored_chunks, stored_documents
from helpdesk.rag.text.chunking import cutting_rules, passage_chars


@dataclass(frozen=True)
class Change:
    """A source whose document differs from it."""

    task: IndexTaskInHand
    source: Source
    composed: Composed
    difference: Difference

    @property
    def inputs(self) -> list[str]:
        """Return the texts whose vectors are missing, without the model's prefix."""
        return [draft.embedded for draft in self.difference.to_embed()]

    @property
    def question(self) -> Draft | None:
        """Return what a ticket asks: its first passage, whose vector stands for the ticket; None for other sources."""
        is_ticket = self.task.source_type is SourceType.TICKET
        return self.composed.drafts[0] if is_ticket and self.composed.drafts else None


@dataclass
class Prepared:
    """A batch of tasks sorted by what is to be done.

    Attributes:
        unchanged: pairs of task and the source's version.
        gone: sources that have no place in the index.
        faulty: sources that cannot be read as they are, with the reason.
    """

    changes: list[Change] = field(default_factory=list)
    unchanged: list[tuple[IndexTaskInHand, int]] = field(default_factory=list)
    gone: list[IndexTaskInHand] = field(default_factory=list)
    faulty: list[tuple[IndexTaskInHand, str]] = field(default_factory=list)


async def prepare(database: Database, tasks: Sequence[IndexTaskInHand]) -> Prepared:
    """Load the tasks' sources in bulk, one transaction an organisation, and compare them with the index."""
    prepared = Prepared()
    by_organization: defaultdict[UUID, list[IndexTaskInHand]] = defaultdict(list)
    for task in tasks:
        by_organization[task.organization_id].append(task)
    for organization_id, own in by_organization.items():
        async with database.transaction(organization_id) as session:
            model = await active_model(session)
            most_chars = passage_chars(None if model is None else model.max_input_tokens)
            found = await _read(session, own, model=model, rules=cutting_rules(most_chars), prepared=prepared)
        for task, source, chunks in found:
            # Cutting computes: whoever else has something to do goes first.
            await asyncio.sleep(0)
            try:
                composed = compose(source, most_chars=most_chars)
            except Exception as error:  # whatever a text does to a parser is the text's own fault
                prepared.faulty.append((task, f"{type(error).__name__}: {error}"))
                continue
            prepared.changes.append(Change(task, source, composed, difference(chunks, composed.drafts)))
    return prepared


_Found = list[tuple[IndexTaskInHand, Source, list[StoredChunk]]]


async def _read(
    session: AsyncSession,
    tasks: Sequence[IndexTaskInHand],
    *,
    model: ActiveModel | None,
    rules: int,
    prepared: Prepared,
) -> _Found:
    found: _Found = []
    by_type: defaultdict[SourceType, list[IndexTaskInHand]] = defaultdict(list)
    for task in tasks:
        by_type[task.source_type].append(task)
    for source_type, own in by_type.items():
        found.extend(await _read_type(session, source_type, own, model=model, rules=rules, prepared=prepared))
    return found


async def _read_type(
    session: AsyncSession,
    source_type: SourceType,
    tasks: Sequence[IndexTaskInHand],
    *,
    model: ActiveModel | None,
    rules: int,
    prepared: Prepared,
) -> _Found:
    organization_id = tasks[0].organization_id
    ids = [task.source_id for task in tasks]
    sources = await load_sources(session, organization_id=organization_id, source_type=source_type, ids=ids)
    documents = await stored_documents(session, organization_id=organization_id, source_type=source_type, ids=ids)
    changed: list[tuple[IndexTaskInHand, Source]] = []
    for task in tasks:
        source = sources.get(task.source_id)
        if source is None:
            # What is there now decides, not what was asked for: an article may have come back since.
            prepared.gone.append(task)
        elif _is_unchanged(source, documents.get(task.source_id), rules):
            prepared.unchanged.append((task, source.version))
        else:
            changed.append((task, source))
    known = {source.id: documents[source.id].id for _, source in changed if source.id in documents}
    chunks = await stored_chunks(session, organization_id=organization_id, documents=list(known.values()), model=model)
    return [(task, source, chunks.get(known[source.id], []) if source.id in known else []) for task, source in changed]


def _is_unchanged(source: Source, document: StoredDocument | None, rules: int) -> bool:
    if document is None or document.deleted_at is not None:
        return False
    return document.content_hash == source.content_hash and document.chunker_version == rules
