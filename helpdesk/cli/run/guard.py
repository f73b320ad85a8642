"""Stop the embedded PostgreSQL when the run that started it is gone without having done so.

`python -m helpdesk.cli.run.guard FOLDER` waits for the end of its standard input, which the run holds open.
"""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from helpdesk.database.embedded import stop_quietly

# Workers end with their supervisor; those that are in the middle of a job get this long to hand it back.
_FOR_WORKERS_S = 3.0
_FOR_THE_LOCK_S = 1.0
_STOPPED = b"stopped"


def start_guard(folder: Path) -> subprocess.Popen[bytes]:
    """Start a guard for the embedded server of a data folder."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "helpdesk.cli.run.guard", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def dismiss(guard: subprocess.Popen[bytes]) -> None:
    """Tell a guard that the server has been stopped, and wait for its end."""
    with suppress(BrokenPipeError):
        guard.communicate(_STOPPED)


def _wait(folder: Path) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.stdin.buffer.read() == _STOPPED:
        return
    with (folder / "run.lock").open("a") as lock:
        if not _locked(lock.fileno()):
            # A new run has taken the server over.
            return
        time.sleep(_FOR_WORKERS_S)
        stop_quietly(folder / "postgres")


def _locked(descriptor: int) -> bool:
    """Take the lock of the data folder, which the kernel may free a moment after it closed our standard input."""
    deadline = time.monotonic() + _FOR_THE_LOCK_S
    while time.monotonic() < deadline:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return True
    return False


if __name__ == "__main__":
    _wait(Path(sys.argv[1]))
