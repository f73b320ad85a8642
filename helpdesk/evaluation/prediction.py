"""Score the prediction of breaches: clocks that have ended, each at moments of its life, by what was known then."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

from helpdesk.evaluation.sample import Gathering, Sample
from helpdesk.evaluation.work import Work
from helpdesk.sla.prediction.champion import ended_clocks
from helpdesk.sla.prediction.desk import Desk, read_desk
from helpdesk.sla.prediction.estimating.fitting import TooLittleToLearn, fit
from helpdesk.sla.prediction.hazard import HazardTable
from helpdesk.sla.prediction.learning import LEAST_CLOCKS
from helpdesk.sla.prediction.model import FittedModel, HazardModel, Model, score
from helpdesk.sla.prediction.past_clocks import Row, lesson_from, past_rows

MEASURES = ("auc", "average_precision", "brier", "breach_ece", "breached")
# Scored are the newest fifth of the clocks, or more where that is too little to tell, up to half of them.
_FIFTH = 5
_ENOUGH = 100
# The table of hazards learns with every clock that ends: it is made anew so many times along the way.
_BLOCKS = 10


async def score_prediction(work: Work) -> list[Sample]:
    """Return a sample of clocks as they began, and one of all the moments that were looked at."""

    async def tell(share: float) -> None:
        work.tell("prediction: reading clocks", round(100 * share), 100)

    rows = await past_rows(
        work.database, **work.scope, now=work.now, run=asyncio.to_thread, tell=tell, most=5 * work.most("prediction")
    )
    lives: dict[tuple[UUID, str, int], list[Row]] = {}
    for row in sorted(rows, key=lambda one: one.seen.at):
        lives.setdefault(row.seen.key, []).append(row)
    clocks = list(lives.values())
    count = max(len(clocks) // _FIFTH, min(_ENOUGH, len(clocks) // 2))
    scored = clocks[len(clocks) - count :][-work.most("prediction") :]
    start = Gathering("prediction", "at_start", MEASURES, "ended clocks to score")
    moments = Gathering("prediction", "all_moments", MEASURES, "ended clocks to score")
    if scored:
        await _score(work, clocks[: len(clocks) - count], scored, start, moments)
    work.data["prediction"] = work.data.get("prediction", {}) | {
        "what": "ended clocks, the newest by what was known before them",
        "cases": len(scored),
        "learnt_from": len(clocks) - count,
    }
    return [start.sample(), moments.sample()]


async def _score(
    work: Work, older: list[list[Row]], scored: list[list[Row]], start: Gathering, moments: Gathering
) -> None:
    begins = scored[0][0].seen.at
    known = [row for life in older for row in life if row.known_at <= begins and row.seen.at < begins]
    fitted = await _fitted(work, known)
    work.data["prediction"] = {"model": "hazard table" if fitted is None else fitted.name}
    async with work.database.transaction(work.organization_id) as session:
        desk = await read_desk(session, **work.scope, first=begins, last=work.now)
    size = max(1, -(-len(scored) // _BLOCKS))
    for first in range(0, len(scored), size):
        if work.late("prediction", first, len(scored)):
            return
        work.tell("prediction", first, len(scored))
        block = scored[first : first + size]
        model = fitted or await _hazards(work, block)
        rows = [row for life in block for row in life]
        openings = {id(life[0]) for life in block}
        for row, probability in zip(rows, await asyncio.to_thread(_judge, model, rows, desk), strict=True):
            seen = row.seen
            case = {"promised": probability, "came": int(row.breached)}
            moments.add(f"{seen.key} {seen.at.isoformat()}", group=seen.ticket_id, **case)
            if id(row) in openings:
                start.add(seen.key, group=seen.ticket_id, **case)


async def _fitted(work: Work, known: Sequence[Row]) -> FittedModel | None:
    """Return an estimator that knows what was known before, None where the product would not have one."""
    if len({row.seen.key for row in known}) < LEAST_CLOCKS:
        return None
    work.tell("prediction: learning", 0, 1)
    try:
        return FittedModel(0, await asyncio.to_thread(lambda: fit(lesson_from(known))))
    except TooLittleToLearn:
        return None


async def _hazards(work: Work, block: Sequence[Sequence[Row]]) -> Model:
    async with work.database.transaction(work.organization_id) as session:
        ended = await ended_clocks(session, **work.scope, now=block[0][0].seen.at)
    return HazardModel(HazardTable(ended), "No estimator had been fitted yet.")


def _judge(model: Model, rows: Sequence[Row], desk: Desk) -> list[float]:
    features = [row.seen.features for row in rows]
    usual: dict[int, float] = {}
    if isinstance(model, HazardModel):
        usual = {
            place: desk.usual_backlog(team=row.seen.features.team, at=row.seen.at) for place, row in enumerate(rows)
        }
    return [one.probability for one in score(model, features, usual_backlogs=usual)]
