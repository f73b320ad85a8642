"""A thread that makes one call at a time, with a bounded line of calls that wait for it."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from api.models_server.wire import ApiError
from helpdesk.observability.metrics.models_server import CALLS

T = TypeVar("T")
_STOPPING = "the models server is stopping"


class Lane:
    """Serve calls in the order they came. A call is told through its event when nobody waits for it any more."""

    def __init__(self, name: str, *, waiting: int) -> None:
        self._calls = CALLS.labels(name)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._places = threading.BoundedSemaphore(waiting + 1)
        self._results: set[asyncio.Future[Any]] = set()
        self._closed = False

    async def run(self, call: Callable[[threading.Event], T]) -> T:
        """Make the call when its turn has come, and return its result.

        Raises:
            ApiError: 503, too many calls wait or the server stops.
        """
        if self._closed:
            raise ApiError(503, _STOPPING)
        if not self._places.acquire(blocking=False):
            raise ApiError(503, "server busy, please try again.  maximum pending requests exceeded")
        with self._calls.track_inprogress():
            return await self._result(call)

    async def _result(self, call: Callable[[threading.Event], T]) -> T:
        unwanted = threading.Event()
        future = self._thread.submit(contextvars.copy_context().run, call, unwanted)
        future.add_done_callback(self._leave)
        result = asyncio.wrap_future(future)
        self._results.add(result)
        try:
            return await result
        except asyncio.CancelledError:
            if self._closed:
                raise ApiError(503, _STOPPING) from None
            raise
        finally:
            unwanted.set()
            self._results.discard(result)

    async def stream(self, call: Callable[[Callable[[T], None], threading.Event], None]) -> AsyncIterator[T]:
        """Make a call that emits items, and yield them as they come; raise what the call raises.

        Raises:
            ApiError: 503, too many calls wait.
        """
        loop = asyncio.get_running_loop()
        items: asyncio.Queue[T | None] = asyncio.Queue()

        def emit(item: T) -> None:
            loop.call_soon_threadsafe(items.put_nowait, item)

        task = asyncio.create_task(self.run(lambda unwanted: call(emit, unwanted)))
        task.add_done_callback(lambda _: items.put_nowait(None))
        try:
            while (item := await items.get()) is not None:
                yield item
            await task
        finally:
            task.cancel()

    def close(self) -> None:
        """Answer all calls with 503 at once, whatever the thread is doing, and tell the thread to end."""
        self._closed = True
        for result in list(self._results):
            result.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def join(self) -> None:
        """Block until the thread has ended."""
        self._thread.shutdown(wait=True)

    def _leave(self, _: Future[Any]) -> None:
        self._places.release()
