"""Score triage: a classifier trained on older tickets says what it thinks of newer ones, by the product's own rules."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text

from helpdesk.accounts.ai_policy_queries import ai_policy_of
from helpdesk.ai.model import LanguageModel
from helpdesk.ai.runs.record import Decision
from helpdesk.evaluation.labelled_files import BadData, LabelledFile, LabelledText
from helpdesk.evaluation.sample import Gathering, Sample
from helpdesk.evaluation.work import Work
from helpdesk.models.ai_policy import TriagePolicy
from helpdesk.rag.embedding.models import ensure_active_model
from helpdesk.triage.classifying.classifier import Classifier
from helpdesk.triage.classifying.features import Terms, terms_of
from helpdesk.triage.classifying.training import Example, train
from helpdesk.triage.deciding.assessing import Assessed
from helpdesk.triage.deciding.material import Material, material_from
from helpdesk.triage.deciding.pipeline import assess
from helpdesk.triage.learning.examples import Labels, read_labels
from helpdesk.triage.learning.holdout import rounds_of
from helpdesk.triage.learning.lessons import Lesson, TicketExample, gather

MEASURES = (
    "accuracy", "macro_f1", "calibration_error", "coverage_95", "said_unknown", "set_alone", "right_of_set",
)  # fmt: skip
# Tickets learnt from for each one that is scored.
_LEARNT_FROM = 5
_TOLD_EVERY = 20

# The tickets' words as they came in, and what of their fields nobody but triage has decided.
_WORDS = text("""
    SELECT t.id, t.subject, m.body, coalesce(p.vip, false) AS vip, t.decided_by
      FROM tickets t
      JOIN LATERAL (SELECT body FROM messages m WHERE m.ticket_id = t.id AND m.visibility = 'public'
                     ORDER BY m.created_at, m.id LIMIT 1) m ON true
      LEFT JOIN contacts p ON p.id = t.contact_id
     WHERE t.organization_id = :organization_id AND t.id = ANY(:ids)
""")


@dataclass(frozen=True)
class _Asked:
    """A text to judge, and what is right."""

    key: object
    material: Material
    vector: NDArray[np.float32] | None
    labels: Mapping[str, str]


@dataclass(frozen=True)
class _Round:
    """Examples to learn from, and texts that are newer, or from elsewhere."""

    examples: list[Example]
    asked: list[_Asked]


async def score_triage(work: Work, file: LabelledFile | None) -> list[Sample]:
    """Return a sample a field: of the organisation's newest tickets, or of a file's examples.

    Raises:
        ModelBusy: there are no vectors.
    """
    async with work.database.transaction(work.organization_id) as session:
        labels = await read_labels(session, **work.scope)
        policy = (await ai_policy_of(session, **work.scope)).triage
    lesson = await _lesson(work, labels)
    rounds = await _own(work, lesson) if file is None else [await _from_file(work, lesson, file.texts)]
    scoring = _Scoring(work, labels, policy, lesson, await work.language())
    samples = await scoring.score(rounds)
    told = "settled tickets, the newest by what was known before them" if file is None else f"examples of {file.name}"
    work.data["triage"] = {
        "what": told,
        "cases": sum(len(one.asked) for one in rounds),
        "learnt_from": max((len(one.examples) for one in rounds), default=0),
        "file_sha256": None if file is None else file.sha,
    }
    return samples


async def check_labels(work: Work, file: LabelledFile) -> None:
    """Raise BadData where the file names a value that the organisation does not have."""
    async with work.database.transaction(work.organization_id) as session:
        labels = await read_labels(session, **work.scope)
    for one in file.texts:
        for name, value in one.labels.items():
            known = labels.known(name) if name in labels.fields else []
            if value not in known:
                there = ", ".join(known[:12]) or "none"
                raise BadData(f"{file.name}, line {one.line}: there is no {name} {value!r}; there are {there}.")


async def _lesson(work: Work, labels: Labels) -> Lesson:
    read = 0

    async def alive() -> None:
        nonlocal read
        read += 1
        work.tell("triage: reading tickets", read, 0)

    most = _LEARNT_FROM * work.most("triage")
    return await gather(
        work.database, work.models.embedder, **work.scope, labels=labels, now=work.now, most=most, alive=alive
    )


async def _own(work: Work, lesson: Lesson) -> list[_Round]:
    """Return rounds of the organisation's own tickets, each learning from what was known when its first was opened."""
    pairs = rounds_of(lesson.tickets)
    ids = [ticket.ticket_id for _, newest in pairs for ticket in newest if ticket.ticket_id is not None]
    async with work.database.transaction(work.organization_id) as session:
        rows = {row.id: row for row in await session.execute(_WORDS, work.scope | {"ids": ids})}
    found = []
    for older, newest in pairs:
        known = [ticket.as_of(newest[0].opened_at) for ticket in older]
        asked = [one for ticket in newest[-work.most("triage") :] if (one := _asked(ticket, rows)) is not None]
        found.append(_Round([example for example in known if example is not None], asked))
    return found


