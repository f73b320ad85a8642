"""Give every passage its vector of every model in service, behind everything that people wait for.

The walk goes from document to document, organisations in turn, and keeps its place with the vectors it writes: whatever
ends it, the next run goes on from there and nothing is made twice. It only adds what is missing, so it needs no care
for what index workers write meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import text

from helpdesk.ai.model import ModelBusy
from helpdesk.errors import Unavailable
from helpdesk.rag.embedding.models import ActiveModel
from helpdesk.rag.indexing.embed_changes import Making, embed_passages
from helpdesk.rag.indexing.second_writes import fill_vectors
from helpdesk.rag.model_change.commands import note_speed
from helpdesk.rag.model_change.queries import ModelReport, model_reports, organization_ids
from helpdesk.rag.model_change.walk import Step, move_cursor, next_step

log = structlog.get_logger(__name__)

# While sources wait for the index, the backfill leaves the runtime to them, but never for longer than this a step.
_YIELD_S = 5.0
_LOOK_S = 0.25
# What somebody has to put right, such as a model that is not there, is tried again after this.
_LATER_S = 60.0

_WAITING = text("""
    SELECT EXISTS (SELECT FROM rag_index_queue WHERE status = 'pending' AND run_after <= now() AND priority > 1)
""")

Tell = Callable[[float, str], Awaitable[None]]


@dataclass
class Backfilled:
    """What a run has come to.

    Attributes:
        vectors: how many were written.
        missing: passages of all models that still lack one.
        waits: why it is to be taken up again, after `retry_s` seconds; empty when it is done or nothing can be done.
    """

    vectors: int = 0
    missing: int = 0
    waits: str = ""
    retry_s: float = 0.0


@dataclass
class Backfill:
    """One run of the walk.

    Attributes:
        most_s: seconds after which no further step is begun.
        tell: takes how far the run is, 0 to 100, and words.
    """

    making: Making
    now: Callable[[], datetime]
    tell: Tell
    most_s: float
    _done: Backfilled = field(default_factory=Backfilled)
    _began: float = field(default_factory=time.monotonic)

    async def run(self) -> Backfilled:
        """Make what is missing for every model that is not paused, as far as time and the runtime go along."""
        lacking = [report for report in await model_reports(self.making.database) if report.missing]
        for report in lacking:
            if report.paused_at is None and not self._done.waits:
                await self._fill(report)
        if lacking:
            self._done.missing = sum(report.missing for report in await model_reports(self.making.database))
        return self._done

    async def _fill(self, report: ModelReport) -> None:
        """Walk until nothing is missing, or a whole walk has found nothing to do."""
        missing, began = report.missing, time.monotonic()
        written = 0
        while missing and not self._done.waits:
            before = written
            written += await self._walk(report, written)
            if written == before and not self._done.waits:
                # What is left is being changed by others at this moment; the next run sees to it.
                break
            missing = next(
                (each.missing for each in await model_reports(self.making.database) if each.id == report.id), 0
            )
        if written > 50:
            async with self.making.database.transaction(None) as session:
                await note_speed(session, _model(report), texts_per_s=written / (time.monotonic() - began))
        log.info("backfill_run", model=report.name, vectors=written, missing=missing, waits=self._done.waits)

    async def _walk(self, report: ModelReport, before: int) -> int:
        """Take a step in each organisation in turn until all are at their end; return how many vectors were written."""
        async with self.making.database.transaction(None, role="atum_worker") as session:
            waiting = await organization_ids(session)
        written, began = 0, time.monotonic()
        while waiting and not self._done.waits:
            for organization_id in list(waiting):
                if not await self._may_go_on(report):
                    return written
                made = await self._step(organization_id, _model(report))
                if made is None:
                    waiting.remove(organization_id)
                    continue
                written += made
                self._done.vectors += made
                await self._told(report, before + written, written / max(time.monotonic() - began, 0.001))
                if self._done.waits:
                    return written
        return written

    async def _step(self, organization_id: UUID, model: ActiveModel) -> int | None:
        """Fill the vectors of some documents; return how many, None at the end of the organisation's walk."""
        async with self.making.database.transaction(organization_id) as session:
            step = await next_step(session, organization_id=organization_id, model=model)
            if step is None:
                await move_cursor(
                    session, organization_id=organization_id, model=model, place=None, vectors=0, now=self.now()
                )
                return None
        try:
            return await self._embed(organization_id, model, step)
        except Unavailable as away:
            self._wait_for(away)
            return 0

    async def _embed(self, organization_id: UUID, model: ActiveModel, step: Step) -> int:
        embedded, _ = await embed_passages(self.making, model, {passage.words for passage in step.passages})
        async with self.making.database.transaction(organization_id) as session:
            vectors = await fill_vectors(session, model, step.passages, embedded, now=self.now())
            if embedded.interrupted is None:
                await move_cursor(
                    session,
                    organization_id=organization_id,
                    model=model,
                    place=step.place_after(vectors),
                    vectors=vectors,
                    now=self.now(),
                )
        if embedded.interrupted is not None:
            self._wait_for(embedded.interrupted)
        return vectors

    def _wait_for(self, away: Unavailable) -> None:
        self._done.waits = away.detail
        self._done.retry_s = away.retry_after if isinstance(away, ModelBusy) else _LATER_S

    async def _may_go_on(self, report: ModelReport) -> bool:
        """Return whether the model is still to be filled now; wait while sources wait for the index."""
        yielded = time.monotonic() + _YIELD_S
        while True:
            if time.monotonic() - self._began > self.most_s:
                self._done.waits, self._done.retry_s = "other jobs have their turn", 1.0
                return False
            async with self.making.database.transaction(None, role="atum_worker") as session:
                paused = await session.scalar(_PAUSED, {"id": report.id})
                busy = bool(await session.scalar(_WAITING))
            if paused is not False:
                return False
            if not busy or time.monotonic() > yielded:
                return True
            await asyncio.sleep(_LOOK_S)

    async def _told(self, report: ModelReport, written: int, rate: float) -> None:
        left = max(report.missing - written, 0)
        share = (report.passages - left) / max(report.passages, 1)
        eta = f", {round(left / rate)} s to go" if rate and left else ""
        await self.tell(100 * share, f"{report.name}: {report.passages - left} of {report.passages} passages{eta}")


_PAUSED = text("SELECT paused_at IS NOT NULL FROM rag_embedding_models WHERE id = :id AND table_name <> ''")


def _model(report: ModelReport) -> ActiveModel:
    return ActiveModel(
        id=report.id,
        name=report.name,
        digest=report.digest,
        dims=report.dims,
        query_prefix=report.query_prefix,
        doc_prefix=report.doc_prefix,
        max_input_tokens=report.max_input_tokens,
        chars_per_token=report.chars_per_token,
        table_name=report.table_name,
        state=report.state,
        moved_to=report.moved_to,
    )
