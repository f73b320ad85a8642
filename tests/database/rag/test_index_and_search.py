from __future__ import annotations

import pytest
from sqlalchemy import text

from helpdesk.kb.articles.commands import ArticleChanges, archive_article, publish_article, update_article
from helpdesk.kb.articles.publishing_commands import restore_article
from helpdesk.models.values import ArticleVisibility, SourceType
from helpdesk.rag.indexing.requests import request_index
from helpdesk.rag.retrieval.passages import chunks_of
from tests.database.rag.conftest import NOW, Desk

VPN = """# Connect to the VPN

Install the client from the software centre and sign in with your company account. It starts with the laptop from
then on and shows a green shield in the task bar while the tunnel is up, and a grey one while it is not.

## Error 809

The router blocks UDP ports 500 and 4500. Switch the router's IPsec passthrough on, then connect again. Where the
router belongs to a hotel, use the hotspot of your phone instead, since nobody there will change it for you.

## Error 0x80070005

The client lacks rights on `srv-vpn-01`. Ask the service desk for the group VPN-Users, sign out of the laptop and in
again, and wait for five minutes before the next try, because the group takes a while to arrive everywhere.
"""
PRINTER = """# The printer prints blank pages

Shake the toner cartridge of the LaserJet gently, put it back and print a test page from the control panel.
Replace the cartridge when the pages stay blank.
"""


async def test_a_published_article_is_found_by_its_meaning_and_by_its_words(desk: Desk) -> None:
    vpn = await desk.publish("Connect to the VPN", VPN)
    printer = await desk.publish("The printer prints blank pages", PRINTER)
    [report] = await desk.index_all()
    assert (report.documents, report.embedded) == (2, report.chunks)

    by_meaning = await desk.find("the sheets come out of the machine white and empty")
    by_code = await desk.find("0x80070005", by_words_only=True)

    assert by_meaning.results[0].source_id == printer.id
    assert (by_meaning.degraded, by_meaning.model) == (False, "all-minilm")
    assert by_code.results[0].source_id == vpn.id
    assert (by_code.degraded, by_code.model) == (True, None)
    best = by_code.results[0]
    assert [best.snippet[start:end] for start, end in best.highlights] == ["0x80070005"]
    assert best.heading_path == "Connect to the VPN > Error 0x80070005"
    assert VPN.strip()[best.char_start : best.char_end] == best.content


async def test_a_query_of_another_field_is_answered_with_nothing_and_a_reason(desk: Desk) -> None:
    await desk.publish("Connect to the VPN", VPN)
    await desk.publish("The printer prints blank pages", PRINTER)
    await desk.index_all()

    answer = await desk.find("recipe for a chocolate cake with cherries", floor=0.3)

    assert answer.results == []
    assert answer.abstained
    assert answer.reason
    assert (await desk.find("the VPN says error 809", floor=0.3)).results


async def test_an_edited_paragraph_costs_one_embedding_and_a_second_run_none(desk: Desk) -> None:
    article = await desk.publish("Connect to the VPN", VPN)
    [first] = await desk.index_all()
    assert first.chunks == 3

    async with desk.database.transaction(desk.organization_id) as session:
        changes = ArticleChanges(body=VPN.replace("five minutes", "ten minutes"))
        scope = {"organization_id": desk.organization_id, "article_id": article.id, "now": NOW}
        await update_article(session, changes=changes, author_id=None, **scope)
        await publish_article(session, **scope)
    [edited] = await desk.index_all()
    assert (edited.chunks, edited.embedded, edited.reused) == (3, 1, 2)

    async with desk.database.transaction(desk.organization_id) as session:
        await request_index(
            session, organization_id=desk.organization_id, source_type=SourceType.KB, source_id=article.id
        )
    [again] = await desk.index_all()
    assert (again.documents, again.unchanged, again.embedded) == (1, 1, 0)


async def test_an_archived_article_leaves_a_tombstone_and_comes_back_when_published(desk: Desk) -> None:
    article = await desk.publish("Connect to the VPN", VPN)
    await desk.index_all()
    scope = {"organization_id": desk.organization_id, "article_id": article.id, "now": NOW}

    async with desk.database.transaction(desk.organization_id) as session:
        await archive_article(session, **scope)
    [report] = await desk.index_all()
    assert report.deleted == 1
    assert (await desk.find("VPN error 809")).results == []
    assert await _counts(desk) == {"chunks": 0, "terms": 0, "documents": 1, "live": 0, "vectors": 0}

    async with desk.database.transaction(desk.organization_id) as session:
        await restore_article(session, **scope)
        await publish_article(session, **scope)
    await desk.index_all()
    assert (await desk.find("VPN error 809")).results[0].source_id == article.id
    assert (await _counts(desk))["live"] == 1


