"""One row for each call of a model, with all that is needed to make the call again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.model import Answer, ModelIdentity, Prompt
from helpdesk.database.base import new_id
from helpdesk.models.ai import AiRun
from helpdesk.redaction import redacted

Decision = Literal["accepted", "abstained", "escalated", "error"]


def sha256_of(value: Any) -> str:
    """Return the hexadecimal sha256 of a text, or of the canonical JSON of anything else."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


async def record_run(
    session: AsyncSession,
    *,
    organization_id: UUID,
    kind: str,
    prompt: Prompt,
    identity: ModelIdentity,
    decision: Decision,
    now: datetime,
    schema: dict[str, Any] | None = None,
    answer: Answer | None = None,
    ticket_id: UUID | None = None,
    citations: Sequence[str] = (),
    retrieval_trace: dict[str, Any] | None = None,
    error: Exception | None = None,
) -> UUID:
    """Record a call of a text model and what was made of its answer; return the run's id.

    Args:
        kind: what the call was for, such as `triage` or `reply`.
        prompt: the prompt as sent; kept redacted, and as hashes.
        decision: what the product did with the answer.
        answer: None when the call failed; then `error` says how.
        retrieval_trace: which passages the prompt was filled with, and how they were found.
    """
    run = AiRun(
        id=new_id(),
        created_at=now,
        organization_id=organization_id,
        kind=kind,
        ticket_id=ticket_id,
        model=identity.name,
        digest=identity.digest,
        prompt_id=prompt.id,
        prompt_version=prompt.version,
        prompt_sha=sha256_of(prompt.system),
        schema_sha=None if schema is None else sha256_of(schema),
        input_hash=sha256_of(prompt.user),
        input_redacted=redacted(prompt.user),
        citations=list(citations),
        retrieval_trace=retrieval_trace,
        decision=decision,
        error_class=None if error is None else type(error).__name__,
        **_bound_ids(),
        **_figures(answer),
    )
    session.add(run)
    await session.flush()
    return run.id


def _figures(answer: Answer | None) -> dict[str, Any]:
    if answer is None:
        return {"options": {}, "retries": 0}
    return {
        "options": answer.options,
        "output": redacted(answer.text),
        "parse_ok": answer.value is not None,
        "retries": answer.retries,
        "done_reason": answer.done_reason,
        "prompt_tokens": answer.prompt_tokens,
        "output_tokens": answer.output_tokens,
        "load_ms": answer.load_ms,
        "eval_ms": answer.eval_ms,
        "total_ms": answer.total_ms,
    }


async def record_embedding(
    session: AsyncSession,
    *,
    organization_id: UUID,
    identity: ModelIdentity,
    texts: Sequence[str],
    total_ms: float,
    now: datetime,
    ticket_id: UUID | None = None,
    error: Exception | None = None,
) -> UUID:
    """Record one call of the embedding model: its counts, and the hash of its texts."""
    run = AiRun(
        id=new_id(),
        created_at=now,
        organization_id=organization_id,
        kind="embed",
        ticket_id=ticket_id,
        model=identity.name,
        digest=identity.digest,
        options={"texts": len(texts), "characters": sum(map(len, texts))},
        input_hash=sha256_of(list(texts)),
        total_ms=total_ms,
        decision="accepted" if error is None else "error",
        error_class=None if error is None else type(error).__name__,
        **_bound_ids(),
    )
    session.add(run)
    await session.flush()
    return run.id


def _bound_ids() -> dict[str, Any]:
    """Take the ids of the job and the trace from the log's context, where the worker binds them."""
    bound = structlog.contextvars.get_contextvars()
    job_id = bound.get("job_id")
    trace_id = bound.get("trace_id")
    return {
        "job_id": None if job_id is None else UUID(str(job_id)),
        "trace_id": None if trace_id is None else str(trace_id),
    }
