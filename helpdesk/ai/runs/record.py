"""One row for each call of a model, with all that is needed to make the call again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.ai.model import Answer, AnswerUnusable, ModelIdentity, Prompt, Spent
from helpdesk.ai.prompting.checks import unsafe
from helpdesk.database.base import new_id
from helpdesk.models.ai import AiRun
from helpdesk.redaction import redacted

# Whether an organisation keeps what it was asked about as it came; nothing said is no.
_KEEPS_RAW = text("""
    SELECT coalesce((ai_policy #>> '{records,raw_input}')::boolean, false)
      FROM organizations WHERE id = :organization_id
""")

Decision = Literal["accepted", "abstained", "escalated", "error"]


def sha256_of(value: Any) -> str:
    """Return the hexadecimal sha256 of a text, or of the canonical JSON of anything else."""
    words = value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(words.encode(errors="replace")).hexdigest()


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
    busy_ms: float | None = None,
    replay_of: UUID | None = None,
) -> UUID:
    """Record a call of a text model and what was made of its answer; return the run's id.

    Args:
        kind: what the call was for, such as `triage` or `reply`.
        prompt: the prompt as sent; kept as the model saw it, and redacted where it was not.
        decision: what the product did with the answer.
        answer: None when the call failed; then `error` says how.
        busy_ms: how long the runtime was busy with a call that brought no answer.
        retrieval_trace: which passages the prompt was filled with, and how they were found.
        replay_of: the run that this one made again.
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
        prompt_sha=prompt.sha or sha256_of(prompt.system),
        schema_sha=None if schema is None else sha256_of(schema),
        answer_schema=schema,
        input_hash=sha256_of(prompt.user),
        **await _texts(session, prompt, organization_id=organization_id),
        citations=list(citations),
        retrieval_trace=retrieval_trace,
        decision=decision,
        error_class=None if error is None else type(error).__name__,
        unsafe=None if answer is None else unsafe(answer.text, prompt),
        replay_of=replay_of,
        **_bound_ids(),
        **_figures(answer, error, busy_ms=busy_ms),
    )
    session.add(run)
    await session.flush()
    return run.id


async def _texts(session: AsyncSession, prompt: Prompt, *, organization_id: UUID) -> dict[str, Any]:
    """Return the texts of a prompt as they are kept."""
    system, user = storable(prompt.system), storable(prompt.user)
    kept: dict[str, Any] = {"system_text": system, "input_redacted": user}
    if prompt.raw and await session.scalar(_KEEPS_RAW, {"organization_id": organization_id}):
        kept["input_raw"] = {name: _columnar(raw) for name, raw in prompt.raw.items()}
    return kept | {"exact": (system, user) == (prompt.system, prompt.user)}


def storable(words: str) -> str:
    """Return a text redacted, and without what a column does not take."""
    return _columnar(redacted(words))


def _columnar(words: str) -> str:
    return words.replace("\x00", "").encode(errors="replace").decode()


def _figures(answer: Answer | None, error: Exception | None, *, busy_ms: float | None) -> dict[str, Any]:
    if answer is None:
        # What did not fit, or was not waited for, has cost as much as what does.
        spent = error.spent if isinstance(error, AnswerUnusable) else Spent()
        if spent.total_ms is None:
            spent = replace(spent, total_ms=busy_ms)
        return {"options": {}, "retries": 0, **asdict(spent)}
    seed = answer.options.get("seed")
    return {
        "options": answer.options,
        "seed": seed if isinstance(seed, int) else None,
        "output": storable(answer.text),
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
