"""Whatever is asked, nothing of another organisation and nothing above the audience comes back."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import text

from helpdesk.database.base import new_id
from helpdesk.database.engine import Database
from helpdesk.models.accounts import Organization
from helpdesk.models.values import SourceType
from helpdesk.rag.maintenance.thresholds import Limits
from helpdesk.rag.retrieval.nearest import nearest
from helpdesk.rag.retrieval.query import Audience, SearchFilters, SearchQuery, visible_to
from helpdesk.rag.retrieval.search import search
from helpdesk.settings import Settings
from tests.database.rag.corpus import DIMS, Corpus, open_corpus
from tests.database.rag.test_vector_indexes import maintained

ORGANIZATIONS = 5
QUERIES = 60
WORDS = ("router", "printer", "password", "tunnel", "mailbox", "screen", "licence", "backup")
TAGS = ("vpn", "mail", "print")
KINDS = tuple(SourceType)
VISIBILITIES = {
    SourceType.KB: ("public", "customers", "internal"),
    SourceType.TICKET: ("public", "internal"),
    SourceType.ASSET: ("internal",),
}
# Tables that belong to no organisation.
SHARED = {"rag_embedding_models"}


@dataclass(frozen=True)
class Written:
    """What was written of one source."""

    organization_id: UUID
    kind: SourceType
    visibility: str
    tag: str
    language: str
    settled: bool


async def write_everything(corpus: Corpus, rng: random.Random) -> tuple[list[UUID], dict[UUID, Written]]:
    """Write the same words and vectors for every organisation: nothing but the filter tells them apart."""
    organizations, written = [], {}
    points = corpus.draw(12)
    for number in range(ORGANIZATIONS):
        owner = new_id()
        organizations.append(owner)
        async with corpus.database.transaction(owner) as session:
            session.add(Organization(id=owner, slug=f"o-{owner.hex[-8:]}", name="One of many"))
        for kind in KINDS:
            for visibility in VISIBILITIES[kind]:
                for tag in TAGS:
                    count = rng.randint(1, 4) * (10 if number == 0 else 1)
                    language, settled = rng.choice(("en", "de")), rng.random() < 0.5
                    added = await corpus.add(
                        owner,
                        [" ".join(rng.choices(WORDS, k=5)) for _ in range(count)],
                        vectors=points[[rng.randrange(12) for _ in range(count)]],
                        source_type=kind,
                        visibility=visibility,
                        meta={"tags": [tag], "settled": settled},
                        language=language,
                    )
                    kept = Written(owner, kind, visibility, tag, language, settled)
                    written.update(dict.fromkeys(added.sources, kept))
    return organizations, written


async def link_at_random(corpus: Corpus, organizations: list[UUID], written: dict[UUID, Written]) -> None:
    """Put every source into its organisation's graph, and let tickets point to everything."""
    for owner in organizations:
        async with corpus.database.transaction(owner) as session:
            await session.execute(
                text("""
                    INSERT INTO rag_nodes (id, organization_id, kind, source_id, label)
                    SELECT gen_random_uuid(), organization_id, source_type, source_id, 'x' FROM rag_documents
                """)
            )
            await session.execute(
                text("""
                    INSERT INTO rag_edges (source, destination, kind, organization_id, origin)
                    SELECT a.id, b.id,
                           CASE b.kind WHEN 'kb' THEN 'solved_by' WHEN 'asset' THEN 'about' ELSE 'similar' END,
                           a.organization_id, 'rule'
                      FROM rag_nodes a JOIN rag_nodes b ON b.id > a.id AND hashtext(a.id::text || b.id::text) % 4 = 0
                     WHERE a.kind = 'ticket'
                """)
            )


@pytest.fixture
async def corpus(database: Database) -> Corpus:
    return await open_corpus(database)


