"""The fixed words of a reply in the languages the product writes: greeting, opening, closing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from helpdesk.answers.article_units import Unit


@dataclass(frozen=True)
class Phrases:
    """The fixed words of one language; `{name}`, `{topic}` and `{title}` are filled in."""

    greeting: str
    greeting_without_name: str
    thanks: str
    about: str
    opening: str
    in_english: str
    warning: str
    closing: str
    regards: str


PHRASES = {
    "en": Phrases(
        greeting="Hello {name},",
        greeting_without_name="Hello,",
        thanks="Thank you for your message.",
        about="Thank you for your message about “{topic}”.",
        opening="Our article “{title}” describes what to do:",
        in_english="",
        warning="Important:",
        closing="If this does not help, reply to this message and tell us how far you got.",
        regards="Kind regards",
    ),
    "de": Phrases(
        greeting="Hallo {name},",
        greeting_without_name="Guten Tag,",
        thanks="Danke für Ihre Nachricht.",
        about="Danke für Ihre Nachricht (Thema: „{topic}“).",
        opening="Unser Artikel „{title}“ beschreibt, was zu tun ist:",
        in_english="(Die Anleitung gibt es auf Englisch.)",
        warning="Wichtig:",
        closing="Falls das nicht hilft, antworten Sie bitte auf diese Nachricht und schreiben Sie, wie weit Sie kamen.",
        regards="Freundliche Grüße",
    ),
    "fr": Phrases(
        greeting="Bonjour {name},",
        greeting_without_name="Bonjour,",
        thanks="Merci pour votre message.",
        about="Merci pour votre message (sujet : « {topic} »).",
        opening="Notre article « {title} » explique comment procéder :",
        in_english="(Ces instructions existent en anglais.)",
        warning="Important :",
        closing="Si cela ne suffit pas, répondez à ce message en précisant jusqu'où vous êtes arrivé.",
        regards="Cordialement",
    ),
    "nl": Phrases(
        greeting="Hallo {name},",
        greeting_without_name="Hallo,",
        thanks="Bedankt voor uw bericht.",
        about="Bedankt voor uw bericht (onderwerp: “{topic}”).",
        opening="In ons artikel “{title}” staat wat u kunt doen:",
        in_english="(De instructies zijn in het Engels.)",
        warning="Belangrijk:",
        closing="Helpt dit niet, beantwoord dan dit bericht en schrijf hoe ver u bent gekomen.",
        regards="Met vriendelijke groet",
    ),
    "es": Phrases(
        greeting="Hola, {name}:",
        greeting_without_name="Hola:",
        thanks="Gracias por su mensaje.",
        about="Gracias por su mensaje (asunto: «{topic}»).",
        opening="Nuestro artículo «{title}» explica qué hacer:",
        in_english="(Las instrucciones están en inglés.)",
        warning="Importante:",
        closing="Si esto no ayuda, responda a este mensaje y díganos hasta dónde ha llegado.",
        regards="Un cordial saludo",
    ),
    "it": Phrases(
        greeting="Buongiorno {name},",
        greeting_without_name="Buongiorno,",
        thanks="Grazie per il messaggio.",
        about="Grazie per il messaggio (argomento: «{topic}»).",
        opening="Il nostro articolo «{title}» spiega che cosa fare:",
        in_english="(Le istruzioni sono in inglese.)",
        warning="Importante:",
        closing="Se questo non aiuta, risponda a questo messaggio indicando fin dove è arrivato.",
        regards="Cordiali saluti",
    ),
}
_NAME = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")


def phrases_for(language: str | None) -> Phrases:
    """Return the phrases of a language, English where there are none."""
    return PHRASES.get(language or "en", PHRASES["en"])


def first_name(name: str | None) -> str | None:
    """Return the first name to greet somebody with; None where the name looks like an address or a code."""
    words = (name or "").replace(",", " ").split()
    if not words or "@" in words[0] or _NAME.fullmatch(words[0]) is None or len(words[0]) < 2:
        return None
    return words[0]


def compose(
    *,
    language: str | None,
    article_language: str,
    requester: str | None,
    title: str,
    opening: str | None,
    units: Sequence[Unit],
    signature: str,
) -> str:
    """Return the reply as plain text.

    Args:
        opening: a first sentence that names the topic, instead of the fixed one.
        units: what is quoted, in order.
        signature: who answers, below the regards.
    """
    words = phrases_for(language)
    name = first_name(requester)
    parts = [words.greeting.format(name=name) if name else words.greeting_without_name]
    parts.append(f"{opening or words.thanks} {words.opening.format(title=title)}")
    if article_language != (language or article_language) and words.in_english and article_language == "en":
        parts.append(words.in_english)
    parts.extend(_quotes(units, words))
    parts.extend((words.closing, f"{words.regards}\n{signature}"))
    return "\n\n".join(parts)


def _quotes(units: Sequence[Unit], words: Phrases) -> list[str]:
    """Return paragraphs: warnings from above the first heading set off, lists line by line, prose run together.

    Where several sections are quoted, each stands under its heading.
    """
    paragraphs: list[str] = []
    lead = [unit.text for unit in units if _is_lead_warning(unit)]
    if lead:
        paragraphs.append(f"{words.warning} {' '.join(lead)}")
    rest = [unit for unit in units if not _is_lead_warning(unit)]
    with_headings = len({unit.section for unit in rest}) > 1
    before: Unit | None = None
    for unit in rest:
        if with_headings and unit.heading and (before is None or before.section != unit.section):
            paragraphs.append(f"{unit.heading.rstrip(':')}:")
        if before is not None and before.run == unit.run:
            paragraphs[-1] += (" " if unit.kind == "sentence" else "\n") + _line(unit)
        else:
            paragraphs.append(_line(unit))
        before = unit
    return paragraphs


def _is_lead_warning(unit: Unit) -> bool:
    return unit.section == 0 and unit.is_warning


def _line(unit: Unit) -> str:
    match unit.kind:
        case "step":
            return f"{unit.number}. {unit.text}"
        case "item" | "row":
            return f"- {unit.text}"
        case "command":
            return f"    {unit.text}"
        case "sentence":
            return unit.text
