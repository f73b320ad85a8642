"""How long a failed job waits before the next try."""

from __future__ import annotations

from helpdesk.queue.args import JobArgs

# Beyond this, 2 ** n only overflows.
_LARGEST_EXPONENT = 30


def retry_delay_s(args: type[JobArgs], *, retry_count: int, luck: float) -> float:
    """Return the seconds to wait after a handled failure.

    Exponential, `base * 2 ** retry_count` up to the cap, times a factor from 0.5 to 1.5 so that jobs that failed
    together do not come back together; or the type's fixed steps, the last one repeated, each up to a tenth longer.

    Args:
        retry_count: handled failures before this one.
        luck: a random number in [0, 1).
    """
    if args.backoff_steps_s:
        return args.backoff_steps_s[min(retry_count, len(args.backoff_steps_s) - 1)] * (1 + luck / 10)
    wait = args.backoff_base_s * 2.0 ** min(retry_count, _LARGEST_EXPONENT)
    return float(min(args.backoff_cap_s, wait) * (0.5 + luck))
