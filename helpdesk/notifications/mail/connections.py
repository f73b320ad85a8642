"""What a process holds open to send mail and webhooks: made when first needed, once for each event loop."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from helpdesk.notifications.mail.mailer import Mailer
from helpdesk.notifications.webhooks.guard import Guard
from helpdesk.notifications.webhooks.signing import WebhookCaller
from helpdesk.settings import Settings

_CLOSE_WITHIN_S = 3.0


@dataclass(frozen=True)
class Connections:
    """The ways out of one process."""

    mailer: Mailer
    caller: WebhookCaller


_open: dict[asyncio.AbstractEventLoop, Connections] = {}


def connections(settings: Settings) -> Connections:
    """Return those of the running event loop; the first call decides by which settings."""
    loop = asyncio.get_running_loop()
    if loop not in _open:
        _open[loop] = Connections(
            Mailer(settings),
            WebhookCaller(Guard(settings.webhook_allow), timeout_s=settings.webhook_timeout_s),
        )
    return _open[loop]


async def close_connections() -> None:
    """Close those of the running event loop, if there are any."""
    found = _open.pop(asyncio.get_running_loop(), None)
    if found is None:
        return
    # A handler that would not end may still be sending.
    with suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_WITHIN_S):
            await found.caller.close()
            await found.mailer.close()
