"""Score suggestions: does the search put first what solved the ticket, and does its relevance keep what it promises?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from helpdesk.evaluation.asked import (
    Article,
    Asked,
    described,
    from_file,
    judged_by_people,
    read_articles,
    solved_with_articles,
)
from helpdesk.evaluation.labelled_files import LabelledFile
from helpdesk.evaluation.sample import Gathering, Sample
from helpdesk.evaluation.work import Work
from helpdesk.kb.suggestions.floor import floor_for
from helpdesk.kb.suggestions.suggesting import MOST_SUGGESTIONS
from helpdesk.models.values import SourceType
from helpdesk.rag.embedding.models import active_model
from helpdesk.rag.retrieval.query import Audience, SearchQuery, SearchResult, visible_to
from helpdesk.rag.retrieval.search import search

_RANKED = ("hit_1", "hit_5", "mrr_5", "shown", "right_of_shown", "calibration_error")
_TOLD_EVERY = 20


async def score_suggestions(work: Work, file: LabelledFile | None) -> list[Sample]:
    """Return a sample of questions that articles answer, and one of those that nothing answers.

    Raises:
        ModelBusy: there are no vectors.
    """
    articles = await read_articles(work)
    asked = from_file(work, articles, file, part="suggestions") if file else await _own(work, articles)
    work.data["suggestions"] = described(
        asked, file, "verdicts of people, and settled tickets whose solution names an article"
    )
    vectors = await work.vectors("suggestions", [one.question.text or "-" for one in asked])
    floor = await _floor(work)
    ranked = Gathering("suggestions", "articles", _RANKED, "questions with an article that answers them")
    nothing = Gathering("suggestions", "out_of_scope", ("left_alone",), "questions that no article answers")
    for done, (one, vector) in enumerate(zip(asked, vectors, strict=True)):
        if work.late("suggestions", done, len(asked)):
            break
        if done % _TOLD_EVERY == 0:
            work.tell("suggestions", done, len(asked))
        found = await _search(work, one, vector)
        if one.answered_by:
            ranked.add(one.key, **_case(one, found, floor))
        else:
            nothing.add(one.key, left_alone=int(not found or found[0].relevance < floor))
    return [ranked.sample(), nothing.sample()]


async def _own(work: Work, articles: dict[UUID, Article]) -> list[Asked]:
    judged = await judged_by_people(work, articles, part="suggestions")
    known = {one.ticket_id for one in judged if one.ticket_id is not None}
    solved = await solved_with_articles(work, articles, part="suggestions")
    more = [one for one in solved if one.ticket_id not in known]
    if judged:
        work.notes.append(
            f"{len(judged)} of the questions of suggestions were judged by people; "
            "the ranking may have learnt from them."
        )
    return [*judged, *more][: work.most("suggestions")]


async def _floor(work: Work) -> float:
    wanted = work.settings.kb_wanted_precision
    async with work.database.transaction(work.organization_id) as session:
        model = await active_model(session)
        name = None if model is None else model.name
        return (await floor_for(session, **work.scope, model=name, wanted=wanted, now=work.now)).value


async def _search(work: Work, asked: Asked, vector: NDArray[np.float32]) -> Sequence[SearchResult]:
    query = SearchQuery(
        text=asked.question.text,
        vector=vector,
        types=(SourceType.KB,),
        visibility=visible_to(Audience.AGENTS),
        limit=MOST_SUGGESTIONS,
        floor=0.0,
        # The ticket itself is linked with the article that solved it.
        exclude_source=asked.ticket_id,
    )
    async with work.database.transaction(work.organization_id) as session:
        return (await search(session, **work.scope, query=query)).results


def _case(asked: Asked, found: Sequence[SearchResult], floor: float) -> dict[str, Any]:
    places = [place for place, one in enumerate(found) if one.source_id in asked.answered_by]
    first = int(bool(places) and places[0] == 0)
    promised = found[0].relevance if found else 0.0
    return {
        "first": first,
        "in_five": int(bool(places)),
        "reciprocal": 1 / (places[0] + 1) if places else 0.0,
        "shown": int(promised >= floor and bool(found)),
        "promised": promised,
        "right": first,
    }