def _asked(ticket: TicketExample, rows: Mapping[UUID, Any]) -> _Asked | None:
    row = rows.get(ticket.ticket_id) if ticket.ticket_id is not None else None
    if row is None:
        return None
    # What triage set and nobody touched would be measured by itself.
    by_itself = {name for name, who in row.decided_by.items() if who == "ai"} - ticket.told_at.keys()
    right = {name: value for name, value in ticket.example.labels.items() if name not in by_itself}
    material = material_from(row.subject, row.body, vip=row.vip)
    return _Asked(row.id, material, ticket.example.vector, right)


async def _from_file(work: Work, lesson: Lesson, texts: Sequence[LabelledText]) -> _Round:
    chosen = list(texts)
    if len(chosen) > work.most("triage"):
        places = np.random.default_rng(work.seed).permutation(len(chosen))[: work.most("triage")]
        chosen = [chosen[place] for place in sorted(places.tolist())]
    materials = [material_from(one.subject, one.body) for one in chosen]
    vectors = await work.vectors("triage", [material.text or "-" for material in materials])
    asked = [
        _Asked(f"{one.subject}\n{one.body}", material, vector, one.labels)
        for one, material, vector in zip(chosen, materials, vectors, strict=True)
    ]
    # A ticket that is among the examples would be known by heart.
    strange = {_terms_key(terms_of(material.text)) for material in materials}
    examples = [ticket.example for ticket in lesson.tickets if _terms_key(ticket.example.terms) not in strange]
    return _Round(examples, asked)


def _terms_key(terms: Terms) -> bytes:
    return terms.places.tobytes() + terms.counts.tobytes()


@dataclass(frozen=True)
class _Scoring:
    work: Work
    labels: Labels
    policy: TriagePolicy
    lesson: Lesson
    language: LanguageModel | None

    async def score(self, rounds: Sequence[_Round]) -> list[Sample]:
        """Train for each round, and ask what triage would say of its texts."""
        gathered = {
            name: Gathering("triage", name, MEASURES, f"tickets with a {name} that somebody decided")
            for name in self.labels.fields
        }
        total, done = sum(len(one.asked) for one in rounds), 0
        embedding = (await ensure_active_model(self.work.database, self.work.models.embedder)).digest
        for one in rounds:
            self.work.tell("triage: training", done, total)
            classifier = await asyncio.to_thread(self._train, one.examples, embedding)
            for asked in one.asked:
                if self.work.late("triage", done, total):
                    return [found.sample() for found in gathered.values()]
                await self._add(gathered, asked, classifier)
                done += 1
                if done % _TOLD_EVERY == 0:
                    self.work.tell("triage", done, total)
        return [found.sample() for found in gathered.values()]

    def _train(self, examples: Sequence[Example], embedding: str) -> Classifier:
        return train(
            [*examples, *self.lesson.articles],
            fields=self.labels.fields,
            anchors=self.lesson.anchors,
            embedding=embedding,
            basis=self.labels.basis,
        )

    async def _add(self, gathered: Mapping[str, Gathering], asked: _Asked, classifier: Classifier) -> None:
        assessed = await assess(
            classifier,
            material=asked.material,
            vector=asked.vector,
            labels=self.labels,
            policy=self.policy,
            language=self.language,
        )
        await self._record(assessed)
        for name, case in _cases(assessed, asked.labels):
            if name in gathered:
                gathered[name].add(asked.key, **case)

    async def _record(self, assessed: Assessed) -> None:
        call = assessed.asked
        if call is None:
            return
        decision: Decision = "error" if call.error is not None else "accepted" if call.votes else "abstained"
        await self.work.record(
            prompt=call.prompt,
            schema=call.task.schema,
            identity=call.identity,
            answer=call.answer,
            error=call.error,
            busy_ms=call.busy_ms,
            decision=decision,
        )


def _cases(assessed: Assessed, labels: Mapping[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield for each labelled field the likeliest value, what it promised, and what triage would have done with it."""
    for name, truth in labels.items():
        verdict = assessed.verdicts.get(name)
        ranked = {} if verdict is None else verdict.alternatives
        chosen, promised = next(iter(ranked.items()), ("", 0.0))
        yield (
            name,
            {
                "truth": truth,
                "chosen": chosen,
                "promised": promised,
                "right": int(chosen == truth),
                "unknown": int(verdict is not None and verdict.decision == "unknown"),
                "set_alone": int(verdict is not None and verdict.decision == "auto"),
            },
        )
