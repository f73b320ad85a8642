"""Read the text of one file and print it as JSON: a process with little memory and time, which may be ended.

python -m helpdesk.attachments.text.child KIND < file
"""

from __future__ import annotations

import json
import logging
import resource
import signal
import sys

# Parsers take many times the size of a file; what needs more is no honest document.
_MEMORY_BYTES = 768 * 2**20
_CPU_S = 20
_ELAPSED_S = 40


def _limit() -> None:
    """Bound memory, time and files of this process, whoever started it."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    # Also where the one who waits for it is gone.
    signal.alarm(_ELAPSED_S)


def main() -> int:
    """Read the file on standard input; print either its text or why there is none."""
    _limit()
    # Parsers complain of every flaw of a file; nobody reads it here.
    logging.disable()
    # Only now: what is imported is bounded, too.
    from helpdesk.attachments.text.formats import extract  # noqa: PLC0415
    from helpdesk.attachments.text.kinds import TextKind  # noqa: PLC0415
    from helpdesk.attachments.text.unreadable import Unreadable  # noqa: PLC0415

    try:
        found = extract(sys.stdin.buffer.read(), TextKind(sys.argv[1]))
        answer = {"text": found.text, "truncated": found.truncated}
    except Unreadable as unreadable:
        answer = {"reason": unreadable.detail}
    except (MemoryError, RecursionError) as error:
        answer = {"reason": f"It takes too much to be read: {type(error).__name__}."}
    json.dump(answer, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
