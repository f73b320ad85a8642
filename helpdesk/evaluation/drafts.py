"""Score reply drafts: who gets one, what it cites, and what of it no cited article bears out; and what agents did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from helpdesk.ai.model import Models
from helpdesk.ai.providers.no_model import NoModel
from helpdesk.evaluation.asked import Article, Asked, described, from_file, read_articles, solved_with_articles
from helpdesk.evaluation.labelled_files import LabelledFile
from helpdesk.evaluation.sample import Gathering, Sample
from helpdesk.evaluation.support import is_supported
from helpdesk.evaluation.work import Work
from helpdesk.replies.draft import Draft
from helpdesk.replies.drafting import Drafting
from helpdesk.replies.evidence import look_up
from helpdesk.replies.pipeline import draft_for

_ANSWERED = ("answered", "cites_right", "search_right", "ids_exist", "unsupported")
_DECIDED = ("sent", "unedited", "edit_distance")
_TICKET = "T"

# Drafts that somebody decided on, the latest.
_OUTCOMES = text("""
    SELECT id, outcome, edit_distance FROM reply_drafts
     WHERE organization_id = :organization_id AND outcome IS NOT NULL AND created_at <= :now
     ORDER BY created_at DESC, id LIMIT :most
""")


async def score_drafts(work: Work, file: LabelledFile | None) -> list[Sample]:
    """Return samples of questions that articles answer, of those that nothing answers, and of what agents decided.

    Raises:
        ModelBusy: there are no vectors.
    """
    articles = await read_articles(work)
    asked = _readable(work, articles, file) if file else await _own(work, articles)
    work.data["drafts"] = described(
        asked, file, "settled tickets whose solution names an article that customers may read"
    )
    answered = Gathering("drafts", "articles", _ANSWERED, "questions with an article for customers")
    nothing = Gathering("drafts", "out_of_scope", ("left_alone",), "questions that no article answers")
    drafting = _drafting(work)
    for done, one in enumerate(asked):
        if work.late("drafts", done, len(asked)):
            break
        work.tell("drafts", done, len(asked))
        draft = await draft_for(drafting, one.question)
        await _record(work, draft)
        if one.answered_by:
            answered.add(one.key, **_case(one, draft, articles, first=await _first(drafting, one)))
        else:
            nothing.add(one.key, left_alone=int(draft.abstained))
    return [answered.sample(), nothing.sample(), await _outcomes(work)]


def _readable(work: Work, articles: Mapping[UUID, Article], file: LabelledFile) -> list[Asked]:
    """Return a file's questions without those that only an article for agents answers: no reply may quote that."""
    asked = from_file(work, articles, file, part="drafts")
    left = [one for one in asked if all(articles[right].for_customers for right in one.answered_by)]
    if len(left) < len(asked):
        work.notes.append(
            f"{len(asked) - len(left)} questions were left out of drafts: customers may not read the article."
        )
    return left


async def _own(work: Work, articles: Mapping[UUID, Article]) -> list[Asked]:
    readable = {identifier: one for identifier, one in articles.items() if one.for_customers}
    return await solved_with_articles(work, readable, part="drafts")


def _drafting(work: Work) -> Drafting:
    models = work.models
    if not work.ask_model:
        models = Models(embedder=models.embedder, language=NoModel("The evaluation asks no text model."))
    return Drafting(work.database, models, work.settings, work.organization_id, work.now)


async def _first(drafting: Drafting, asked: Asked) -> bool:
    """Return whether the search puts a right article first, whatever its relevance."""
    answer = (await look_up(drafting, asked.question)).answer
    ranked = [one.source_id for one in answer.results] + [one.source_id for one in answer.missed]
    return bool(ranked) and ranked[0] in asked.answered_by


def _case(asked: Asked, draft: Draft, articles: Mapping[UUID, Article], *, first: bool) -> dict[str, Any]:
    sources = {source["id"]: UUID(source["article_id"]) for source in draft.sources}
    sentences = [one for one in draft.sentences if one["kind"] != "opening"]
    cites = [cite for one in sentences for cite in one["cites"] if cite != _TICKET]
    cited = [sources[cite] for cite in cites if cite in sources]
    return {
        "answered": int(not draft.abstained),
        "right": int(bool(cited) and cited[0] in asked.answered_by),
        "first": int(first),
        "ids_exist": int(all(cite in sources and sources[cite] in articles for cite in cites)),
        "sentences": len(sentences),
        "unsupported": sum(not _is_supported(one, sources, articles) for one in sentences),
    }


def _is_supported(sentence: Mapping[str, Any], sources: Mapping[str, UUID], articles: Mapping[UUID, Article]) -> bool:
    cited = [sources[cite] for cite in sentence["cites"] if cite in sources]
    return is_supported(sentence["text"], "\n".join(articles[one].text for one in cited if one in articles))


async def _record(work: Work, draft: Draft) -> None:
    if draft.call is not None:
        await work.record(
            prompt=draft.call.prompt,
            schema=draft.call.schema,
            identity=draft.call.identity,
            answer=draft.call.answer,
            error=draft.call.error,
            busy_ms=draft.call.meter.ms,
            decision=draft.decision,
        )


async def _outcomes(work: Work) -> Sample:
    found = Gathering("drafts", "outcomes", _DECIDED, "drafts that an agent sent or discarded")
    async with work.database.transaction(work.organization_id) as session:
        values = work.scope | {"now": work.now, "most": 10 * work.most("drafts")}
        for row in await session.execute(_OUTCOMES, values):
            sent = row.outcome in {"accepted", "edited"}
            unedited = int(row.outcome == "accepted")
            found.add(row.id, sent=int(sent), unedited=unedited, distance=row.edit_distance if sent else None)
    return found.sample()
