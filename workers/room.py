"""How many jobs of each type one worker process takes at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from helpdesk.errors import Invalid
from helpdesk.queue.decode import job_class


class InvalidTypeLimits(Invalid):
    """The limits of job types are not written as `TYPE=NUMBER,TYPE=NUMBER`."""


def most_of_each(types: Iterable[str], limits: str) -> dict[str, int]:
    """Return the most of each job type that has one, by what the type says and, before it, by the setting.

    Args:
        types: the job types the process serves.
        limits: the setting, such as `SMART_REPLY=2,TRIAGE_TICKET=1`.

    Raises:
        InvalidTypeLimits: when the setting cannot be read.
        UnknownJobType: when it names what is not a job type.
    """
    said = _read(limits)
    own = {job_type: job_class(job_type).most_per_worker for job_type in types}
    return {job_type: most for job_type, most in {**own, **said}.items() if most is not None and job_type in own}


def room_for(
    types: Iterable[str], *, most: Mapping[str, int], in_hand: Mapping[str, int], limit: int
) -> dict[str, int]:
    """Return how many more of each job type may be claimed; types without room are left out.

    Args:
        in_hand: how many of each the process runs or has claimed ahead.
        limit: how many it may claim in all.
    """
    room = {
        job_type: min(limit, most.get(job_type, limit + in_hand.get(job_type, 0)) - in_hand.get(job_type, 0))
        for job_type in types
    }
    return {job_type: free for job_type, free in room.items() if free > 0}


def _read(limits: str) -> dict[str, int]:
    said: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in limits.split(","))):
        name, _, number = (piece.strip() for piece in part.partition("="))
        if not number.isascii() or not number.isdigit() or int(number) < 1:
            raise InvalidTypeLimits(f"{part!r} is not TYPE=NUMBER, with a number from 1 on.")
        said[job_class(name).job_type] = int(number)
    return said
