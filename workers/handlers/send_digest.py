"""SEND_DIGEST: mail a user what was collected for them."""

from __future__ import annotations

from helpdesk.database.engine import transaction_time
from helpdesk.notifications.people.digest import send_digest
from helpdesk.queue.catalog import SendDigest
from helpdesk.queue.outcomes import Outcome
from workers.context import WorkerContext
from workers.refusals import outcome_of
from workers.registry import handlers


@handlers.handles(SendDigest)
async def send(args: SendDigest, context: WorkerContext) -> Outcome:
    """Queue the mail; what the digest holds, its record and the job's end are one transaction."""
    return await outcome_of(_send(args, context))


async def _send(args: SendDigest, context: WorkerContext) -> None:
    organization_id = context.organization_id
    async with context.database.transaction(organization_id) as session:
        sent = await send_digest(
            session,
            organization_id=organization_id,
            user_id=args.user_id,
            # The clock that said the job is due: another one might see quiet hours that are not over yet.
            now=await transaction_time(session),
            settings=context.settings,
        )
        await context.complete_in(session, result={"notices": sent})
