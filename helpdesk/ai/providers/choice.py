"""Which text model an organisation may use now: by where its text may go, and by what is left of its budget."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.model import (
    Adjustable,
    Answer,
    Bounds,
    LanguageModel,
    ModelIdentity,
    ModelMissing,
    Models,
    Prompt,
    TakesTurns,
)
from helpdesk.ai.providers.budget import Budget, bounds_of, read_budget
from helpdesk.models.ai_policy import BudgetPolicy, ModelPolicy

log = structlog.get_logger(__name__)

# Two parts of the policy: what is wrong in another one must not decide where text may go.
_POLICY = text("""
    SELECT ai_policy -> 'models' AS models, ai_policy -> 'budget' AS budget
      FROM organizations WHERE id = :organization_id
""")
# Organisations whose spent budget this process has told of.
_told: set[UUID] = set()


class ChosenModel:
    """The text model of one organisation, or none and why.

    Attributes:
        why_not: why there is none, empty where there is one; after `identify`, also where the runtime lacks it.
    """

    def __init__(self, model: LanguageModel, *, why_not: str = "") -> None:
        self._model = model
        self._refused = why_not
        self.why_not = why_not

    def adjusted(self, *, name: str | None = None, options: Mapping[str, Any] | None = None) -> ChosenModel:
        """Return another model of the same runtime for the same organisation, or the same one with other options.

        Raises:
            ModelMissing: the provider has one model, and its own options.
        """
        if not isinstance(self._model, Adjustable):
            raise ModelMissing("This provider cannot be asked for another model or with other options.")
        return ChosenModel(self._model.adjusted(name=name, options=options), why_not=self._refused)

    async def identify(self) -> ModelIdentity | None:
        """Return which model answers, None when there is none for this organisation now; raise ModelBusy."""
        if self._refused:
            return None
        identity = await self._model.identify()
        if identity is None:
            self.why_not = getattr(self._model, "why_not", "") or "The model runtime does not have the text model."
        return identity

    async def answer(self, prompt: Prompt, *, schema: dict[str, Any] | None, max_tokens: int) -> Answer:
        """Return an answer that fits the JSON schema, see `LanguageModel`; raise ModelMissing where there is none."""
        if self._refused:
            raise ModelMissing(self._refused)
        return await self._model.answer(prompt, schema=schema, max_tokens=max_tokens)


async def language_for(
    session: AsyncSession, models: Models, *, organization_id: UUID, now: datetime, interactive: bool = False
) -> ChosenModel:
    """Return the text model that an organisation may use now; where there is none, it says why.

    Args:
        interactive: whether a person waits for what it says; such calls go before others that wait.
    """
    where, budget = await _policy(session, organization_id=organization_id)
    model = models.language
    if where.off_host and models.language_off_host is not None:
        model = models.language_off_host
    if interactive and isinstance(model, TakesTurns):
        model = model.interactive()
    bounds = bounds_of(budget, models.bounds)
    if bounds == Bounds():
        return ChosenModel(model)
    left = await read_budget(session, organization_id=organization_id, bounds=bounds, now=now)
    _tell(organization_id, left)
    return ChosenModel(model, why_not=left.why_spent)


def _tell(organization_id: UUID, left: Budget) -> None:
    """Log that a budget ran out, once each time that this process finds it so."""
    if left.spent_until is None:
        _told.discard(organization_id)
    elif organization_id not in _told:
        _told.add(organization_id)
        log.warning(
            "model_budget_spent",
            organization_id=str(organization_id),
            tokens=left.tokens,
            seconds=round(left.seconds, 1),
            until=left.spent_until.isoformat(timespec="seconds"),
        )


async def budget_of(session: AsyncSession, *, allowed: Bounds, organization_id: UUID, now: datetime) -> Budget:
    """Return an organisation's bounds and what it has used of them.

    Args:
        allowed: what the operator allows each organisation.
    """
    _, budget = await _policy(session, organization_id=organization_id)
    return await read_budget(session, organization_id=organization_id, bounds=bounds_of(budget, allowed), now=now)


async def _policy(session: AsyncSession, *, organization_id: UUID) -> tuple[ModelPolicy, BudgetPolicy]:
    """Return where text may go and what it may cost; what cannot be read allows nothing."""
    row = (await session.execute(_POLICY, {"organization_id": organization_id})).one_or_none()
    if row is None:
        return ModelPolicy(), BudgetPolicy()
    try:
        return ModelPolicy.model_validate(row.models or {}), BudgetPolicy.model_validate(row.budget or {})
    except ValidationError as error:
        log.warning("ai_policy_unreadable", organization_id=str(organization_id), problems=error.error_count())
        return ModelPolicy(), BudgetPolicy(tokens_a_day=0)
