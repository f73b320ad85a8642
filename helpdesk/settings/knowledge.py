"""Search, suggestions, drafts and answers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings

from helpdesk.settings.names import also_bare


class KnowledgeSettings(BaseSettings):
    """Search, suggestions, drafts and answers."""

    rag_index_on_ticket_create: bool = Field(
        default=True,
        validation_alias=also_bare("RAG_INDEX_ON_TICKET_CREATE"),
        description="Whether opening a ticket also queues it for the search index.",
    )
    index_build_memory_mb: int = Field(
        default=1024,
        ge=64,
        le=1_000_000,
        description="Most memory in MB that PostgreSQL may take to build a graph index over vectors; one that does "
        "not fit takes several times as long.",
    )
    smart_reply: Literal["on_open", "on_demand", "off"] = Field(
        default="on_open", description="When a reply is drafted: for each new ticket, when asked, or never."
    )
    reply_phrasing: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Whether the text model writes whole drafts: auto asks any but the small embedded ones; where it "
        "does not, the articles are quoted and it only names the topic.",
    )
    reply_timeout_s: float = Field(
        default=60, gt=0, le=600, description="Longest wait for the text model's part in a draft; then quotes do."
    )
    kb_wanted_precision: float = Field(
        default=0.8,
        ge=0,
        le=1,
        description="Share of the suggested articles that should help, once agents have judged enough of them.",
    )
    kb_gap_days: int = Field(
        default=90, ge=1, le=180, description="Days back that unanswered questions are looked through for gaps."
    )
    ask_phrasing: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Whether the text model phrases answers to questions: auto asks any but the small embedded ones, "
        "and else the sources are quoted.",
    )
    ask_timeout_s: float = Field(
        default=30, gt=0, le=600, description="Longest wait for the text model's answer to a question; then quotes do."
    )
    ask_concurrency: int = Field(
        default=4, ge=1, le=100, description="Questions that one API process answers at a time."
    )
    ask_per_minute: int = Field(
        default=30, ge=1, le=10_000, description="Questions a minute that one API process takes of an organisation."
    )
