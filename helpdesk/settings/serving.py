"""What the API listens on, and what a process says of itself."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings


class ServingSettings(BaseSettings):
    """What the API listens on, and what a process says of itself."""

    api_host: str = Field(default="127.0.0.1", description="The address the API listens on.")
    api_port: int = Field(default=8420, ge=1, le=65535, description="The port the API listens on.")
    public_url: str | None = Field(default=None, description="The address people reach the API at, for links.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least level logged.")
    log_format: Literal["auto", "console", "logfmt", "json"] = Field(
        default="auto", description="How a log event is written; auto looks at the terminal."
    )
