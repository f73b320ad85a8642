"""Every setting of the product, read once from the environment.

Each one is `ATUM_` plus its name; those that operators know by their bare name work bare as well.
"""

from __future__ import annotations

from email.headerregistry import Address
from email.utils import parseaddr
from ipaddress import ip_network
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DRIVER = "postgresql+asyncpg"


def _also_bare(name: str) -> AliasChoices:
    return AliasChoices(f"ATUM_{name}", name)


class Settings(BaseSettings):
    """The settings of one process, frozen after start."""

    model_config = SettingsConfigDict(
        env_prefix="ATUM_", frozen=True, extra="ignore", populate_by_name=True, env_ignore_empty=True
    )

    database_url: str = Field(
        default="postgresql://atum@localhost/atum",
        validation_alias=_also_bare("DATABASE_URL"),
        description="The PostgreSQL database; the login must be a member of the product's roles.",
    )
    database_pool_size: int = Field(default=10, ge=1, le=100, description="Most connections the API keeps open.")
    database_pgbouncer: bool = Field(
        default=False, description="Set when a pooler in transaction mode stands before PostgreSQL."
    )
    database_listen_url: str | None = Field(
        default=None,
        description="PostgreSQL itself, where a pooler stands before it: for wake-ups, which workers otherwise replace "
        "by polling, and for migrations.",
    )
    data_dir: Path = Field(default=Path("data"), description="Where files of the product live: models, attachments.")

    attachment_max_bytes: int = Field(
        default=25_000_000, ge=1, le=2_000_000_000, description="Largest file a ticket takes, in bytes."
    )
    backup_dir: Path | None = Field(
        default=None, description="Where backups are written; by default files/backups in the data folder."
    )
    backup_keep: int = Field(default=7, ge=1, le=1000, description="How many backups are kept, the newest.")

    api_host: str = Field(default="127.0.0.1", description="The address the API listens on.")
    api_port: int = Field(default=8420, ge=1, le=65535, description="The port the API listens on.")
    public_url: str | None = Field(default=None, description="The address people reach the API at, for links.")

    ollama_host: str = Field(
        default="http://127.0.0.1:11434",
        validation_alias=_also_bare("OLLAMA_HOST"),
        description="The model runtime: an Ollama server, or the embedded one.",
    )
    text_model: str = Field(default="qwen2.5-coder:1.5b", description="The model that classifies and phrases.")
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

    rag_index_on_ticket_create: bool = Field(
        default=True,
        validation_alias=_also_bare("RAG_INDEX_ON_TICKET_CREATE"),
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
    keep_vectors_days: float = Field(
        default=365,
        gt=0,
        description="Days that vectors of tickets and quoted sentences are kept; one needed again is made again.",
    )
    keep_unanswered_days: float = Field(
        default=180, gt=0, description="Days that questions which nothing answered are kept."
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

    max_concurrent_jobs: int = Field(
        default=10,
        ge=1,
        le=1000,
        validation_alias=_also_bare("MAX_CONCURRENT_JOBS"),
        description="Jobs one job worker runs at a time.",
    )
    job_type_limits: str = Field(
        default="",
        description="Jobs of a type that one job worker runs at a time, as TYPE=NUMBER,TYPE=NUMBER; it stands before "
        "what the type itself says.",
    )
    worker_queues: str = Field(
        default="",
        validation_alias=_also_bare("WORKER_QUEUES"),
        description="Queues or job types the job worker serves, separated by commas; empty serves all.",
    )
    poll_interval: float = Field(
        default=1.0,
        ge=0.05,
        le=60,
        validation_alias=_also_bare("POLL_INTERVAL"),
        description="Seconds between looks at the queue when no wake-up arrives.",
    )
    lease_heartbeat_s: float = Field(default=30, gt=0, description="Seconds between heartbeats of running jobs.")
    lease_timeout_s: float = Field(default=90, gt=0, description="Seconds without a heartbeat until a job is rescued.")
    most_stuck_handlers: int = Field(
        default=0,
        ge=0,
        description="Handlers that may ignore their timeout before the job worker drains and exits with code 70, for "
        "its supervisor to start it anew; 0 stands for half of its slots.",
    )
    schedule_file: Path | None = Field(
        default=None, description="A TOML file that edits the schedule, see infra/schedule.toml.example."
    )
    keep_completed_days: float = Field(default=7, gt=0, description="Days that completed jobs are kept.")
    keep_failed_days: float = Field(
        default=90,
        gt=0,
        description="Days that dead letters, cancelled jobs, the record of what people were told and predictions are "
        "kept.",
    )
    keep_job_events_days: float = Field(
        default=30, gt=0, description="Days that the history of jobs is kept; it goes by whole days."
    )
    keep_ai_runs_days: float = Field(
        default=365, gt=0, description="Days that calls of models are kept with what the models saw and said."
    )
    keep_questions_days: float = Field(
        default=90, gt=0, description="Days that questions of agents are kept with their answers."
    )
    keep_quarter_figures_days: int = Field(
        default=35, ge=1, le=1000, description="Days that figures of quarters of an hour are kept."
    )
    transaction_age_alarm_s: float = Field(
        default=600, gt=0, description="Age in seconds from which an open transaction is warned of in the log."
    )
    drain_timeout_s: float = Field(default=25, ge=0, description="Seconds running jobs get to finish at a stop.")
    sla_tick_s: float = Field(default=60, gt=0, description="Seconds between two ticks of the SLA worker.")

    smtp_url: SecretStr | None = Field(
        default=None,
        description="The mail server: smtp://, smtps:// or starttls://, with user:password@ where it wants them.",
    )
    mail_from: str = Field(default="Atum Desk <atum-desk@localhost>", description="Sender of the product's mail.")
    smtp_timeout_s: float = Field(default=30, gt=0, le=120, description="Longest wait for the mail server's answer.")
    webhook_timeout_s: float = Field(default=15, gt=0, le=60, description="Longest duration of one webhook request.")
    webhook_allow: str = Field(
        default="", description="Networks inside that webhooks may reach, such as 10.1.0.0/16, separated by commas."
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least level logged.")
    log_format: Literal["auto", "console", "logfmt", "json"] = Field(
        default="auto", description="How a log event is written; auto looks at the terminal."
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

    @field_validator("database_url", "database_listen_url")
    @classmethod
    def _known_scheme(cls, url: str | None) -> str | None:
        scheme = (url or DRIVER).split("://", 1)[0]
        if scheme not in {"postgresql", "postgres", DRIVER}:
            raise ValueError(f"the database URL must start with postgresql://, not {scheme}://")
        return url

    @field_validator("smtp_url")
    @classmethod
    def _known_mail_server(cls, url: SecretStr | None) -> SecretStr | None:
        """Refuse a scheme nobody knows, and a password that would cross a network in the clear."""
        if url is None:
            return None
        parts = urlsplit(url.get_secret_value())
        if parts.scheme not in {"smtp", "smtps", "starttls"} or not parts.hostname:
            raise ValueError("the mail server's URL must be like smtp://host:25, smtps://host:465 or starttls://host")
        if parts.scheme == "smtp" and parts.password and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
            raise ValueError("smtp:// would send the password unencrypted; use starttls:// or smtps://")
        return url

    @field_validator("mail_from")
    @classmethod
    def _one_sender(cls, sender: str) -> str:
        name, address = parseaddr(sender)
        Address(name, addr_spec=address)
        return sender

    @field_validator("webhook_allow")
    @classmethod
    def _networks(cls, networks: str) -> str:
        for network in filter(None, map(str.strip, networks.split(","))):
            ip_network(network)
        return networks

    @property
    def direct(self) -> Self | None:
        """Return settings that lead past a pooler to PostgreSQL itself; None where no such way is known."""
        if not self.database_pgbouncer:
            return self
        if self.database_listen_url is None:
            return None
        return self.model_copy(update={"database_url": self.database_listen_url, "database_pgbouncer": False})

    @property
    def sqlalchemy_url(self) -> str:
        """Return the database URL with the driver SQLAlchemy needs."""
        return f"{DRIVER}://{self.database_url.split('://', 1)[1]}"
