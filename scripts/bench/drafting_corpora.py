"""Articles and questions that drafts are measured on, each corpus in an organisation of its own."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from judged_corpus import Judged, read_folder
from scratch import Scratch, index_waiting, open_organization, publish_articles

from helpdesk.database.base import new_id
from helpdesk.demo.files import articles as demo_articles
from helpdesk.kb.articles.commands import NewArticle
from helpdesk.models.values import ArticleVisibility, TicketStatus
from helpdesk.rag.questions import Question

_HERE = Path(__file__).parent
_TITLE_CHARS = 80
_FOR_CUSTOMERS = {"public", "customers"}


@dataclass(frozen=True)
class Asked:
    """A question with the articles that answer it; none for one that nothing answers."""

    question: Question
    answered_by: frozenset[UUID]


@dataclass(frozen=True)
class Corpus:
    """Articles in the index of an organisation, and what is asked of them.

    Attributes:
        texts: title and body of each article, as they were handed in.
    """

    name: str
    organization_id: UUID
    texts: Mapping[UUID, str]
    asked: list[Asked]


def out_of_scope(limit: int | None) -> list[Asked]:
    """Return tickets that no article answers."""
    entries = yaml.safe_load((_HERE / "drafts_out_of_scope.yaml").read_text("utf-8"))
    return [Asked(question_of(one["subject"], one["body"]), frozenset()) for one in entries[:limit]]


async def demonstration(place: Scratch, *, limit: int | None) -> Corpus:
    """Index the demonstration's articles; ask what customers may read an answer to."""
    loaded = list(demo_articles())
    new = [
        NewArticle(
            title=one.title,
            body=one.body,
            summary=one.summary,
            visibility=ArticleVisibility(one.visibility),
            tags=one.tags,
            products=one.products,
        )
        for one in loaded
    ]
    organization_id, ids = await _published(place, "demo", new)
    readable = {
        one.slug: identifier for one, identifier in zip(loaded, ids, strict=True) if one.visibility in _FOR_CUSTOMERS
    }
    entries = yaml.safe_load((_HERE / "asking_questions.yaml").read_text("utf-8"))["answerable"]
    asked = [
        Asked(question_of(entry["ask"], entry["ask"]), frozenset(readable[name] for name in entry["answered_by"]))
        for entry in entries
        if all(name in readable for name in entry["answered_by"])
    ]
    texts = {identifier: f"{one.title}\n{one.body}" for one, identifier in zip(loaded, ids, strict=True)}
    return Corpus("demonstration", organization_id, texts, _sampled(asked, limit))


async def judged(place: Scratch, folder: Path, *, limit: int | None) -> Corpus:
    """Index a corpus in the BEIR layout, one article a document; ask its queries."""
    read: Judged = read_folder(folder)
    new = [NewArticle(title=_title(one.title or one.text), body=one.text or one.title) for one in read.documents]
    organization_id, ids = await _published(place, "judged", new)
    by_name = {one.id: identifier for one, identifier in zip(read.documents, ids, strict=True)}
    asked = [
        Asked(
            question_of(text, text),
            frozenset(by_name[name] for name, grade in read.qrels[key].items() if grade > 0 and name in by_name),
        )
        for key, text in read.queries.items()
    ]
    texts = {identifier: f"{one.title}\n{one.text}" for one, identifier in zip(read.documents, ids, strict=True)}
    return Corpus(read.name, organization_id, texts, _sampled(asked, limit))


def question_of(subject: str, body: str) -> Question:
    """Return a ticket that nobody has opened."""
    return Question(
        id=new_id(),
        subject=subject[:200],
        body="" if body == subject else body,
        later="",
        status=TicketStatus.OPEN,
        priority="normal",
        type="question",
        category=None,
        team=None,
        language=None,
        decided_by={},
        created_at=datetime.now(UTC),
        requester=None,
        requester_locale=None,
        vip=False,
        seen=None,
    )


async def _published(place: Scratch, name: str, new: list[NewArticle]) -> tuple[UUID, list[UUID]]:
    organization_id = await open_organization(place.database, name)
    ids = await publish_articles(place.database, organization_id, new)
    await index_waiting(place.indexer)
    return organization_id, ids


def _title(text: str) -> str:
    return " ".join(text.split())[:_TITLE_CHARS] or "Untitled"


def _sampled(asked: list[Any], limit: int | None) -> list[Any]:
    """Return so many, the same ones whatever the machine."""
    return asked if limit is None or limit >= len(asked) else random.Random(1).sample(asked, limit)
