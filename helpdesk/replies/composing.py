"""A reply put into words: greeting, opening, what is said in paragraphs and lists, closing, signature."""

from __future__ import annotations

from collections.abc import Sequence

from helpdesk.answers.article_units import Kind, Unit
from helpdesk.answers.checks import Statement
from helpdesk.answers.evidence import Evidence, Source
from helpdesk.replies.names import filled, first_name, whole_name
from helpdesk.replies.phrases import Manner, Phrases, phrases_for
from helpdesk.replies.setting import Setting


def compose(setting: Setting, evidence: Evidence, statements: Sequence[Statement], *, opening: str | None) -> str:
    """Return the reply as plain text.

    Args:
        statements: what is said, in order, each citing sources.
        opening: a first sentence that names the topic, instead of the fixed one.
    """
    style = setting.style
    words = phrases_for(style.language)
    manner = words.manners[style.tone]
    cited = sources_of(statements, evidence)
    first = cited[0].document
    thanks = [opening] if opening else [] if style.length == "short" else [manner.thanks]
    parts = [_greeting(setting, manner), " ".join([*thanks, words.opening.format(title=first.title)])]
    quotes_english = any(one.unit is not None for one in statements) and first.language == "en"
    if quotes_english and style.language != "en":
        parts.append(words.in_english)
    parts.extend(_paragraphs(statements, {source.id: source for source in cited}, words))
    parts.extend(_see_also(setting, evidence, cited, words))
    if style.length != "short":
        parts.append(manner.closing)
    parts.append(f"{manner.regards}\n{setting.signature}".strip())
    return "\n\n".join(parts)


def sources_of(statements: Sequence[Statement], evidence: Evidence) -> list[Source]:
    """Return the sources that are cited, in the order of the sentences."""
    by_id = {source.id: source for source in evidence.sources}
    cited = dict.fromkeys(cite for statement in statements for cite in statement.cites if cite in by_id)
    return [by_id[cite] for cite in cited]


def _greeting(setting: Setting, manner: Manner) -> str:
    name = first_name(setting.question.requester)
    own = filled(setting.greeting, {"name": name})
    if own:
        return own
    if setting.style.tone == "formal":
        name = whole_name(setting.question.requester)
    return manner.greeting.format(name=name) if name else manner.without_name


def _see_also(setting: Setting, evidence: Evidence, cited: Sequence[Source], words: Phrases) -> list[str]:
    """Return the further articles that are quoted, and in a long reply those that come near as well."""
    named = evidence.sources if setting.style.length == "long" else cited
    titles = dict.fromkeys(source.document.title for source in named if source.document is not cited[0].document)
    return [words.also.format(titles=", ".join(f"“{title}”" for title in titles))] if titles else []


def _paragraphs(statements: Sequence[Statement], sources: dict[str, Source], words: Phrases) -> list[str]:
    """Return paragraphs: warnings from above the first heading set off, lists line by line, prose run together.

    Where several sections are quoted, each stands under its heading.
    """
    lead = [one.text for one in statements if one.unit is not None and _warns_first(one.unit)]
    paragraphs = [f"{words.warning} {' '.join(lead)}"] if lead else []
    rest = [one for one in statements if one.unit is None or not _warns_first(one.unit)]
    with_headings = len({_place(one, sources) for one in rest if one.unit is not None}) > 1
    before: Statement | None = None
    for one in rest:
        if (
            one.unit is not None
            and with_headings
            and (before is None or _place(one, sources) != _place(before, sources))
        ):
            heading = _heading(one, sources, several=len({source.document.title for source in sources.values()}) > 1)
            paragraphs.extend([heading] if heading else [])
            before = None
        if before is not None and _runs_on(before, one):
            paragraphs[-1] += (" " if _kind(one) == "sentence" else "\n") + _line(one)
        else:
            paragraphs.append(_line(one))
        before = one
    return paragraphs


def _warns_first(unit: Unit) -> bool:
    return unit.section == 0 and unit.is_warning


def _place(statement: Statement, sources: dict[str, Source]) -> tuple[str, int] | None:
    """Return the article and section of a quote; a model's own words belong nowhere in particular."""
    if statement.unit is None:
        return None
    return sources[statement.cites[0]].document.title, statement.unit.section


def _heading(statement: Statement, sources: dict[str, Source], *, several: bool) -> str:
    source = sources[statement.cites[0]]
    parts = [source.document.title if several else "", source.heading.rstrip(":")]
    label = ": ".join(part for part in parts if part)
    return f"{label}:" if label else ""


def _runs_on(before: Statement, one: Statement) -> bool:
    if before.unit is None or one.unit is None:
        return before.unit is one.unit and (_kind(before) == "sentence") == (_kind(one) == "sentence")
    return before.unit.run == one.unit.run and before.cites == one.cites


def _kind(statement: Statement) -> Kind:
    """Return what a statement reads like: its own words like what they restate."""
    unit = statement.unit or statement.restates
    return "sentence" if unit is None else unit.kind


def _line(statement: Statement) -> str:
    match _kind(statement):
        case "step":
            number = statement.unit and statement.unit.number
            return f"{number}. {statement.text}" if number else f"- {statement.text}"
        case "item" | "row":
            return f"- {statement.text}"
        case "command":
            return f"    {statement.text}"
        case "sentence":
            return statement.text
