"""SEND_EMAIL: hand a mail to the mail server."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from helpdesk.notifications.commands import mark_sent, rest_of_mail
from helpdesk.notifications.mail.connections import connections
from helpdesk.notifications.mail.mailer import Letter, MailNotConfigured, MailRefused
from helpdesk.notifications.mail.message import MailNotWellFormed, compose, envelope_address, message_id, sender_address
from helpdesk.queue.catalog import SendEmail
from helpdesk.queue.outcomes import Cancel, Completed, Fatal, Outcome
from workers.context import WorkerContext
from workers.registry import handlers


@handlers.handles(SendEmail)
async def send_email(args: SendEmail, context: WorkerContext) -> Outcome:
    """Send the mail; recipients that are refused for now get it by a job of their own."""
    sender = context.settings.mail_from
    first = args.rest_of or context.job.id
    recipients = args.rest or args.to
    try:
        now = context.now()
        whole, ascii_only = (
            compose(args, job_id=first, sender=sender, now=now, only_ascii=only_ascii) for only_ascii in (False, True)
        )
        refused = await connections(context.settings).mailer.send(
            Letter(whole, ascii_only),
            sender=sender_address(sender),
            recipients=[envelope_address(each) for each in recipients],
        )
    except MailNotConfigured as missing:
        return Cancel(missing.detail)
    except (MailNotWellFormed, MailRefused) as refusal:
        raise Fatal(refusal.detail) from refusal
    result = {
        "message_id": message_id(job_id=first, sender=sender),
        "accepted": len(recipients) - len(refused),
        "refused": [asdict(answer) for answer in refused],
    }
    later = [answer.address for answer in refused if not answer.for_good]
    if not later:
        return await _record(args, context, result)
    rest, after = rest_of_mail(args, first=first, recipients=later, now=context.now())
    async with context.database.transaction(context.organization_id) as session:
        job_id = await context.enqueue_child(session, rest, run_after=after)
        await context.complete_in(session, result=result | {"rest": str(job_id)})
    return Completed()


async def _record(args: SendEmail, context: WorkerContext, result: dict[str, Any]) -> Outcome:
    """Complete the job at once, so that little is sent again by whoever comes after this worker; say what was told."""
    async with context.database.transaction(context.organization_id) as session:
        if args.tells:
            job_id = args.rest_of or context.job.id
            await mark_sent(session, organization_id=context.organization_id, job_id=job_id, now=context.now())
        await context.complete_in(session, result=result)
    return Completed()
