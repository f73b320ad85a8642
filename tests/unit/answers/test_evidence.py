from __future__ import annotations

from typing import Any
from uuid import UUID

from helpdesk.answers.evidence import Evidence, gather_evidence
from helpdesk.demo.files import articles, live_tickets
from tests.database.desk import NOW
from tests.unit.answers.pack import document


async def by_words(markdown: str, question: str) -> Evidence:
    nothing: Any = None  # words need neither a database nor an embedder
    return await gather_evidence(
        nothing,
        nothing,
        organization_id=UUID(int=1),
        question=question,
        vector=None,
        documents=[document("An article", markdown)],
        now=NOW,
    )


def gaps(evidence: Evidence) -> list[str]:
    """Return steps that are missing before quoted steps of the same list."""
    quoted = {quote.unit.order for quote in evidence.quotes}
    last = {quote.unit.run: quote.unit.order for quote in evidence.quotes if quote.unit.kind == "step"}
    units = {unit.order: unit for source in evidence.sources for unit in source.document.units}
    return [
        unit.text
        for unit in units.values()
        if unit.kind == "step" and unit.order < last.get(unit.run, 0) and unit.order not in quoted
    ]


async def test_no_list_of_the_demonstration_is_quoted_with_steps_missing_between() -> None:
    questions = [f"{ticket['subject']} {ticket['body']}" for ticket in live_tickets()]
    for article in articles():
        for question in questions:
            assert gaps(await by_words(article.body, question)) == [], article.title
