"""What the models of a process are behind, who may use them, and how they fare: for those who run the product."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from helpdesk.ai.model import Embedder, LanguageModel, ModelMissing
from helpdesk.ai.providers.breaker import Breaker, BreakerState
from helpdesk.ai.providers.speed import Speed
from helpdesk.errors import Unavailable

_PATIENCE_S = 3.0

State = Literal["ok", "away", "missing"]


@dataclass(frozen=True)
class Provider:
    """A model behind an endpoint.

    Attributes:
        endpoint: its address, without a secret.
        stays_here: whether text sent there stays with the operator.
        serves: all organisations, those that let text leave the host, or none.
    """

    kind: Literal["embedding", "text"]
    protocol: Literal["ollama", "openai"]
    endpoint: str
    stays_here: bool
    serves: Literal["all", "opted_in", "none"]
    model: Embedder | LanguageModel
    breaker: Breaker
    speed: Speed


@dataclass(frozen=True)
class ProviderState:
    """How a provider is.

    Attributes:
        problem: what is wrong, in a sentence; empty where nothing is.
        per_second: texts (embedding) or tokens (text) a second over the last calls of this process.
    """

    provider: Provider
    state: State
    model: str | None = None
    digest: str | None = None
    problem: str = ""
    per_second: float | None = None
    breaker: dict[str, Any] = field(default_factory=dict)


async def states_of(providers: Sequence[Provider]) -> list[ProviderState]:
    """Ask every provider how it is, for three seconds at most."""
    return list(await asyncio.gather(*map(_state_of, providers)))


async def _state_of(provider: Provider) -> ProviderState:
    state: State = "ok"
    problem, identity = "", None
    try:
        async with asyncio.timeout(_PATIENCE_S):
            identity = await provider.model.identify()
        if identity is None:
            state, problem = "missing", getattr(provider.model, "why_not", "")
    except ModelMissing as missing:
        state, problem = "missing", missing.detail
    except (TimeoutError, Unavailable) as away:
        state, problem = "away", str(away) or "It does not answer in time."
    if state == "ok" and provider.breaker.state is BreakerState.OPEN:
        state, problem = "away", provider.breaker.report()["last_error"] or ""
    return ProviderState(
        provider,
        state,
        model=None if identity is None else identity.name,
        digest=None if identity is None else identity.digest,
        problem=problem,
        per_second=provider.speed.per_second,
        breaker=provider.breaker.report(),
    )
