"""SEND_EMAIL: hand a mail to the mail server."""

from __future__ import annotations

from dataclasses import asdict

from helpdesk.notifications.commands import rest_of_mail
from helpdesk.notifications.connections import connections
from helpdesk.notifications.email import MailNotWellFormed, compose, envelope_address, message_id, sender_address
from helpdesk.notifications.mailer import MailNotConfigured, MailRefused
from helpdesk.queue.catalog import SendEmail
from helpdesk.queue.outcomes import Cancel, Completed, Done, Fatal, Outcome
from workers.context import WorkerContext
from workers.registry import handlers


@handlers.handles(SendEmail)
async def send_email(args: SendEmail, context: WorkerContext) -> Outcome:
    """Send the mail; recipients that are refused for now get it by a job of their own."""
    sender = context.settings.mail_from
    first = args.rest_of or context.job.id
    recipients = args.rest or args.to
    try:
        message = compose(args, job_id=first, sender=sender, now=context.now())
        refused = await connections(context.settings).mailer.send(
            message, sender=sender_address(sender), recipients=[envelope_address(each) for each in recipients]
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
        return Done(result)
    rest, after = rest_of_mail(args, first=first, recipients=later, now=context.now())
    async with context.database.transaction(context.organization_id) as session:
        job_id = await context.enqueue_child(session, rest, run_after=after)
        await context.complete_in(session, result=result | {"rest": str(job_id)})
    return Completed()
