"""Evaluate one organisation's models, part by part, and say with what and on what that was done."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from helpdesk.ai.prompting import templates
from helpdesk.evaluation.asked import from_file, read_articles
from helpdesk.evaluation.drafts import score_drafts
from helpdesk.evaluation.labelled_files import LabelledFile
from helpdesk.evaluation.measure import Figure, Missing, figures_of
from helpdesk.evaluation.prediction import score_prediction
from helpdesk.evaluation.sample import Sample, key_of
from helpdesk.evaluation.suggestions import score_suggestions
from helpdesk.evaluation.triage import check_labels, score_triage
from helpdesk.evaluation.work import Part, Work
from helpdesk.learned_models.versions import champion_of
from helpdesk.rag.embedding.models import active_model
from helpdesk.triage.classifying.classifier import FORMAT

_PROMPTS = {"triage": ("triage",), "drafts": ("reply-topic", "reply-draft")}
_LEARNT = ("triage", "breach")


@dataclass(frozen=True)
class Evaluation:
    """What came of an evaluation.

    Attributes:
        made_with: models, prompts and versions of what was learnt.
        data: what was scored, by part.
        seconds: how long each part took.
    """

    created_at: datetime
    seed: int
    made_with: dict[str, Any]
    data: dict[str, Any]
    samples: list[Sample]
    figures: list[Figure]
    missing: list[Missing]
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


async def evaluate(
    work: Work, parts: Sequence[Part], *, texts: LabelledFile | None = None, questions: LabelledFile | None = None
) -> Evaluation:
    """Score the parts, one after the other; nothing is stored but the calls of a text model.

    Args:
        texts: examples for triage instead of the organisation's own tickets.
        questions: questions for suggestions and drafts instead of its own.

    Raises:
        BadData: a file names what the organisation does not have.
        ModelBusy, ModelMissing: there are no vectors, which all parts but the prediction need.
    """
    ways: dict[Part, Callable[[], Awaitable[list[Sample]]]] = {
        "triage": lambda: score_triage(work, texts),
        "suggestions": lambda: score_suggestions(work, questions),
        "drafts": lambda: score_drafts(work, questions),
        "prediction": lambda: score_prediction(work),
    }
    # A mistake in a file is told before anything long begins.
    if texts is not None and "triage" in parts:
        await check_labels(work, texts)
    if questions is not None:
        from_file(work, await read_articles(work), questions, part="drafts")
    samples: list[Sample] = []
    seconds: dict[str, float] = {}
    for part in parts:
        began = time.monotonic()
        scored = await ways[part]()
        seconds[part] = round(time.monotonic() - began, 1)
        samples += scored
        # Of which cases, whatever came of them.
        work.data[part]["cases_sha"] = key_of(sorted(f"{one.name} {key}" for one in scored for key in one.keys))
    figures, missing = figures_of(samples, seed=work.seed)
    return Evaluation(
        created_at=work.now,
        seed=work.seed,
        made_with=await _made_with(work, parts),
        data=work.data,
        samples=samples,
        figures=figures,
        missing=missing,
        seconds=seconds,
        notes=work.notes,
    )


async def _made_with(work: Work, parts: Sequence[Part]) -> dict[str, Any]:
    async with work.database.transaction(work.organization_id) as session:
        vectors = await active_model(session)
        in_use = {kind: await champion_of(session, **work.scope, kind=kind) for kind in _LEARNT}
    language = await work.language()
    text_model = None if language is None else await language.identify()
    prompts = [templates.load(name) for part in parts for name in _PROMPTS.get(part, ())]
    return {
        "embedding_model": None if vectors is None else {"name": vectors.name, "digest": vectors.digest},
        "text_model": None if text_model is None else {"name": text_model.name, "digest": text_model.digest},
        "prompts": [{"id": one.id, "version": one.version, "sha256": one.sha} for one in prompts] if language else [],
        "classifier_format": FORMAT,
        "in_use": {kind: None if version is None else version.version for kind, version in in_use.items()},
    }
