"""Which tags tickets like this one have; tags are only ever added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from helpdesk.events.overrides import tags_as_text
from helpdesk.triage.deciding.gating import Gatekeeper
from helpdesk.triage.deciding.material import Material
from helpdesk.triage.deciding.verdict import Decision, Open, Verdict, judge
from helpdesk.triage.learning.examples import TAG

# A tag is offered where it is likelier than not.
_OFFERED_FROM = 0.5
_MOST = 5
_NEVER = 1.01


def tags_of(value: str) -> list[str]:
    """Return the tags that a value names."""
    return [tag for part in value.split(",") if (tag := part.strip())]


def judge_tags(material: Material, opened: Mapping[str, Open], keeper: Gatekeeper) -> Verdict | None:
    """Return the verdict on tags, None where nothing was learnt about any.

    Its value is what the ticket should have, those that it has included; its probability that of the least sure one.
    """
    chances = {
        tag: left.chances.get("yes", 0.0)
        for name, left in opened.items()
        if name.startswith(TAG) and (tag := name.removeprefix(TAG)) not in material.tags
    }
    if not chances and not any(name.startswith(TAG) for name in opened):
        return None
    allowed = {tag: keeper.allow("tags", tag) for tag in chances}
    likely = {
        tag: chance
        for tag, chance in sorted(chances.items(), key=lambda item: (-item[1], item[0]))[:_MOST]
        if chance >= _OFFERED_FROM and allowed[tag].mode != "off"
    }
    sure = {tag: chance for tag, chance in likely.items() if chance >= (allowed[tag].threshold or _NEVER)}
    auto = [tag for tag in sure if allowed[tag].mode == "auto"]
    # What may be set is set alone; the rest is offered the next time somebody looks.
    verdict = _verdict(material, {tag: likely[tag] for tag in auto or likely}, likely, keeper)
    if auto and verdict.decision != "none":
        least = max(allowed[tag].threshold or _NEVER for tag in auto)
        return replace(verdict, decision="auto", mode="auto", threshold=round(least, 4), needs_human=False)
    return replace(verdict, needs_human=False)


def _verdict(
    material: Material, chosen: Mapping[str, float], likely: Mapping[str, float], keeper: Gatekeeper
) -> Verdict:
    value = tags_as_text([*material.tags, *chosen])
    reason = f"Tickets like this one have {' and '.join(f'“{tag}”' for tag in chosen)}."
    verdict = judge(
        "tags",
        {value: min(chosen.values())} if chosen else {},
        keeper=keeper,
        source="classifier",
        stage="classifier",
        reason=reason if chosen else "No tag that it lacks is likelier than not.",
    )
    decision: Decision = "suggest" if verdict.decision == "auto" else verdict.decision
    return replace(verdict, decision=decision, alternatives={tag: round(chance, 4) for tag, chance in likely.items()})
