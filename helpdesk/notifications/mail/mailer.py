"""One connection to the mail server, kept while there is mail.

SMTP cannot do better than at least once: when the connection breaks between the end of a message and the server's
answer, nobody knows whether the server took it, and so it is sent again. What can be done is done: the Message-ID is
the job's, hence the same at each try, by which mail servers and mail programs recognise a second copy; and a recipient
the server has accepted in a message it took is not sent that message again for the sake of one it refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import aiosmtplib
import structlog
from pydantic import SecretStr

from helpdesk.errors import Conflict, HelpdeskError
from helpdesk.redaction import redacted
from helpdesk.settings import Settings

_PORTS = {"smtp": 25, "smtps": 465, "starttls": 587}
_IDLE_S = 10.0
# RFC 5321 (4.5.3.2.6) wants ten minutes for the answer to a whole message: whoever gives up early sends it twice.
_ANSWER_TO_MESSAGE_S = 180.0
_QUIT_S = 2.0
_PERMANENT = 500
_NOT_IN_ASCII = 553
_AWAY = (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, aiosmtplib.SMTPConnectError, OSError)

log = structlog.get_logger(__name__)


class MailNotConfigured(Conflict):
    """No mail server is configured."""


class MailDeferred(HelpdeskError):
    """The mail could not be sent for now."""


class MailRefused(HelpdeskError):
    """The mail server refuses the mail for good."""


@dataclass(frozen=True)
class Refused:
    """A recipient the server did not accept, and its words."""

    address: str
    code: int
    text: str

    @property
    def for_good(self) -> bool:
        """Tell whether trying again is of no use."""
        return self.code >= _PERMANENT


@dataclass(frozen=True)
class Letter:
    """A message in both forms; they are the same unless it names an international address.

    Attributes:
        whole: with every address.
        ascii_only: for a server that takes ASCII alone.
    """

    whole: bytes
    ascii_only: bytes

    @property
    def in_ascii(self) -> bool:
        """Tell whether any server takes it."""
        return self.whole.isascii()


class Mailer:
    """Sends mail, one at a time, over a connection that is closed when it has been idle for ten seconds."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.smtp_url
        self._timeout_s = settings.smtp_timeout_s
        self._turn = asyncio.Lock()
        self._connection: aiosmtplib.SMTP | None = None
        self._closing: asyncio.TimerHandle | None = None

    async def send(self, letter: Letter, *, sender: str, recipients: Sequence[str]) -> list[Refused]:
        """Hand a message over; return the recipients that were refused while the others were accepted.

        International addresses are refused for good where the server does not take them (SMTPUTF8, RFC 6531).

        Raises:
            MailNotConfigured: there is no mail server.
            MailDeferred: it is away, or will not have it for now; whether it took the message may be unknown.
            MailRefused: it will not have it, however often it is asked.
        """
        async with self._turn:
            self._stay()
            try:
                return await self._send(letter, sender=sender, recipients=recipients)
            finally:
                self._leave_later()

    async def close(self) -> None:
        """Take leave of the server, if there is a connection."""
        async with self._turn:
            self._stay()
            connection, self._connection = self._connection, None
            if connection is not None:
                with suppress(aiosmtplib.SMTPException, OSError):
                    await connection.quit(timeout=_QUIT_S)
                connection.close()

    async def _send(self, letter: Letter, *, sender: str, recipients: Sequence[str]) -> list[Refused]:
        try:
            connection = await self._begin(letter, sender)
            takes_all = letter.in_ascii or _takes_utf8(connection)
            refused = await self._name_recipients(connection, recipients)
            await connection.data(letter.whole if takes_all else letter.ascii_only, timeout=_ANSWER_TO_MESSAGE_S)
        except aiosmtplib.SMTPResponseException as answer:
            await self._forget_message()
            raise _judged(answer) from answer
        except _AWAY as error:
            self._drop()
            raise MailDeferred(f"The mail server cannot be reached: {type(error).__name__}: {error}.") from error
        except HelpdeskError:
            # Said by one of the steps, which has left the connection as it should be.
            raise
        except BaseException:
            # In the middle of a message nobody knows what the server waits for.
            self._drop()
            raise
        return refused

    async def _begin(self, letter: Letter, sender: str) -> aiosmtplib.SMTP:
        """Begin a message; a server that has meanwhile closed the kept connection is asked once more on a new one."""
        if self._connection is not None:
            try:
                await _announce(self._connection, letter, sender)
            except _AWAY:
                self._drop()
            except aiosmtplib.SMTPSenderRefused as answer:
                # 421: it closes the connection, which says nothing about this mail.
                if answer.code != aiosmtplib.SMTPStatus.domain_unavailable:
                    raise
                self._drop()
            else:
                return self._connection
        self._connection = await self._connect()
        await _announce(self._connection, letter, sender)
        return self._connection

    async def _connect(self) -> aiosmtplib.SMTP:
        try:
            return await _connected(self._url, timeout_s=self._timeout_s)
        except (aiosmtplib.SMTPException, OSError) as error:
            # Also a wrong password: it is not the mail's fault, and somebody may put it right within the day.
            raise MailDeferred(f"The mail server does not let us in: {type(error).__name__}: {error}.") from error

    async def _name_recipients(self, connection: aiosmtplib.SMTP, recipients: Sequence[str]) -> list[Refused]:
        refused = []
        for recipient in recipients:
            if not recipient.isascii() and not _takes_utf8(connection):
                refused.append(Refused(recipient, _NOT_IN_ASCII, "5.6.7 the mail server takes addresses in ASCII only"))
                continue
            try:
                await connection.rcpt(recipient, encoding="utf-8")
            except aiosmtplib.SMTPRecipientRefused as answer:
                refused.append(Refused(recipient, answer.code, answer.message))
        if len(refused) < len(recipients):
            return refused
        await self._forget_message()
        words = "; ".join(sorted({f"{answer.code} {redacted(answer.text)}" for answer in refused}))
        if all(answer.for_good for answer in refused):
            raise MailRefused(f"The mail server refuses every recipient: {words}.")
        raise MailDeferred(f"The mail server accepts no recipient for now: {words}.")

    async def _forget_message(self) -> None:
        """Bring the connection back to where a message may begin."""
        if self._connection is None:
            return
        try:
            await self._connection.rset()
        except (aiosmtplib.SMTPException, OSError):
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _stay(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None

    def _leave_later(self) -> None:
        self._closing = asyncio.get_running_loop().call_later(_IDLE_S, self._drop)


async def greet(settings: Settings, *, timeout_s: float) -> str:
    """Greet the mail server, log in where a name is set, take leave again, and return how it names itself.

    Raises:
        MailNotConfigured: there is none.
        SMTPException, OSError: what keeps us out, in the library's words.
    """
    connection = await _connected(settings.smtp_url, timeout_s=timeout_s)
    said = connection.last_ehlo_response.message if connection.last_ehlo_response else ""
    try:
        with suppress(aiosmtplib.SMTPException, OSError):
            await connection.quit(timeout=_QUIT_S)
    finally:
        connection.close()
    return said.splitlines()[0] if said else "without a name"


async def _connected(url: SecretStr | None, *, timeout_s: float) -> aiosmtplib.SMTP:
    """Connect, greet and log in."""
    if url is None:
        raise MailNotConfigured("No mail server is configured; set ATUM_SMTP_URL.")
    parts = urlsplit(url.get_secret_value())
    connection = aiosmtplib.SMTP(
        hostname=parts.hostname,
        port=parts.port or _PORTS[parts.scheme],
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        timeout=timeout_s,
        use_tls=parts.scheme == "smtps",
        start_tls=parts.scheme == "starttls",
    )
    try:
        await connection.connect()
        await connection.ehlo()
    except (aiosmtplib.SMTPException, OSError):
        connection.close()
        raise
    log.debug("mail_server_connected", host=parts.hostname)
    return connection


def _takes_utf8(connection: aiosmtplib.SMTP) -> bool:
    return connection.supports_extension("smtputf8")


async def _announce(connection: aiosmtplib.SMTP, letter: Letter, sender: str) -> None:
    international = not letter.in_ascii and _takes_utf8(connection)
    await connection.mail(sender, options=["SMTPUTF8"] if international else None)


def _judged(answer: aiosmtplib.SMTPResponseException) -> HelpdeskError:
    words = f"{answer.code} {redacted(answer.message)}"
    if answer.code >= _PERMANENT:
        return MailRefused(f"The mail server refuses the mail: {words}.")
    return MailDeferred(f"The mail server does not take the mail for now: {words}.")
