"""Blocking work in threads, so that the event loop goes on.

A thread cannot be ended from outside: one that ignores its job's timeout goes on, and its job's slot with it.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """The threads that the handlers of a process share."""

    def __init__(self, most: int) -> None:
        self._pool = ThreadPoolExecutor(most, thread_name_prefix="handler")

    async def run(self, going: set[Future[Any]], function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Call a function in a thread and return what it returns.

        Args:
            going: keeps the call for as long as its thread works on it, also after nobody waits any more.
        """
        context = contextvars.copy_context()

        def call() -> T:
            try:
                return context.run(function, *arguments, **named)
            except StopIteration as error:
                # The one exception that no future can carry.
                raise RuntimeError("the function raised StopIteration") from error

        future: Future[T] = self._pool.submit(call)
        going.add(future)
        future.add_done_callback(going.discard)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Take no more calls; those that run are not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)
