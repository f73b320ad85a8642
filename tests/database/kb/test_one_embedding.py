"""A ticket's words are turned into a vector once, whichever of its jobs or the index comes first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import text

from helpdesk.ai.model import Embedder, ModelIdentity
from tests.database.kb.suggesting import WORK, Open, embedding_server, open_desk

__all__ = ["embedding_server", "open_desk"]


@pytest.mark.parametrize("name", [None, "nomic-embed-text"], ids=["one vector", "another vector for passages"])
async def test_whoever_comes_first_embeds_a_ticket_for_all_the_others(open_desk: Open, name: str | None) -> None:
    desk = await open_desk(name)
    for first in range(len(WORK)):
        ticket_id, words = await desk.open()
        for work in WORK[first:] + WORK[:first]:
            await desk.do(work, ticket_id)
        await desk.find_gaps()
        assert desk.calls_for(words) == 1, WORK[first]


@pytest.mark.parametrize("name", [None, "nomic-embed-text"], ids=["one vector", "another vector for passages"])
async def test_two_that_come_at_once_do_not_both_embed_a_ticket(open_desk: Open, name: str | None) -> None:
    desk = await open_desk(name)
    for _ in range(2):
        ticket_id, words = await desk.open()
        await asyncio.gather(*(desk.do(work, ticket_id) for work in WORK), desk.find_gaps())
        assert desk.calls_for(words) == 1


async def test_a_call_that_fails_leaves_the_text_to_the_next_one(open_desk: Open) -> None:
    desk = await open_desk(None)
    ticket_id, words = await desk.open()
    real, desk.embedder.inner = desk.embedder.inner, _Broken(desk.embedder.inner)  # type: ignore[assignment]
    with pytest.raises(RuntimeError, match="fell over"):
        await desk.do("suggest", ticket_id)
    desk.embedder.inner = real
    await desk.do("suggest", ticket_id)
    assert desk.calls_for(words) == 2
    async with desk.database.transaction(desk.organization_id) as session:
        assert await session.scalar(text("SELECT count(*) FROM rag_vector_claims")) == 0


class _Broken:
    def __init__(self, inner: Embedder) -> None:
        self._inner = inner

    async def identify(self, *, fresh: bool = False) -> ModelIdentity:
        return await self._inner.identify(fresh=fresh)

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if any("Tunnel" in words for words in texts):
            raise RuntimeError("the runtime fell over")
        return await self._inner.embed(texts)
