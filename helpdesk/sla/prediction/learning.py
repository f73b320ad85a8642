"""Fit an organisation's estimator to its past clocks, and promote it where it is not worse than the one in use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.engine import Database
from helpdesk.learned_models.store import claim_version, give_up, keep_claim, promote, put_aside
from helpdesk.sla.prediction.champion import current_model
from helpdesk.sla.prediction.contest import Verdict, decide
from helpdesk.sla.prediction.estimating.estimator import Estimator, write_estimator
from helpdesk.sla.prediction.estimating.fitting import TooLittleToLearn
from helpdesk.sla.prediction.estimating.library import boosting_library
from helpdesk.sla.prediction.model import KIND, FittedModel
from helpdesk.sla.prediction.past_clocks import MOST_CLOCKS, Row, count_ended, lesson_from, past_rows

log = structlog.get_logger(__name__)

# With fewer ended clocks the table of hazards knows as much.
LEAST_CLOCKS = 500
_DAY_S = 86400.0
# Reading the past is so much of the work.
_READING = 60.0

Complete = Callable[[AsyncSession, Mapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True)
class FitReport:
    """What became of a fit.

    Attributes:
        clocks: how many have ended, as far as it was counted.
        rows: moments of theirs that were learnt from.
        promoted: whether what was fitted predicts from now on.
        reason: in a sentence.
        library: what trees are grown with here, and `library_reason` why.
    """

    clocks: int
    rows: int
    promoted: bool
    reason: str
    library: str
    library_reason: str
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Fitting:
    """One fit of one organisation.

    Attributes:
        now: nothing later is looked at.
        run: calls a plain function with its arguments in a thread.
        tell: is told the percentage that is done, and what is being done.
        complete: ends the job in the transaction of the outcome.
    """

    database: Database
    organization_id: UUID
    now: datetime
    run: Callable[..., Awaitable[Any]]
    tell: Callable[[float, str], Awaitable[None]]
    complete: Complete
    least_clocks: int = LEAST_CLOCKS
    most_clocks: int = MOST_CLOCKS

    async def fit(self) -> FitReport:
        """Fit, judge and store; no transaction is open meanwhile."""
        async with self.database.transaction(self.organization_id) as session:
            scope: dict[str, Any] = {"organization_id": self.organization_id, "now": self.now}
            clocks = await count_ended(session, **scope, most=self.most_clocks)
            if clocks < self.least_clocks:
                reason = f"{clocks} clocks have ended; from {self.least_clocks} on there is enough to learn from."
                return await self._end(session, clocks, 0, Verdict(None, False, reason))
            claim = await claim_version(session, **scope, kind=KIND)
            if claim is None:
                return await self._end(session, clocks, 0, Verdict(None, False, "Another worker is at it."))
            model = await current_model(session, organization_id=self.organization_id, ended=())
        champion = model.estimator if isinstance(model, FittedModel) else None
        try:
            rows, verdict = await self._decide(claim, champion)
            async with self.database.transaction(self.organization_id) as session:
                await self._store(session, claim, verdict, rows)
                return await self._end(session, clocks, rows, verdict)
        except BaseException:
            async with self.database.transaction(self.organization_id) as session:
                await give_up(session, organization_id=self.organization_id, claim=claim)
            raise

    async def _decide(self, claim: UUID, champion: Estimator | None) -> tuple[int, Verdict]:
        async def read(share: float) -> None:
            async with self.database.transaction(self.organization_id) as session:
                await keep_claim(session, organization_id=self.organization_id, claim=claim)
            await self.tell(_READING * share, "reading past clocks")

        rows = await past_rows(
            self.database,
            organization_id=self.organization_id,
            now=self.now,
            run=self.run,
            tell=read,
            most=self.most_clocks,
        )
        try:
            return len(rows), await self.run(_learn, rows, champion, self.now.timestamp() / _DAY_S)
        except TooLittleToLearn:
            return len(rows), Verdict(None, False, "Too few moments to learn from, or all clocks went the same way.")

    async def _store(self, session: AsyncSession, claim: UUID, verdict: Verdict, rows: int) -> None:
        if verdict.estimator is None:
            await give_up(session, organization_id=self.organization_id, claim=claim)
            return
        keep = promote if verdict.promoted else put_aside
        await keep(
            session,
            organization_id=self.organization_id,
            kind=KIND,
            claim=claim,
            weights=write_estimator(verdict.estimator),
            trained_on=rows,
            metrics=verdict.estimator.figures,
            reason=verdict.reason,
            now=self.now,
        )

    async def _end(self, session: AsyncSession, clocks: int, rows: int, verdict: Verdict) -> FitReport:
        library = boosting_library()
        figures = verdict.estimator.figures if verdict.estimator else {}
        report = FitReport(clocks, rows, verdict.promoted, verdict.reason, library.name, library.reason, figures)
        await self.complete(session, asdict(report))
        log.info("breach_risk_fitted", clocks=clocks, rows=rows, promoted=verdict.promoted, reason=verdict.reason)
        return report


def _learn(rows: list[Row], champion: Estimator | None, today: float) -> Verdict:
    if not rows:
        raise TooLittleToLearn
    return decide(lesson_from(rows), champion, today=today)
