"""Read the demo organisation's files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

CONTENT = Path(__file__).parent / "content"


@dataclass(frozen=True)
class DemoArticle:
    """An article: the slug is its file's name, the category a slug."""

    slug: str
    title: str
    body: str
    category: str
    summary: str
    visibility: str
    tags: tuple[str, ...]
    products: tuple[str, ...]
    review_at: date


def read_yaml(name: str) -> Any:
    """Return one of the YAML files."""
    return yaml.safe_load((CONTENT / name).read_text(encoding="utf-8"))


def live_tickets() -> list[dict[str, Any]]:
    """Return the tickets that the first run opens, as `POST /tickets` takes them, with their `key`."""
    tickets: list[dict[str, Any]] = read_yaml("live_tickets.yaml")
    return tickets


def articles() -> Iterator[DemoArticle]:
    """Yield the articles by slug."""
    for path in sorted((CONTENT / "kb").glob("*.md")):
        _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
        # Every value stays text: error codes such as 0x80070005 are tags here, not numbers.
        head = yaml.load(front, Loader=yaml.BaseLoader)  # noqa: S506  -- the base loader makes nothing but text
        yield DemoArticle(
            slug=path.stem,
            title=head["title"],
            body=body.strip(),
            category=head["category"],
            summary=head["summary"],
            visibility=head["visibility"],
            tags=tuple(head["tags"]),
            products=tuple(head["products"]),
            review_at=date.fromisoformat(head["review_at"]),
        )