async def test_nothing_of_others_and_nothing_above_the_audience_comes_back(corpus: Corpus, settings: Settings) -> None:
    rng = random.Random(20261122)
    organizations, written = await write_everything(corpus, rng)
    await link_at_random(corpus, organizations, written)
    found = 0
    for indexed in (False, True):
        if indexed:
            done = await maintained(settings, limits=Limits(build_above=30, drop_below=5))
            assert len(done.built) >= 3
        for _ in range(QUERIES):
            found += await ask_anything(corpus, rng, organizations, written)
    # The queries are not so narrow that they prove nothing.
    assert found > 1000


async def ask_anything(
    corpus: Corpus, rng: random.Random, organizations: list[UUID], written: dict[UUID, Written]
) -> int:
    owner, audience = rng.choice(organizations), rng.choice(tuple(Audience))
    kinds = tuple(rng.sample(KINDS, rng.randint(1, 3)))
    filters = SearchFilters(
        tags=tuple(rng.sample(TAGS, rng.randint(1, 2))) if rng.random() < 0.3 else (),
        language=rng.choice(("en", "de")) if rng.random() < 0.3 else None,
        settled=rng.random() < 0.5 if rng.random() < 0.3 else None,
    )
    vector = corpus.draw(1)[0] if rng.random() < 0.7 else None
    query = SearchQuery(
        " ".join(rng.choices(WORDS, k=rng.randint(1, 6))),
        vector=vector,
        types=kinds,
        visibility=visible_to(audience),
        limit=200,
        floor=0,
        filters=filters,
        # Sources of others may be named, too.
        exclude_source=rng.choice([None, *written]),
    )
    async with corpus.database.transaction(owner) as session:
        results = (await search(session, organization_id=owner, query=query)).results
        near = await nearest(
            session,
            organization_id=owner,
            vector=np.ones(DIMS, np.float32) / DIMS**0.5 if vector is None else vector,
            source_types=kinds,
            k=50,
            visibility=visible_to(audience),
        )
    for result in results:
        source = written[result.source_id]
        assert source.organization_id == owner
        assert source.visibility in visible_to(audience)
        assert source.kind in kinds
        assert audience is Audience.AGENTS or source.kind is SourceType.KB
        assert not filters.tags or source.tag in filters.tags
        assert filters.language in (None, source.language)
        assert filters.settled is None or source.kind is not SourceType.TICKET or source.settled == filters.settled
        assert result.source_id != query.exclude_source
    for close in near:
        source = written[close.source_id]
        assert (source.organization_id, source.visibility in visible_to(audience)) == (owner, True)
        assert source.kind in kinds
    return len(results)


async def test_every_table_that_the_functions_read_is_read_by_organisation(corpus: Corpus) -> None:
    async with corpus.database.transaction(None, role="atum_owner") as session:
        rows = await session.execute(
            text("SELECT proname, prosrc FROM pg_proc WHERE proowner = 'atum_search'::regrole ORDER BY 1")
        )
        bodies = {row.proname: row.prosrc for row in rows}
    assert {"rag_nearest", "rag_scan", "rag_search", "rag_votes"} <= set(bodies)
    for name, body in bodies.items():
        for table, alias in re.findall(r"(?:FROM|JOIN)\s+(rag_\w+|%\d*\$?I)\s+(\w+)", body):
            if table not in SHARED:
                pattern = rf"\b{alias}\.organization_id (?:=|IS NOT DISTINCT FROM) (?:\$1|%L|organization)"
                assert re.search(pattern, body), f"{name} reads {table} {alias} of every organisation"


async def test_functions_that_see_everything_read_tables_only_with_an_alias(corpus: Corpus) -> None:
    """Without one, the test above would not see them."""
    async with corpus.database.transaction(None, role="atum_owner") as session:
        bodies = (
            await session.scalars(text("SELECT prosrc FROM pg_proc WHERE proowner = 'atum_search'::regrole"))
        ).all()
    for body in bodies:
        assert not re.search(r"(?:FROM|JOIN)\s+(?:rag_\w+|%\d*\$?I)\s*(?:WHERE|ON|JOIN|,|;|\))", body), body
