"""Let the model that was built take the active one's place: complete, indexed, fitted, compared, and then at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from helpdesk.ai.model import Embedder, ModelBusy
from helpdesk.database.engine import Database
from helpdesk.errors import Conflict, Unavailable
from helpdesk.rag.embedding.models import (
    ActiveModel,
    active_model,
    building_model,
    models_in_service,
    runtime_of,
)
from helpdesk.rag.maintenance.upkeep import Round
from helpdesk.rag.model_change.commands import NotCovered, NothingBuilding, flip, roll_back
from helpdesk.rag.model_change.gate import EPSILON, Figures, Verdict, figures_of, judge
from helpdesk.rag.model_change.golden import GoldenQuery, golden_queries
from helpdesk.rag.model_change.queries import model_report, organization_ids
from helpdesk.rag.retrieval.champion import fit_organization
from helpdesk.settings import Settings

log = structlog.get_logger(__name__)

Tell = Callable[[float, str], Awaitable[None]]


class DoesWorse(Conflict):
    """The model answers the golden queries worse than the active one."""


@dataclass(frozen=True)
class Changed:
    """A change that was made.

    Attributes:
        missing: passages without a vector of the new model at that time.
        verdict: how both did on the golden queries; None after a change back.
    """

    now_active: ActiveModel
    before: ActiveModel | None
    missing: int
    verdict: Verdict | None


@dataclass
class ModelChange:
    """One change of the active model.

    Attributes:
        settings: of the database whose graph indexes are built first.
        reason: why it is to be made whatever speaks against it; kept with the model.
        epsilon: how much worse a figure may be.
        tell: takes how far the change is, 0 to 100, and words.
    """

    database: Database
    embedder: Embedder
    settings: Settings
    now: Callable[[], datetime]
    tell: Tell
    reason: str | None = None
    epsilon: float = EPSILON

    async def run(self) -> Changed:
        """Check, prepare, compare and change.

        Raises:
            NothingBuilding, NotCovered, DoesWorse: it is not made; with a reason, only the first stops it.
            EmbeddingModelChanged, ModelBusy, ModelMissing: the runtime does not answer with the new model.
            MaintenanceRunning: the graph indexes are being worked on; try again later.
        """
        new, before = await self._models()
        await runtime_of(self.database, self.embedder, new, fresh=True)
        report = await model_report(self.database, new.id)
        if report.missing and self.reason is None:
            raise NotCovered(
                f"{report.missing} of {report.passages} passages still lack a vector of {new.name}; "
                "`atum-desk rag backfill --follow` shows how far it is.",
                missing=report.missing,
            )
        await Round(settings=self.settings, now=self.now, tell=self._telling_upto(50.0)).run()
        await self._fit(new)
        await self.tell(50.0, "golden queries")
        verdict = await self._compare(new, before)
        if verdict is not None and verdict.objections and self.reason is None:
            raise DoesWorse(" ".join(verdict.objections), **verdict.as_json())
        return await self._flip(new, verdict)

    async def _models(self) -> tuple[ActiveModel, ActiveModel | None]:
        async with self.database.transaction(None) as session:
            new, before = await building_model(session), await active_model(session)
        if new is None:
            raise NothingBuilding("No model is being built; `atum-desk rag models add NAME` begins with one.")
        return new, before

    async def _fit(self, new: ActiveModel) -> None:
        """Fit each organisation's ranking to the new model's similarities, where its people have judged enough."""
        async with self.database.transaction(None, role="atum_worker") as session:
            organizations = await organization_ids(session)
        for organization_id in organizations:
            await fit_organization(
                self.database, self.embedder, organization_id=organization_id, now=self.now(), model=new
            )

    async def _compare(self, new: ActiveModel, before: ActiveModel | None) -> Verdict | None:
        queries = await golden_queries(self.database)
        if before is None or not queries:
            return None
        figures = await figures_of(self.database, self.embedder, new, queries)
        await self.tell(75.0, "golden queries with the active model")
        return await self._judge(queries, figures, before)

    async def _judge(self, queries: list[GoldenQuery], figures: Figures, before: ActiveModel) -> Verdict:
        why_not, old = "", None
        try:
            old = await figures_of(self.database, self.embedder, before, queries)
        except ModelBusy:
            raise
        except Unavailable as gone:
            why_not = gone.detail
        return judge(queries, new=figures, before=old, epsilon=self.epsilon, why_not=why_not)

    async def _flip(self, new: ActiveModel, verdict: Verdict | None) -> Changed:
        gate = {"at": self.now().isoformat(), "reason": self.reason, "verdict": verdict and verdict.as_json()}
        model, before = await flip(self.database, new.id, gate=gate, may_lack=self.reason is not None, now=self.now())
        report = await model_report(self.database, model.id)
        await self.tell(100.0, f"{model.name} is active")
        log.info("embedding_model_changed", to=model.name, digest=model.digest[:12], reason=self.reason)
        return Changed(model, before, report.missing, verdict)

    def _telling_upto(self, end: float) -> Tell:
        async def tell(percent: float, words: str) -> None:
            await self.tell(percent * end / 100, f"graph indexes over the new vectors: {words}")

        return tell


async def change_back(database: Database, embedder: Embedder, *, now: datetime, reason: str | None = None) -> Changed:
    """Make the model of before active again, at once.

    Args:
        reason: why it is wanted although the runtime does not serve that model; searches then go by words alone.

    Raises:
        NothingToGoBackTo: none is kept.
        EmbeddingModelChanged, ModelBusy, ModelMissing: the runtime does not answer with it, and there is no reason.
    """
    if reason is None:
        await _ask_the_one_before(database, embedder)
    model, left = await roll_back(database, now=now)
    report = await model_report(database, model.id)
    log.info("embedding_model_changed_back", to=model.name, digest=model.digest[:12], reason=reason)
    return Changed(model, left, report.missing, None)


async def _ask_the_one_before(database: Database, embedder: Embedder) -> None:
    async with database.transaction(None) as session:
        before = next((model for model in await models_in_service(session) if model.state == "retired"), None)
    if before is not None:
        await runtime_of(database, embedder, before, fresh=True)
