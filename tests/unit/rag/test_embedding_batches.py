from __future__ import annotations

import functools
import operator
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from helpdesk.ai.model import Embedder, InputRefused, ModelBusy, ModelIdentity
from helpdesk.rag.embedding.embed import BATCH_TOKENS, batches_of, embed_all


class ScriptedRuntime:
    """A runtime at the foreign edge that refuses some texts and goes away after some calls."""

    def __init__(self, *, refuses: str = "\x00", longest: int = 10**9, calls: int = 10**9) -> None:
        self.refuses, self.longest, self.calls_left = refuses, longest, calls
        self.batches: list[list[str]] = []

    def named(self, name: str) -> Embedder:
        return self

    async def identify(self, *, fresh: bool = False) -> ModelIdentity:
        return ModelIdentity("scripted", "0")

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if not self.calls_left:
            raise ModelBusy
        self.calls_left -= 1
        self.batches.append(list(texts))
        if any(self.refuses in words or len(words) > self.longest for words in texts):
            raise InputRefused
        return np.ones((len(texts), 4), np.float32)


def test_batches_hold_at_most_32_inputs_and_8000_tokens_once_each() -> None:
    inputs = [f"{number:04}" + "x" * (number * 40) for number in range(100)] * 2
    batches = list(batches_of(inputs, chars_per_token=3))
    assert sorted(functools.reduce(operator.iadd, batches, [])) == sorted(set(inputs))
    assert all(len(batch) <= 32 for batch in batches)
    assert all(len(batch) * max(map(len, batch)) / 3 <= BATCH_TOKENS for batch in batches)


async def test_a_refused_text_is_found_and_the_others_get_their_vectors() -> None:
    inputs = [f"text {number}" for number in range(32)]
    inputs[11] = "ßßßßßßß"
    runtime = ScriptedRuntime(refuses="ß")
    embedded = await embed_all(runtime, inputs, chars_per_token=3)
    assert set(embedded.vectors) == set(inputs) - {"ßßßßßßß"}
    assert embedded.refused == {"ßßßßßßß"}
    assert len(runtime.batches) < 20


async def test_a_text_that_is_too_long_is_embedded_by_its_beginning() -> None:
    embedded = await embed_all(ScriptedRuntime(longest=700), ["x" * 1000], chars_per_token=3)
    assert set(embedded.vectors) == {"x" * 1000}
    assert not embedded.refused


async def test_what_was_embedded_before_the_runtime_went_away_is_kept() -> None:
    embedded = await embed_all(
        ScriptedRuntime(calls=1), [f"text {number:02}" for number in range(40)], chars_per_token=3
    )
    assert isinstance(embedded.interrupted, ModelBusy)
    assert len(embedded.vectors) == 32
    assert not embedded.covers("text 39")
