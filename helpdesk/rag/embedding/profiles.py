"""What publishers say about the inputs of their embedding models."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelProfile:
    """What a model's publisher says about its inputs."""

    query_prefix: str = ""
    doc_prefix: str = ""
    max_input_tokens: int = 512


# By the name without its tag. A model that is not listed takes no prefix and 512 tokens.
PROFILES = {
    "all-minilm": ModelProfile(max_input_tokens=256),
    "bge-m3": ModelProfile(max_input_tokens=8192),
    "embeddinggemma": ModelProfile("task: search result | query: ", "title: none | text: ", 2048),
    "granite-embedding": ModelProfile(),
    "multilingual-e5-small": ModelProfile("query: ", "passage: "),
    "mxbai-embed-large": ModelProfile("Represent this sentence for searching relevant passages: "),
    "nomic-embed-text": ModelProfile("search_query: ", "search_document: ", 2048),
    "snowflake-arctic-embed": ModelProfile("Represent this sentence for searching relevant passages: "),
}

# Digests of one and the same weights under different packaging: each set is one vector space.
SAME_SPACE: tuple[frozenset[str], ...] = ()


def profile_of(name: str) -> ModelProfile:
    """Return the profile of a model by its name, with or without a tag."""
    bare = name.split("@", 1)[0].split(":", 1)[0].rsplit("/", 1)[-1]
    return PROFILES.get(bare, ModelProfile())


def same_space(digest: str, other: str) -> bool:
    """Return whether vectors of two models compare: the same weights, whatever they are called."""
    return digest == other or any({digest, other} <= digests for digests in SAME_SPACE)
