"""The verdicts that need no text model: the classifier's, the rules', and what the text itself tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from helpdesk.triage.deciding.duplicates import Repeated
from helpdesk.triage.deciding.gating import ENOUGH_EXAMPLES, Gatekeeper
from helpdesk.triage.deciding.material import Material
from helpdesk.triage.deciding.matrix import given_level, levels_of, priority_of
from helpdesk.triage.deciding.rules import find, usual_type
from helpdesk.triage.deciding.sentiment import sentiment_of
from helpdesk.triage.deciding.summary import summary_of
from helpdesk.triage.deciding.tagging import judge_tags
from helpdesk.triage.deciding.verdict import Open, Verdict, judge, judge_priority, unknown
from helpdesk.triage.learning.examples import Labels

# What tickets get where nothing is known of them yet.
_USUAL_PRIORITY = {"low": 0.1, "normal": 0.7, "high": 0.15, "urgent": 0.05}


def look(
    material: Material,
    *,
    opened: Mapping[str, Open],
    labels: Labels,
    keeper: Gatekeeper,
    duplicates: Sequence[Repeated] | None = (),
) -> dict[str, Verdict]:
    """Return the verdict on each field that the policy has not turned off.

    Args:
        opened: what the classifier says, by field.
        duplicates: the earlier tickets that it repeats; None where nothing could be compared.
    """
    found: dict[str, Verdict] = {}
    if labels.categories and "category" in opened:
        found["category"] = _by_classifier("category", opened["category"], keeper)
    found["type"] = _judge_type(material, opened.get("type"), keeper)
    if labels.teams:
        found["team"] = judge_team(opened.get("team"), found.get("category"), labels, keeper)
    found |= _judge_urgency(material, opened, keeper)
    if (tags := judge_tags(material, opened, keeper)) is not None:
        found["tags"] = tags
    found |= _judge_text(material, keeper)
    if duplicates is not None:
        found["duplicate_of"] = _judge_duplicate(duplicates, keeper)
    return {name: verdict for name, verdict in found.items() if keeper.policy.mode_of(name) != "off"}


def is_open(left: Open) -> bool:
    """Return whether the classifier leaves a field open: more than one label, an unfamiliar text, too few examples."""
    return left.examples < ENOUGH_EXAMPLES or not left.known or len(left.conformal_set) != 1


def judge_team(left: Open | None, category: Verdict | None, labels: Labels, keeper: Gatekeeper) -> Verdict:
    """Return the team that usually answers the category, in equal parts with what similar tickets say."""
    chances = {} if left is None else dict(left.chances)
    usual = None if category is None or category.value is None else labels.team_of.get(category.value)
    if usual is None or category is None:
        if left is None:
            return judge(
                "team", {}, keeper=keeper, source="classifier", stage="classifier", reason="No category, no usual team."
            )
        return _by_classifier("team", left, keeper, reason="This team answered tickets like this one.")
    mixed = {team: chance * (1 - category.probability) for team, chance in (chances or {usual: 1.0}).items()}
    mixed[usual] = mixed.get(usual, 0.0) + category.probability
    return judge(
        "team",
        mixed,
        keeper=keeper,
        source="classifier+rules",
        stage=category.stage,
        reason=f"This team answers the category “{category.value}”.",
        left_open=left,
    )


def _by_classifier(
    name: str, left: Open, keeper: Gatekeeper, *, reason: str = "Tickets and articles like this one have this label."
) -> Verdict:
    verdict = judge(
        name, left.chances, keeper=keeper, source="classifier", stage="classifier", reason=reason, left_open=left
    )
    if not left.known:
        return unknown(name, left.chances, like=verdict, reason="It is unlike all the classifier has learnt from.")
    if len(left.conformal_set) > 1 and verdict.decision == "suggest":
        return verdict.doubted(f"The classifier cannot rule out {_listed(left.conformal_set, but=verdict.value)}.")
    return verdict


def _listed(values: Sequence[str], *, but: str | None) -> str:
    others = [f"“{value}”" for value in values if value != but][:3]
    return " and ".join([", ".join(others[:-1]), others[-1]] if len(others) > 1 else others)


def _judge_type(material: Material, left: Open | None, keeper: Gatekeeper) -> Verdict:
    if left is not None:
        return _by_classifier("type", left, keeper)
    return judge(
        "type",
        usual_type(material.words),
        keeper=keeper,
        source="rules",
        stage="rules",
        reason="The form of the words suggests it; there are too few decided tickets to learn from.",
    )


def _judge_urgency(material: Material, opened: Mapping[str, Open], keeper: Gatekeeper) -> dict[str, Verdict]:
    """Return priority, and impact and urgency where a matrix makes the priority of them."""
    found: dict[str, Verdict] = {}
    chances = dict(opened["priority"].chances) if "priority" in opened else _USUAL_PRIORITY
    left, sentence = opened.get("priority"), ""
    matrix = keeper.policy.priority_matrix
    if matrix:
        known: dict[str, Mapping[str, float]] = {}
        for name, levels in zip(("impact", "urgency"), levels_of(matrix), strict=True):
            if (given := given_level(material.custom, name, levels)) is not None:
                known[name] = given
            elif name in opened:
                known[name] = opened[name].chances
                found[name] = _by_classifier(name, opened[name], keeper, reason="Tickets like this one had it.")
        if len(known) == 2:
            chances = priority_of(matrix, known["impact"], known["urgency"])
            likeliest = [max(known[name], key=lambda level: known[name][level]) for name in ("impact", "urgency")]
            sentence = f"The matrix makes it of the impact “{likeliest[0]}” and the urgency “{likeliest[1]}”."
            left = None
    found["priority"] = judge_priority(
        chances, find(material.words), vip=material.vip, keeper=keeper, left_open=left, matrix=sentence
    )
    return found


def _judge_text(material: Material, keeper: Gatekeeper) -> dict[str, Verdict]:
    found = {
        "sentiment": judge(
            "sentiment",
            sentiment_of(material.words),
            keeper=keeper,
            source="rules",
            stage="rules",
            reason="By the words, smileys and punctuation of the requester.",
        ),
        "summary": judge(
            "summary",
            {summary_of(material.subject, material.body): 1.0},
            keeper=keeper,
            source="rules",
            stage="rules",
            reason="A sentence of the ticket itself.",
        ),
    }
    if material.languages:
        found["language"] = judge(
            "language",
            material.languages,
            keeper=keeper,
            source="rules",
            stage="rules",
            reason="The letters and the small words are of this language.",
            by_rules=True,
        )
    return found


def _judge_duplicate(duplicates: Sequence[Repeated], keeper: Gatekeeper) -> Verdict:
    best = duplicates[0] if duplicates else None
    return judge(
        "duplicate_of",
        {str(one.number): one.probability for one in duplicates},
        keeper=keeper,
        source="rules",
        stage="rules",
        reason="No recent ticket says the same." if best is None else best.reason,
    )
