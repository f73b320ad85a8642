"""Heed SIGHUP, by which a service manager asks a process to read its settings again."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable


def on_hangup(reread: Callable[[], None]) -> None:
    """Call back on the running event loop at each SIGHUP.

    Only where a service manager started the process: elsewhere the signal means that the terminal is gone, and it ends
    the process.
    """
    if os.environ.get("NOTIFY_SOCKET"):
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reread)
