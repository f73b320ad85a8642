"""What `atum-desk run` was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """The options of one run.

    Attributes:
        data: folder for the database, models and logs; None lets the run choose.
        database_url: a PostgreSQL to use in place of the embedded one.
        ollama: a model runtime to use in place of the embedded one.
        demo: load the demo organisation and open its live tickets.
        fresh: remove the embedded database first.
        small: use the smaller text model.
        text_model: use a text model at all.
    """

    port: int
    data: Path | None = None
    database_url: str | None = None
    ollama: str | None = None
    demo: bool = True
    fresh: bool = False
    small: bool = False
    text_model: bool = True
