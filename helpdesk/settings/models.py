"""The model runtimes, and what they may be asked."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings

from helpdesk.settings.names import also_bare

# The name that stands for no text model at all.
NO_TEXT_MODEL: Final = "none"


class ModelSettings(BaseSettings):
    """The model runtimes, and what they may be asked."""

    ollama_host: str = Field(
        default="http://127.0.0.1:11434",
        validation_alias=also_bare("OLLAMA_HOST"),
        description="The model runtime: an Ollama server, or the embedded one.",
    )
    text_model: str = Field(
        default="qwen2.5-coder:1.5b",
        description="The model that classifies and phrases; none: do without one.",
    )
    embedding_model: str = Field(default="all-minilm", description="The model that turns text into vectors.")
    model_timeout_s: float = Field(default=120, gt=0, description="Longest wait for one answer of a text model.")
    embed_timeout_s: float = Field(default=60, gt=0, description="Longest wait for one batch of vectors.")
    text_context_tokens: int = Field(
        default=4096,
        ge=1024,
        le=1_000_000,
        description="Room in tokens that the text model has for a prompt and its answer, with an Ollama server.",
    )
    text_calls_at_once: int = Field(default=1, ge=1, le=100, description="Text model calls a process makes at a time.")
    text_tokens_a_day: int | None = Field(
        default=None, ge=0, description="Most tokens of the text model for an organisation in 24 h; none: no bound."
    )
    text_seconds_a_day: float | None = Field(
        default=None, ge=0, description="Most seconds of the text model for an organisation in 24 h; none: no bound."
    )
    openai_url: str | None = Field(
        default=None,
        description="A text model behind OpenAI's protocol, such as vLLM or llama.cpp's server, with its version: "
        "http://host:8000/v1. It is used in place of Ollama's where text may be sent to it.",
    )
    openai_api_key: SecretStr | None = Field(default=None, description="The key of that endpoint, where it wants one.")
    openai_model: str | None = Field(
        default=None, description="The model of that endpoint; by default the only one it has."
    )
    own_model_hosts: str = Field(
        default="",
        description="Hosts of models besides this one that are the operator's own, so that text may be sent there: "
        "networks such as 10.1.0.0/16, names such as gpu.example.net, and domains such as .example.net, "
        "separated by commas.",
    )

    @field_validator("ollama_host")
    @classmethod
    def _with_scheme(cls, host: str) -> str:
        """Accept Ollama's own short forms, such as `127.0.0.1:11434` and `0.0.0.0`."""
        full = host if "://" in host else f"http://{host}"
        parts = urlsplit(full)
        if parts.port is None and parts.scheme == "http":
            full = f"{full.rstrip('/')}:11434"
        return full.rstrip("/")

    @field_validator("openai_url")
    @classmethod
    def _of_an_endpoint(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
            raise ValueError("the endpoint's URL must be like http://host:8000/v1, without a name or a password in it")
        return url.rstrip("/")

    @property
    def without_text_model(self) -> bool:
        """Tell whether Ollama's text model is left out on purpose."""
        return self.text_model == NO_TEXT_MODEL
