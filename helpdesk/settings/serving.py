"""What the API listens on, and what a process says of itself."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings


class ServingSettings(BaseSettings):
    """What the API listens on, and what a process says of itself."""

    api_host: str = Field(default="127.0.0.1", description="The address the API listens on.")
    api_port: int = Field(default=8420, ge=1, le=65535, description="The port the API listens on.")
    public_url: str | None = Field(default=None, description="The address people reach the API at, for links.")
    metrics_listen: str = Field(
        default="",
        description="Where the process shows its metrics, HOST:PORT, or the port alone for loopback; empty is nowhere.",
    )
    traces_endpoint: str | None = Field(
        default=None,
        description="A collector that takes traces by OTLP over HTTP, like http://127.0.0.1:4318; none: no traces. "
        "It takes the packages of the extra `tracing`.",
    )
    traces_share: float = Field(
        default=1.0, ge=0, le=1, description="Share of the traces that begin here which are sent there."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least level logged.")
    log_format: Literal["auto", "console", "logfmt", "json", "journal"] = Field(
        default="auto",
        description="How a log event is written; auto takes systemd's journal where there is one, else the terminal.",
    )

    @field_validator("traces_endpoint")
    @classmethod
    def _of_a_collector(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
            raise ValueError("the collector's URL must be like http://127.0.0.1:4318, without a name or a password")
        # A package is only looked for in one that is there.
        if find_spec("opentelemetry") is None or find_spec("opentelemetry.exporter") is None:
            raise ValueError(
                "traces need packages that are not installed: those of the extra tracing, which "
                "requirements-tracing.lock names"
            )
        return url.rstrip("/").removesuffix("/v1/traces")
