"""A draft put together: what is said with its sources, or the reason why nothing is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from helpdesk.ai.runs.record import Decision
from helpdesk.answers.calling import Call, why_without
from helpdesk.answers.checks import Statement
from helpdesk.answers.grounding import TICKET
from helpdesk.answers.naming import unnamed_codes
from helpdesk.answers.standing import SURE, nearest_misses, nearest_of, warnings_left_out, withheld_of
from helpdesk.replies.composing import compose, sources_of
from helpdesk.replies.evidence import Found, source_json
from helpdesk.replies.lengths import quotes_for
from helpdesk.replies.opening import Opening
from helpdesk.replies.phrases import phrases_for
from helpdesk.replies.setting import Setting
from helpdesk.replies.style import Style

Method = Literal["model", "extractive"]
_NOT_FOLLOWED = "The instruction was not followed: only a text model that writes the whole draft can."


@dataclass(frozen=True)
class Draft:
    """A reply for an agent to check, or the reason why there is none.

    Attributes:
        sentences: text, cites (ids of sources, `T` for the ticket) and kind.
        sources: what is cited.
        checks: how many sentences stand, and what does not with its problem.
        note: what the agent should know about it.
        call: the call of a text model that was made for it, if one was.
        decision: what was made of that call.
    """

    style: Style
    body: str = ""
    sentences: list[dict[str, Any]] = field(default_factory=list)
    sources: list[dict[str, Any]] = field(default_factory=list)
    checks: dict[str, Any] = field(default_factory=dict)
    abstain_reason: str | None = None
    searched: dict[str, Any] = field(default_factory=dict)
    nearest: list[dict[str, Any]] = field(default_factory=list)
    degraded: bool = False
    method: Method = "extractive"
    note: str = ""
    call: Call | None = None
    decision: Decision = "abstained"

    @property
    def abstained(self) -> bool:
        """Return whether there is no reply."""
        return self.abstain_reason is not None

    @property
    def cites(self) -> list[str]:
        """Return the ids that are cited, each once."""
        return sorted({cite for sentence in self.sentences for cite in sentence["cites"]})


def nothing(setting: Setting, found: Found, *, reason: str = "", call: Call | None = None) -> Draft:
    """Return that nothing answers the ticket: what was searched, and what came nearest."""
    searched = "The published articles that customers may read were searched by words"
    searched += "." if found.answer.degraded else " and by meaning."
    if not reason and found.answer.results:
        reason = "What was found is no longer there, or nothing in it can be quoted."
    nearest = nearest_of(found.evidence) if found.evidence.sources else nearest_misses(found.answer)
    return Draft(
        style=setting.style,
        abstain_reason=f"No article answers this ticket. {searched} {reason or found.answer.reason}".strip(),
        checks={"kept": 0, "dropped": withheld_of(found.evidence)},
        searched=found.searched,
        nearest=nearest,
        degraded=found.degraded,
        note=" ".join(setting.style.notes),
        call=call,
        decision="error" if call is not None and call.value is None else "abstained",
    )


def quoted(
    setting: Setting, found: Found, *, opening: Opening | None = None, call: Call | None = None, why: str = ""
) -> Draft:
    """Return the draft made of quotes alone, under an opening of a model's where there is one.

    Args:
        call: the call made for it; where it was to bring the whole draft, `why` says what came of it.
    """
    codes = unnamed_codes(setting.question.text, [source.document for source in found.evidence.sources])
    doubt = f"No source names {' or '.join(codes)}." if codes else ""
    if doubt and found.evidence.sources[0].document.found.relevance < SURE:
        return nothing(setting, found, reason=doubt, call=call)
    opening = opening or Opening()
    dropped = list(opening.dropped)
    if call is not None and call.verdict is not None:
        dropped += call.verdict.dropped
    notes = [*setting.style.notes, *([_NOT_FOLLOWED] if setting.wanted.instruction else []), why, doubt]
    own = [] if opening.sentence is None else [Statement(opening.sentence.text, opening.sentence.cites)]
    return _draft(
        setting,
        found,
        quotes_for(found.evidence, setting.style.length),
        opening=own,
        dropped=dropped,
        notes=notes,
        method="model" if own else "extractive",
        call=call,
        decision="error" if call is not None and call.value is None else "accepted" if own else "abstained",
    )


def written(setting: Setting, found: Found, call: Call, *, within_s: float) -> Draft:
    """Return the model's draft where enough of it holds, else the quotes, or none where the model found none."""
    verdict = call.verdict if call.value is not None else None
    kept = [] if verdict is None else verdict.kept
    dropped = [] if verdict is None else verdict.dropped
    facts = [one for one in kept if set(one.cites) != {TICKET}]
    if facts and len(kept) >= len(dropped):
        warnings = warnings_left_out(facts, found.evidence)
        return _draft(
            setting,
            found,
            [*warnings, *facts],
            opening=[_as_theirs(one, setting) for one in kept if one not in facts],
            dropped=list(dropped),
            notes=list(setting.style.notes),
            method="model",
            call=call,
            decision="accepted",
        )
    why = why_without(call, within_s=within_s)
    if call.declined and found.evidence.sources[0].document.found.relevance < SURE:
        missing = f" Missing is: {call.missing}" if call.missing else ""
        return nothing(setting, found, reason=f"{why}{missing}", call=call)
    return quoted(setting, found, call=call, why=why)


def _as_theirs(concern: Statement, setting: Setting) -> Statement:
    """Return what the ticket says as the requester's words: whatever they are, the desk does not say so itself."""
    about = phrases_for(setting.style.language).about
    return replace(concern, text=about.format(topic=concern.text.rstrip(" .!")))


def _draft(
    setting: Setting,
    found: Found,
    statements: Sequence[Statement],
    *,
    opening: Sequence[Statement],
    dropped: list[dict[str, str]],
    notes: Sequence[str],
    method: Method,
    call: Call | None,
    decision: Decision,
) -> Draft:
    first = opening[0].text if opening else None
    return Draft(
        style=setting.style,
        body=compose(setting, found.evidence, statements, opening=first),
        sentences=[
            *({"text": one.text, "cites": list(one.cites), "kind": "opening"} for one in opening),
            *(_sentence(one) for one in statements),
        ],
        sources=[source_json(source) for source in sources_of([*opening, *statements], found.evidence)],
        checks={"kept": len(opening) + len(statements), "dropped": [*dropped, *withheld_of(found.evidence)]},
        searched=found.searched,
        degraded=found.degraded,
        method=method,
        note=" ".join(note for note in notes if note),
        call=call,
        decision=decision,
    )


def _sentence(statement: Statement) -> dict[str, Any]:
    unit = statement.unit
    kind = "own" if unit is None else "warning" if unit.is_warning else unit.kind
    return {"text": statement.text, "cites": list(statement.cites), "kind": kind}
