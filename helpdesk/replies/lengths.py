"""How much of the articles a reply quotes: the steps alone, what goes with them, or the next section as well."""

from __future__ import annotations

from collections.abc import Sequence

from helpdesk.answers.article_units import Unit
from helpdesk.answers.checks import Statement
from helpdesk.answers.evidence import Evidence, Quote, Source
from helpdesk.answers.grounding import flat
from helpdesk.replies.style import Length

_SHORT_SENTENCES = 2
_MORE_UNITS = 6


def quotes_for(evidence: Evidence, length: Length) -> list[Statement]:
    """Return what is quoted as sentences that cite their sections; whatever the length, no warning is left out."""
    match length:
        case "short":
            quotes = _shortened(evidence.quotes)
        case "medium":
            quotes = evidence.quotes
        case "long":
            quotes = [*evidence.quotes, *_further(evidence)]
    # What is quoted stands in its source word for word; nothing here may depend on that being so by construction.
    return [
        Statement(quote.unit.text, (quote.source.id,), quote.unit)
        for quote in quotes
        if flat(quote.unit.text) in flat(quote.source.text)
    ]


def _shortened(quotes: Sequence[Quote]) -> list[Quote]:
    """Return the warnings, and of the first section its steps whole, or else its first sentences."""
    first = next((quote.source for quote in quotes if not quote.unit.is_warning), quotes[0].source)
    members = [quote.unit for quote in quotes if quote.source is first and not quote.unit.is_warning]
    steps = [unit for unit in members if unit.kind == "step"]
    kept = {unit.order for unit in (steps or members[:_SHORT_SENTENCES])}
    return [quote for quote in quotes if quote.unit.is_warning or (quote.source is first and quote.unit.order in kept)]


def _further(evidence: Evidence) -> list[Quote]:
    """Return the next section of the first article, as far as whole lists allow."""
    quoted = {quote.source.id for quote in evidence.quotes}
    document = evidence.quotes[0].source.document
    following = next(
        (source for source in evidence.sources if source.document is document and source.id not in quoted), None
    )
    return [] if following is None else [Quote(unit, following) for unit in _beginning(following)]


def _beginning(source: Source) -> list[Unit]:
    """Return the section's first units; a list is not broken off."""
    units: list[Unit] = []
    for unit in source.units:
        if len(units) >= _MORE_UNITS and unit.run != units[-1].run:
            break
        units.append(unit)
    return units
