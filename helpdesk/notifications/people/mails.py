"""The mails by which people are told, as jobs."""

from __future__ import annotations

import re
from uuid import UUID

from pydantic import ValidationError

from helpdesk.notifications.mail.message import sender_address
from helpdesk.notifications.people.letters import Letter
from helpdesk.notifications.preferences.queries import Person
from helpdesk.queue.catalog import SendEmail
from helpdesk.settings import Settings

_NOT_IN_LABEL = re.compile(r"[^a-z0-9-]+")


def mail_to(person: Person, letter: Letter, *, ticket_id: UUID | None, settings: Settings) -> SendEmail | None:
    """Return the job that mails a letter to a person; None when their address is none.

    Args:
        ticket_id: the ticket whose thread the mail belongs to.
    """
    domain = sender_address(settings.mail_from).rpartition("@")[2].lower()
    root = thread_root(ticket_id, domain=domain) if ticket_id else None
    try:
        return SendEmail(
            to=(person.email,),
            subject=letter.subject,
            text=letter.text,
            html=letter.html,
            in_reply_to=root,
            references=(root,) if root else (),
            list_id=f"{_label(person.list_name)}.tickets.{'.'.join(_label(part) for part in domain.split('.'))}",
            tells=True,
        )
    except ValidationError:
        return None


def thread_root(ticket_id: UUID, *, domain: str) -> str:
    """Return the Message-ID that all mails on a ticket answer, so that mail programs show them as one thread."""
    return f"<ticket-{ticket_id}@{domain}>"


def _label(text: str) -> str:
    return _NOT_IN_LABEL.sub("-", text.lower()).strip("-") or "desk"
