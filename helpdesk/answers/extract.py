"""Choose what of an article answers a question: whole runs of steps in order, and every warning that goes with them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from helpdesk.answers.article_units import Unit

MOST_UNITS = 12
MOST_STEPS = 8
_MOST_LOOSE = 3
_SECTION_CHARS = 700
_MOST_WARNINGS = 5
# What the search found, and what tells somebody what to do, count as much as this much similarity.
_FOUND_BONUS = 0.06
_STEPS_BONUS = 0.08
# What stands above the first heading says what an article is about, seldom what to do.
_LEAD_MALUS = 0.15
# A second section is quoted too when it is about as close as the first.
_SECOND_WITHIN = 0.03
# A warning of another section is quoted when it is about what the question is about.
_WARNING_FROM = 0.42
# Such a beginning points back to the sentence before.
_POINTS_BACK = re.compile(r"(?i)^(?:\w+ ){0,3}(?:it|them|they|this|these|those|that|so)\b")


@dataclass(frozen=True)
class Scored:
    """A unit with its similarity to the question, -1 to 1."""

    unit: Unit
    similarity: float


def section_texts(units: Sequence[Unit]) -> dict[int, str]:
    """Return each section as one text, heading first, for a vector of its own."""
    texts: dict[int, str] = {}
    for unit in units:
        texts[unit.section] = f"{texts.get(unit.section, unit.heading)}\n{unit.text}"
    return {section: text.strip()[:_SECTION_CHARS] for section, text in texts.items()}


def choose(
    units: Sequence[Unit],
    similarity: Sequence[float],
    *,
    sections: Mapping[int, float],
    found_under: str,
) -> list[Unit]:
    """Return the units to quote, in the article's order, warnings from above the first heading included.

    Args:
        similarity: of each unit to the question.
        sections: similarity of each section as a whole to the question.
        found_under: the heading path of the passage that the search found.
    """
    scored = [Scored(unit, value) for unit, value in zip(units, similarity, strict=True)]
    quoted = _sections(scored, sections, found_under)
    chosen = {
        unit.order: unit
        for section in quoted
        for unit in _from_section([one for one in scored if one.unit.section == section])
    }
    for unit in _warnings(scored, set(quoted))[:_MOST_WARNINGS]:
        chosen.setdefault(unit.order, unit)
    for unit in _lists_of(chosen.values(), units):
        chosen.setdefault(unit.order, unit)
    for unit in list(chosen.values()):
        if (before := _what_it_points_to(unit, units)) is not None:
            chosen.setdefault(before.order, before)
    return within(sorted(chosen.values(), key=lambda unit: unit.order), MOST_UNITS)


def _what_it_points_to(unit: Unit, units: Sequence[Unit]) -> Unit | None:
    """Return the sentence before, in the same paragraph, of one that begins with a pronoun."""
    before = next((other for other in units if other.order == unit.order - 1), None)
    if before is None or unit.kind != "sentence" or before.run != unit.run:
        return None
    return before if _POINTS_BACK.match(unit.text) else None


def _lists_of(chosen: Iterable[Unit], units: Sequence[Unit]) -> list[Unit]:
    """Return the lists of steps that only warnings were chosen of: a step means nothing without the others."""
    warned = {one.run for one in chosen if one.kind == "step" and one.is_warning}
    whole = {one.run for one in chosen if one.kind == "step" and not one.is_warning}
    lists = [[one for one in units if one.kind == "step" and one.run == run] for run in sorted(warned - whole)]
    return [one for members in lists for one in members[:MOST_STEPS]]


def within(units: list[Unit], room: int) -> list[Unit]:
    """Drop what is neither warning nor step from the end until the rest fits, then whole lists, then last steps."""
    while len(units) > room:
        spare = next((unit for unit in reversed(units) if not unit.is_warning and unit.kind != "step"), None)
        if spare is not None:
            units.remove(spare)
            continue
        runs = list(dict.fromkeys(unit.run for unit in units if unit.kind == "step"))
        warned = {unit.run for unit in units if unit.is_warning}
        droppable = next((run for run in reversed(runs[1:]) if run not in warned), None)
        if droppable is not None:
            units = [unit for unit in units if unit.run != droppable or unit.kind != "step"]
        else:
            units.remove(next((unit for unit in reversed(units) if not unit.is_warning), units[-1]))
    return units


def has_gaps(kept: Sequence[Unit], chosen: Sequence[Unit]) -> bool:
    """Return whether of the chosen steps of a list one is not kept that comes before one that is."""
    orders = {one.order for one in kept}
    last = {one.run: one.order for one in kept if one.kind == "step"}
    return any(one.kind == "step" and one.order < last.get(one.run, 0) and one.order not in orders for one in chosen)


def _sections(scored: Sequence[Scored], whole: Mapping[int, float], found_under: str) -> list[int]:
    """Return the section that is closest to the question, and the next one if it is nearly as close."""
    closeness = closeness_of_sections(scored, whole, found_under)
    ranked = sorted(closeness, key=lambda section: (-closeness[section], section))
    return [section for section in ranked[:2] if closeness[section] >= closeness[ranked[0]] - _SECOND_WITHIN]


def closeness_of_sections(scored: Sequence[Scored], whole: Mapping[int, float], found_under: str) -> dict[int, float]:
    """Return how well each section answers: its best units and itself as a whole, and what tells what to do."""
    path = {part.strip() for part in found_under.split(">")}
    closeness: dict[int, float] = {}
    for section in {one.unit.section for one in scored}:
        members = [one for one in scored if one.unit.section == section]
        best = sorted((one.similarity for one in members), reverse=True)[:2]
        closeness[section] = (sum(best) / len(best) + whole.get(section, 0.0)) / 2
        closeness[section] += _FOUND_BONUS if members[0].unit.heading in path else 0.0
        closeness[section] += _STEPS_BONUS if any(one.unit.kind == "step" for one in members) else 0.0
        closeness[section] -= _LEAD_MALUS if section == 0 else 0.0
    return closeness


def _from_section(scored: Sequence[Scored]) -> list[Unit]:
    """Return the section's best run of steps whole, with what introduces it; without steps, its closest units."""
    steps = [one for one in scored if one.unit.kind == "step"]
    loose = [one for one in scored if one.unit.kind != "step"]
    warnings = [one.unit for one in loose if one.unit.is_warning]
    if not steps:
        # A row of a table says little without the others.
        prose = [one for one in loose if one.unit.kind != "row"] or loose
        best = sorted(prose, key=lambda one: -one.similarity)[:_MOST_LOOSE]
        return [one.unit for one in best] + warnings
    closest = max(steps, key=lambda one: one.similarity)
    members = [one.unit for one in steps if one.unit.run == closest.unit.run][:MOST_STEPS]
    before = [one.unit for one in loose if one.unit.order < members[0].order and one.unit.kind == "sentence"]
    return [*before[-1:], *members, *warnings]


def _warnings(scored: Sequence[Scored], sections: set[int]) -> list[Unit]:
    """Return warnings, those above the first heading first, then those of quoted sections, then close ones."""
    warnings = [one for one in scored if one.unit.is_warning]
    lead = [one.unit for one in warnings if one.unit.section == 0]
    own = [one.unit for one in warnings if one.unit.section in sections and one.unit.section != 0]
    close = sorted(
        (
            one
            for one in warnings
            # A step means nothing without the others of its list.
            if one.unit.kind != "step" and one.unit.section not in sections | {0} and one.similarity >= _WARNING_FROM
        ),
        key=lambda one: -one.similarity,
    )
    return [*lead, *own, *(one.unit for one in close[:2])]
