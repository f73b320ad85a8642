"""The verdicts again, with what a text model said: evidence among others, weighed by how often such a vote is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from helpdesk.triage.classifying.stacking import SHIPPED, Stacker, pool
from helpdesk.triage.deciding.asking import Asked
from helpdesk.triage.deciding.first_look import judge_team
from helpdesk.triage.deciding.gating import ENOUGH_EXAMPLES, Gatekeeper
from helpdesk.triage.deciding.material import Material
from helpdesk.triage.deciding.summary import problem_with
from helpdesk.triage.deciding.verdict import UNKNOWN, Open, Verdict, Vote, judge, unknown
from helpdesk.triage.learning.examples import Labels


def look_again(
    material: Material,
    verdicts: Mapping[str, Verdict],
    asked: Asked,
    *,
    labels: Labels,
    keeper: Gatekeeper,
    stackers: Mapping[str, Stacker],
) -> dict[str, Verdict]:
    """Return the verdicts that the model's answer changes; without a usable answer, none."""
    changed: dict[str, Verdict] = {}
    for choice in asked.task.choices:
        if (chosen := asked.votes.get(choice.field)) is not None:
            vote = Vote(chosen, choice.offered, asked.identity.name)
            changed[choice.field] = _voted(verdicts[choice.field], vote, keeper, stackers.get(choice.field, SHIPPED))
    if "category" in changed and "team" in verdicts and "team" not in changed:
        team = judge_team(verdicts["team"].left_open, changed["category"], labels, keeper)
        changed["team"] = _offered_until_trusted(team, verdicts["team"], stackers.get("category", SHIPPED))
    if asked.summary is not None:
        changed["summary"] = _summed_up(material, verdicts["summary"], asked, keeper)
    return changed


def _voted(before: Verdict, vote: Vote, keeper: Gatekeeper, stacker: Stacker) -> Verdict:
    left = before.left_open or Open(before.alternatives)
    if vote.chosen == UNKNOWN:
        return _none_fits(before, left, vote)
    said = f"{vote.model} chose “{vote.chosen}”."
    among = [label for label in vote.offered if label != UNKNOWN]
    verdict = judge(
        before.field,
        pool(left.chances, voted=vote.chosen, among=among, stacker=stacker),
        keeper=keeper,
        source=f"{before.source}+model",
        stage="model",
        reason=f"{_first_word(before)} {said}",
        left_open=left,
        vote=vote,
    )
    favourite = max(left.chances, key=lambda label: left.chances[label], default=None)
    if favourite != vote.chosen and before.field != "sentiment":
        return verdict.doubted(f"The two disagree: by itself, the likeliest was “{favourite}”.")
    return _offered_until_trusted(verdict, before, stacker)


def _offered_until_trusted(verdict: Verdict, before: Verdict, stacker: Stacker) -> Verdict:
    """Return a verdict that a vote made sure as one to be offered, until people have settled how good votes are here.

    What a ticket says can sway a text model: of itself, its vote sets nothing.
    """
    if verdict.decision == "auto" and before.decision != "auto" and stacker.pairs < ENOUGH_EXAMPLES:
        return verdict.doubted(f"Fewer than {ENOUGH_EXAMPLES} votes of a text model have been settled here so far.")
    return verdict


def _first_word(before: Verdict) -> str:
    if before.source == "rules":
        return "The words alone do not decide it;"
    known = before.left_open is None or before.left_open.known
    return "The classifier was unsure;" if known else "It is unlike all tickets the classifier has learnt from;"


def _none_fits(before: Verdict, left: Open, vote: Vote) -> Verdict:
    """Return `unknown` where neither knows the ticket; where the classifier does, its word stands, in doubt."""
    source = f"{before.source}+model"
    told = replace(before, source=source, stage="model", vote=vote)
    if not left.known or before.decision in {"none", "unknown"}:
        reason = f"The classifier was unsure, and {vote.model} found that none of the labels fits."
        return unknown(before.field, left.chances, like=told, reason=reason)
    return told.doubted(f"{vote.model} found that none of the labels fits.")


def _summed_up(material: Material, before: Verdict, asked: Asked, keeper: Gatekeeper) -> Verdict:
    """Return the model's line where the ticket bears it out, the ticket's own sentence where not."""
    line = " ".join((asked.summary or "").split())
    ticket = f"{material.subject}\n{material.words}\n{asked.prompt.data.get('ticket', '')}"
    if (problem := problem_with(line, ticket=ticket, language=material.language)) is not None:
        return replace(before, reason=f"{before.reason} The line of {asked.identity.name} was not used: it {problem}.")
    return judge(
        "summary",
        {line: 1.0},
        keeper=keeper,
        source="model",
        stage="model",
        reason=f"{asked.identity.name} summed the ticket up; every name and number stands in it.",
    )