async def test_the_term_statistics_equal_a_recount_after_edits(desk: Desk) -> None:
    article = await desk.publish("Connect to the VPN", VPN)
    await desk.publish("The printer prints blank pages", PRINTER)
    await desk.index_all()
    scope = {"organization_id": desk.organization_id, "article_id": article.id, "now": NOW}
    for body in (VPN.split("## Error 0x", maxsplit=1)[0], VPN.replace("hotel", "airport"), VPN):
        async with desk.database.transaction(desk.organization_id) as session:
            await update_article(session, changes=ArticleChanges(body=body), author_id=None, **scope)
            await publish_article(session, **scope)
        await desk.index_all()

    async with desk.database.transaction(desk.organization_id) as session:
        kept = await session.execute(text("SELECT term, df FROM rag_term_stats WHERE df > 0 ORDER BY term"))
        real = await session.execute(
            text("SELECT t AS term, count(*) AS df FROM rag_chunks, unnest(terms) AS t GROUP BY t ORDER BY t")
        )
        assert kept.all() == real.all()
        corpus = (await session.execute(text("SELECT chunks, total_length FROM rag_corpus_stats"))).one()
        assert corpus == (await session.execute(text("SELECT count(*), sum(length) FROM rag_chunks"))).one()


async def test_the_score_of_the_database_is_bm25(desk: Desk) -> None:
    await desk.publish("Connect to the VPN", VPN)
    await desk.publish("The printer prints blank pages", PRINTER)
    await desk.index_all()
    answer = await desk.find("router cartridge pages", by_words_only=True, limit=10)

    async with desk.database.transaction(desk.organization_id) as session:
        reference = await session.execute(
            text("""
                SELECT c.id, -(c.bm25 <#> (SELECT ('{' || string_agg(s.term || ':' || ln(1 + (n.n - s.df + 0.5)
                       / (s.df + 0.5)), ',' ORDER BY s.term) || '}/1000000000')::sparsevec
                       FROM rag_term_stats s, (SELECT sum(chunks) AS n FROM rag_corpus_stats) n
                      WHERE s.term = ANY(CAST(:terms AS int[])))) AS score FROM rag_chunks c
            """),
            {"terms": _terms(desk, "router cartridge pages")},
        )
        scores = {row.id: row.score for row in reference}
    assert len(answer.results) == 2
    for result in answer.results:
        assert result.signals["bm25"] == pytest.approx(scores[result.chunk_id], abs=1e-5)


def _terms(desk: Desk, words: str) -> list[int]:
    from helpdesk.rag.text.terms import query_terms

    return query_terms(words, organization_id=desk.organization_id)


async def test_what_agents_keep_to_themselves_is_never_public(desk: Desk) -> None:
    secret = await desk.publish(
        "Master keys", "The master key of the server room hangs in the grey safe.", visibility=ArticleVisibility.AGENTS
    )
    await desk.index_all()

    for words in ("master key server room", "grey safe"):
        assert (await desk.find(words)).results == []
        both = await desk.find(words, visibility=("public", "internal"))
        assert [result.source_id for result in both.results] == [secret.id]
    async with desk.database.transaction(desk.organization_id) as session:
        documents = [both.results[0].document_id]
        scope = {"organization_id": desk.organization_id, "document_ids": documents}
        assert await chunks_of(session, **scope) == []
        assert len(await chunks_of(session, **scope, visibility=("internal",))) == 1


async def test_an_article_made_internal_disappears_from_public_without_a_new_vector(desk: Desk) -> None:
    article = await desk.publish("Connect to the VPN", VPN)
    await desk.index_all()
    desk.embedder.texts.clear()
    async with desk.database.transaction(desk.organization_id) as session:
        await update_article(
            session,
            organization_id=desk.organization_id,
            article_id=article.id,
            changes=ArticleChanges(visibility=ArticleVisibility.AGENTS),
            author_id=None,
            now=NOW,
        )
    [report] = await desk.index_all()
    assert (report.embedded, desk.embedder.texts) == (0, [])
    assert (await desk.find("VPN error 809")).results == []
    assert (await desk.find("VPN error 809", visibility=("internal",))).results


async def test_the_source_that_asks_is_not_its_own_answer(desk: Desk) -> None:
    article = await desk.publish("Connect to the VPN", VPN)
    await desk.index_all()
    assert (await desk.find("VPN error 809", exclude_source=article.id)).results == []
    assert (await desk.find("VPN error 809", types=(SourceType.TICKET,))).results == []


async def _counts(desk: Desk) -> dict[str, int]:
    async with desk.database.transaction(desk.organization_id) as session:
        row = await session.execute(
            text("""
                SELECT (SELECT count(*) FROM rag_chunks) AS chunks,
                       (SELECT coalesce(sum(df), 0) FROM rag_term_stats) AS terms,
                       (SELECT count(*) FROM rag_documents) AS documents,
                       (SELECT count(*) FROM rag_documents WHERE deleted_at IS NULL) AS live,
                       (SELECT count(*) FROM rag_embeddings_m1) AS vectors
            """)
        )
        return dict(row.mappings().one())
