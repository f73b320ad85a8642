"""Sources to check answers against, made of Markdown."""

from __future__ import annotations

from uuid import UUID, uuid5

from helpdesk.answers.article_units import units_of
from helpdesk.answers.documents import Document
from helpdesk.answers.evidence import Evidence, Quote, Source
from helpdesk.models.values import SourceType
from helpdesk.rag.retrieval.query import SearchResult

_NAMES = UUID(int=7)

VPN = """\
HL-809 means that the gateway never answered the VPN client.

## Network blocks UDP 4500

Hotels and trains allow only web traffic. Tell the client to use TCP 443:

1. Open **Preferences > Transport** and choose *Web only*.
2. Connect again. The icon shows a small "w".

Do not disable the company firewall to make the VPN connect.

Send the log to `https://desk.example/vpn` or call 4400.
"""
BATTERY = """\
Stop using the laptop. Do not charge it.

## What to do

1. Unplug the charger at the wall.
2. Call 4400.
"""


def found(title: str, *, relevance: float = 0.9, language: str | None = "en") -> SearchResult:
    return SearchResult(
        source_type=SourceType.KB,
        source_id=uuid5(_NAMES, title),
        document_id=uuid5(_NAMES, f"{title} document"),
        chunk_id=uuid5(_NAMES, f"{title} chunk"),
        title=title,
        heading_path="",
        content="",
        snippet="a snippet",
        highlights=(),
        char_start=0,
        char_end=0,
        relevance=relevance,
        role="body",
        language=language,
    )


def document(title: str, markdown: str, *, relevance: float = 0.9, language: str | None = "en") -> Document:
    units = units_of(markdown)
    reference = {"slug": title.lower().replace(" ", "-"), "version": 1}
    return Document(found(title, relevance=relevance, language=language), title, language, units, reference)


def sources_of(*documents: Document) -> list[Source]:
    sources: list[Source] = []
    for each in documents:
        for section in dict.fromkeys(unit.section for unit in each.units):
            units = [unit for unit in each.units if unit.section == section]
            sources.append(Source(f"S{len(sources) + 1}", each, units[0].heading, units))
    return sources


def evidence_of(*documents: Document) -> Evidence:
    sources = sources_of(*documents)
    return Evidence(sources, [Quote(unit, source) for source in sources for unit in source.units])
