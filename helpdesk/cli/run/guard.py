"""Stop the embedded PostgreSQL when the run that started it is gone without having done so.

`python -m helpdesk.cli.run.guard FOLDER` waits for the end of its standard input, which the run holds open.
"""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
import time
from pathlib import Path

from helpdesk.database.embedded import stop_quietly

# Workers end with their supervisor; those that are in the middle of a job get this long to hand it back.
_FOR_WORKERS_S = 3.0


def start_guard(folder: Path) -> subprocess.Popen[bytes]:
    """Start a guard for the embedded server of a data folder; closing its standard input lets it end."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "helpdesk.cli.run.guard", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _wait(folder: Path) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.stdin.buffer.read()
    with (folder / "run.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # The run is alive and stops its server itself, or a new run has taken the server over.
            return
        time.sleep(_FOR_WORKERS_S)
        stop_quietly(folder / "postgres")


if __name__ == "__main__":
    _wait(Path(sys.argv[1]))
