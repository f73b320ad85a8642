"""What is relied on of a runtime that speaks Ollama's API.

With OLLAMA_HOST set, these tests speak to a real Ollama, with the model of ATUM_TEST_EMBEDDING_MODEL (all-minilm unless
that says otherwise; pull it first). Without it they speak to the embedded runtime, which answers in the same way.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import numpy as np
import ollama
import pytest

from helpdesk.ai.model import InputRefused, ModelMissing
from helpdesk.ai.providers.connecting import ConnectedModels, connect_models
from helpdesk.ai.providers.ollama.embedder import OllamaEmbedder
from helpdesk.rag.embedding.profiles import profile_of
from helpdesk.settings import Settings
from tests.models_fixture import embedding_server

__all__ = ["embedding_server"]

MODEL = os.environ.get("ATUM_TEST_EMBEDDING_MODEL", "all-minilm")
TEXTS = ["How do I reset my password?", "The printer on the second floor is jammed.", "I forgot my pass phrase."]


@pytest.fixture
def address(request: pytest.FixtureRequest) -> str:
    """Return the address of a real Ollama, or of the embedded runtime."""
    return os.environ.get("OLLAMA_HOST") or str(request.getfixturevalue("embedding_server"))


@pytest.fixture
async def models(address: str) -> AsyncIterator[ConnectedModels]:
    # The first call loads the model.
    connected = connect_models(Settings(ollama_host=address, embedding_model=MODEL, embed_timeout_s=120))
    yield connected
    await connected.close()


def embedder_of(models: ConnectedModels) -> OllamaEmbedder:
    assert isinstance(models.embedder, OllamaEmbedder)
    return models.embedder


async def test_the_listing_tells_a_digest_with_and_without_the_tag(models: ConnectedModels) -> None:
    identity = await models.embedder.identify()
    assert len(identity.digest) == 64
    if ":" not in MODEL:
        assert (await models.embedder.named(f"{MODEL}:latest").identify()).digest == identity.digest


async def test_vectors_have_length_one_and_like_texts_are_close(models: ConnectedModels) -> None:
    prefix = profile_of(MODEL).doc_prefix
    vectors = await models.embedder.embed([prefix + words for words in TEXTS])
    assert vectors.shape[0] == 3
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[2] > vectors[0] @ vectors[1] + 0.1


async def test_a_text_has_the_same_vector_alone_and_among_others(models: ConnectedModels) -> None:
    together = await models.embedder.embed(TEXTS)
    alone = await models.embedder.embed(TEXTS[1:2])
    assert together[1] @ alone[0] > 0.999


async def test_a_text_that_is_too_long_is_refused_and_not_cut(models: ConnectedModels) -> None:
    longest = profile_of(MODEL).max_input_tokens
    with pytest.raises(InputRefused, match="context length"):
        await models.embedder.embed(["password " * max(longest * 4, 20_000)])


async def test_a_model_it_does_not_have_is_missing(models: ConnectedModels) -> None:
    with pytest.raises(ModelMissing):
        await models.embedder.named("no-such-model").identify()


async def test_tokens_are_counted(address: str, models: ConnectedModels) -> None:
    embedder = embedder_of(models)
    for number in range(8):
        await embedder.embed([f"{number} " + "The quick brown fox jumps over the lazy dog. " * 12])
    assert embedder.chars_per_token == pytest.approx(4.4, abs=1.2)


async def test_vectors_can_be_cut_and_have_length_one_again(models: ConnectedModels) -> None:
    vectors = await models.embedder.named(f"{MODEL}@128").embed(TEXTS)
    assert vectors.shape == (3, 128)
    whole = await models.embedder.embed(TEXTS)
    cut = whole[:, :128] / np.linalg.norm(whole[:, :128], axis=1, keepdims=True)
    assert np.allclose(vectors, cut, atol=1e-3)


async def test_a_call_for_a_model_that_is_gone_answers_404(address: str) -> None:
    client = ollama.AsyncClient(address, trust_env=False)
    with pytest.raises(ollama.ResponseError) as error:
        await client.embed("no-such-model", ["text"])
    assert error.value.status_code == 404
    await client.close()  # type: ignore[no-untyped-call]
