"""What the product's refusals mean for a job."""

from __future__ import annotations

from collections.abc import Awaitable

from helpdesk.ai.model import ModelBusy
from helpdesk.errors import Conflict, NotFound, Unavailable
from helpdesk.events.conversation import TicketMovedOn
from helpdesk.queue.outcomes import Cancel, Done, Outcome, Snooze

_SOON_S = 1.0
# For what somebody has to put right, such as a model that is not there.
_LATER_S = 30.0


async def outcome_of(work: Awaitable[object]) -> Outcome:
    """Await work that completes its job in its own transaction, and translate why it could not.

    A model that is away or a ticket that has just changed costs no try; a ticket that is gone, or whose state no
    longer allows the work, ends the job; anything else is raised and so tried again.
    """
    try:
        await work
    except ModelBusy as busy:
        return Snooze(busy.retry_after, busy.detail)
    except Unavailable as away:
        return Snooze(_LATER_S, away.detail)
    except TicketMovedOn as moved:
        return Snooze(_SOON_S, moved.detail)
    except (NotFound, Conflict) as refusal:
        return Cancel(refusal.detail)
    return Done()
