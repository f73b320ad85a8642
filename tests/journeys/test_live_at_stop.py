"""An API that is told to stop ends its streams in order, so that those who follow them come back without an error."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import httpx

from tests.journeys.conftest import MakeAccount
from tests.journeys.processes import start
from tests.journeys.streams import EVENTS, NOTIFICATIONS


async def test_open_streams_end_at_once_and_in_order_when_the_api_stops(
    make_account: MakeAccount, process_environment: dict[str, str], tmp_path: Path
) -> None:
    account = await make_account()
    running = start("api", "--port", "0", log_file=tmp_path / "api.log", environment=process_environment)
    port = (await running.wait_for_log(r"event=api_started .*?port=(\d+)"))[1]
    headers = {"Authorization": f"Bearer {account.token}"}
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as client, AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(client.stream("GET", path)) for path in (EVENTS, NOTIFICATIONS)]
        readers = [asyncio.create_task(answer.aread()) for answer in streams]
        await asyncio.sleep(1)
        assert not any(reader.done() for reader in readers)
        began = time.monotonic()
        code = await running.stop()
        took = time.monotonic() - began
        # An answer that breaks off would raise here.
        bodies = await asyncio.wait_for(asyncio.gather(*readers), 10)
    assert all(b"stream open" in body for body in bodies)
    assert code == 0, running.log()
    assert took < 5
    assert "level=error" not in running.log()
