"""Compose a mail: the bytes a mail server takes."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, parseaddr
from uuid import UUID

from helpdesk.errors import Invalid
from helpdesk.queue.catalog import SendEmail

_MESSAGE_IDS = {"in-reply-to", "references"}
_LINE_END = "\r\n"
_IN_OTHER_SCRIPTS = re.compile(r"[^\x00-\x7f]")


class MailNotWellFormed(Invalid):
    """The mail cannot be written as a message."""


class _Policy(EmailPolicy):
    """The library's policy, but a long message id stays as it is: encoded, no program would find the thread by it."""

    def fold(self, name: str, value: str) -> str:
        folded: str = _as_given(name, value) or super().fold(name, value)
        return folded

    def fold_binary(self, name: str, value: str) -> bytes:
        as_given = _as_given(name, value)
        folded: bytes = as_given.encode("ascii") if as_given else super().fold_binary(name, value)
        return folded


def _as_given(name: str, value: str) -> str | None:
    if name.lower() not in _MESSAGE_IDS:
        return None
    return f"{name}: {f'{_LINE_END} '.join(value.split())}{_LINE_END}"


_POLICY = _Policy(linesep=_LINE_END, cte_type="7bit", max_line_length=78)
_INTERNATIONAL = _POLICY.clone(utf8=True)


def message_id(*, job_id: UUID, sender: str) -> str:
    """Return the Message-ID of the mail a job sends: each try of the job has the same."""
    return f"<{job_id}@{_named(sender).domain}>"


def compose(mail: SendEmail, *, job_id: UUID, sender: str, now: datetime, only_ascii: bool = True) -> bytes:
    """Return the mail as a message (RFC 5322) of ASCII lines, text and, where given, HTML.

    It is marked as made by a program (RFC 3834), so that no well-behaved responder answers it.

    Args:
        job_id: the job whose message it is.
        sender: `Name <address>`.
        now: its date (UTC).
        only_ascii: whether recipients whose address is international are left out; with them, should there be any, the
            headers are in UTF-8 (RFC 6532).

    Raises:
        MailNotWellFormed: an address or a header that is none, above all one with a line break in it.
    """
    shown = [address for each in mail.to if (address := _address(each)).addr_spec.isascii() or not only_ascii]
    in_ascii = all(address.addr_spec.isascii() for address in shown)
    message = EmailMessage(policy=_POLICY if in_ascii else _INTERNATIONAL)
    try:
        message["From"] = _named(sender)
        message["To"] = shown
        message["Subject"] = mail.subject
        message["Date"] = format_datetime(now)
        message["Message-ID"] = message_id(job_id=job_id, sender=sender)
        message["Auto-Submitted"] = "auto-generated"
        if mail.list_id:
            message["List-Id"] = f"<{mail.list_id}>"
        if mail.reply_to:
            message["Reply-To"] = _address(mail.reply_to)
        if mail.in_reply_to:
            message["In-Reply-To"] = mail.in_reply_to
        if mail.references or mail.in_reply_to:
            message["References"] = " ".join(mail.references or (mail.in_reply_to or "",))
        message.set_content(mail.text)
        if mail.html is not None:
            message.add_alternative(mail.html, subtype="html")
        return message.as_bytes()
    except (MessageError, ValueError) as error:
        raise MailNotWellFormed(f"The mail cannot be written: {error}.") from error


def envelope_address(address: str) -> str:
    """Return an address as SMTP takes it, in ASCII unless its local part is not; raise MailNotWellFormed."""
    return _address(address).addr_spec


def sender_address(sender: str) -> str:
    """Return the address of `Name <address>` as SMTP takes it."""
    return _named(sender).addr_spec


def _named(text: str) -> Address:
    name, address = parseaddr(text)
    return _address(address, name=name)


def _address(text: str, *, name: str = "") -> Address:
    """Read an address; a domain in another script becomes the ASCII form that is registered."""
    local, _, domain = text.rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii")
        if local.isascii():
            return Address(name, addr_spec=f"{local}@{domain}")
        # The library judges ASCII alone; letters of other scripts are allowed wherever those of ASCII are (RFC 6532).
        Address(addr_spec=f"{_IN_OTHER_SCRIPTS.sub('x', local)}@{domain}")
        return Address(name, username=unicodedata.normalize("NFC", local), domain=domain)
    except (MessageError, ValueError, IndexError) as error:
        raise MailNotWellFormed(f"{text!r} is not an address that mail can be sent to: {error}.") from error
