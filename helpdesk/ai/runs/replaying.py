"""Replay runs of an organisation: read, ask without a transaction, keep what came of it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from helpdesk.ai.model import Models
from helpdesk.ai.providers.choice import language_for
from helpdesk.ai.runs.queries import get_run
from helpdesk.ai.runs.record import record_run
from helpdesk.ai.runs.replay import Replay, prompt_of, replay
from helpdesk.database.engine import Database
from helpdesk.models.ai import AiRun


async def replay_run(
    database: Database, models: Models, *, organization_id: UUID, run_id: UUID, model: str | None, now: datetime
) -> tuple[AiRun, Replay, UUID]:
    """Make a run again; return it, what came of it, and the id of the run that this made.

    Raises:
        RunGone: there is no such run.
        RunNotReplayable: it is no call of a text model, or its texts were not kept.
        ModelBusy, ModelMissing: the model does not answer, or may not be asked for this organisation now.
    """
    async with database.transaction(organization_id) as session:
        run = await get_run(session, organization_id=organization_id, run_id=run_id)
        session.expunge(run)
        prompt_of(run)
        language = await language_for(session, models, organization_id=organization_id, now=now, interactive=True)
    made = await replay(language, run, model=model)
    async with database.transaction(organization_id) as session:
        new_id = await record_run(
            session,
            organization_id=organization_id,
            kind="replay",
            prompt=made.prompt,
            identity=made.identity,
            decision="accepted" if made.answer is not None else "error",
            schema=run.answer_schema,
            answer=made.answer,
            error=made.error,
            ticket_id=run.ticket_id,
            replay_of=run.replay_of or run.id,
            now=now,
        )
    return run, made, new_id
