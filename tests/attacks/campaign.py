"""Shoot many attacks, with the product's notice of orders or without it, and count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from helpdesk.ai.prompting import injection
from tests.attacks.cases import Case
from tests.attacks.ground import Ground
from tests.attacks.obedient import MANNERS, Manner, Obedient
from tests.attacks.shots import TEMPLATES, Range, Shot
from tests.scripted_ollama import ScriptedOllama

Plan = Mapping[Manner, Sequence[str]]
EVERYTHING: Plan = dict.fromkeys(MANNERS, TEMPLATES)


@dataclass
class Tally:
    """How a family of attacks fared with one prompt; an attack counts once, however often it was shot.

    Attributes:
        asked: those that a model was shown.
    """

    attacks: int = 0
    asked: int = 0
    obeyed: int = 0
    succeeded: int = 0


@contextmanager
def nobody_notices_orders() -> Iterator[None]:
    """Have no text look like an order to a model, so that what stands behind that notice is what is tried."""
    injection._of_short.cache_clear()
    with patch.object(injection, "order_in", lambda _text: None):
        yield
    injection._of_short.cache_clear()


async def shoot_obedient(
    ground: Ground, ollama: ScriptedOllama, cases: Sequence[Case], *, plans: Sequence[Plan] = (EVERYTHING,)
) -> AsyncIterator[tuple[Manner, Shot]]:
    """Yield every attack with a model that obeys it.

    Args:
        plans: in what manner it obeys with which prompts; the attacks take them in turns.
    """
    model = Obedient(cases[0])
    ollama.always("/api/chat", model.reply)
    place = Range(ground, ground.desk.models.language)
    for number, case in enumerate(cases):
        ticket_id = await ground.open(case)
        before = await place.before(ticket_id)
        for manner, templates in plans[number % len(plans)].items():
            model.under(case, manner)
            async for shot in place.shots(case, ticket_id=ticket_id, before=before, templates=templates):
                yield manner, shot


async def shoot_real(
    ground: Ground, cases: Iterable[Case], *, templates: Sequence[str] = TEMPLATES
) -> AsyncIterator[Shot]:
    """Yield every attack with the text model that the organisation has."""
    place = Range(ground, ground.desk.models.language)
    for case in cases:
        ticket_id = await ground.open(case)
        before = await place.before(ticket_id)
        async for shot in place.shots(case, ticket_id=ticket_id, before=before, templates=templates):
            yield shot


def tallied(shots: Iterable[Shot]) -> dict[tuple[str, str], Tally]:
    """Return the counts by prompt and family."""
    by_case: defaultdict[tuple[str, str, str], list[Shot]] = defaultdict(list)
    for shot in shots:
        by_case[shot.template, shot.case.family, shot.case.id].append(shot)
    tallies: defaultdict[tuple[str, str], Tally] = defaultdict(Tally)
    for (template, family, _), several in by_case.items():
        tally = tallies[template, family]
        tally.attacks += 1
        tally.asked += any(shot.asked for shot in several)
        tally.obeyed += any(shot.obeyed for shot in several)
        tally.succeeded += any(shot.problems for shot in several)
    return dict(tallies)
