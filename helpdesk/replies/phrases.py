"""The fixed words of a reply in the languages and tones the product writes: greeting, opening, closing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Tone = Literal["neutral", "friendly", "formal"]


@dataclass(frozen=True)
class Manner:
    """What a tone says in its own way; `{name}` is the first name, the whole one where it is formal."""

    greeting: str
    without_name: str
    thanks: str
    closing: str
    regards: str


@dataclass(frozen=True)
class Phrases:
    """The fixed words of one language; `{topic}`, `{title}` and `{titles}` are filled in."""

    about: str
    opening: str
    also: str
    in_english: str
    warning: str
    manners: Mapping[Tone, Manner]


PHRASES = {
    "en": Phrases(
        about="Thank you for your message about “{topic}”.",
        opening="Our article “{title}” describes what to do:",
        also="See also: {titles}",
        in_english="",
        warning="Important:",
        manners={
            "neutral": Manner(
                "Hello {name},",
                "Hello,",
                "Thank you for your message.",
                "If this does not help, reply to this message and tell us how far you got.",
                "Kind regards",
            ),
            "friendly": Manner(
                "Hi {name},",
                "Hi there,",
                "Thanks for getting in touch!",
                "Did that do it? If not, just reply and tell us how far you got.",
                "Best wishes",
            ),
            "formal": Manner(
                "Dear {name},",
                "Dear Sir or Madam,",
                "Thank you for contacting us.",
                "Should this not resolve the matter, please reply to this message and describe how far you got.",
                "Yours sincerely",
            ),
        },
    ),
    "de": Phrases(
        about="Danke für Ihre Nachricht (Thema: „{topic}“).",
        opening="Unser Artikel „{title}“ beschreibt, was zu tun ist:",
        also="Siehe auch: {titles}",
        in_english="(Die Anleitung gibt es auf Englisch.)",
        warning="Wichtig:",
        manners={
            "neutral": Manner(
                "Hallo {name},",
                "Guten Tag,",
                "Danke für Ihre Nachricht.",
                "Falls das nicht hilft, antworten Sie bitte auf diese Nachricht und schreiben Sie, wie weit Sie kamen.",
                "Freundliche Grüße",
            ),
            "friendly": Manner(
                "Hallo {name},",
                "Hallo,",
                "Schön, dass Sie sich melden!",
                "Hat es geklappt? Wenn nicht, antworten Sie einfach und schreiben Sie, wie weit Sie kamen.",
                "Viele Grüße",
            ),
            "formal": Manner(
                "Guten Tag {name},",
                "Sehr geehrte Damen und Herren,",
                "Vielen Dank für Ihre Anfrage.",
                "Sollte dies nicht weiterhelfen, antworten Sie bitte auf diese Nachricht und beschreiben Sie, wie weit "
                "Sie gekommen sind.",
                "Mit freundlichen Grüßen",
            ),
        },
    ),
    "fr": Phrases(
        about="Merci pour votre message (sujet : « {topic} »).",
        opening="Notre article « {title} » explique comment procéder :",
        also="Voir aussi : {titles}",
        in_english="(Ces instructions existent en anglais.)",
        warning="Important :",
        manners={
            "neutral": Manner(
                "Bonjour {name},",
                "Bonjour,",
                "Merci pour votre message.",
                "Si cela ne suffit pas, répondez à ce message en précisant jusqu'où vous êtes arrivé.",
                "Cordialement",
            ),
            "friendly": Manner(
                "Bonjour {name},",
                "Bonjour,",
                "Merci de nous avoir écrit !",
                "Est-ce que cela a marché ? Sinon, répondez-nous en disant jusqu'où vous êtes arrivé.",
                "Bien à vous",
            ),
            "formal": Manner(
                "Bonjour {name},",
                "Madame, Monsieur,",
                "Nous vous remercions de votre message.",
                "Si cela ne résout pas la difficulté, veuillez répondre à ce message en précisant à quelle étape vous "
                "êtes arrivé.",
                "Veuillez agréer nos salutations distinguées",
            ),
        },
    ),
    "nl": Phrases(
        about="Bedankt voor uw bericht (onderwerp: “{topic}”).",
        opening="In ons artikel “{title}” staat wat u kunt doen:",
        also="Zie ook: {titles}",
        in_english="(De instructies zijn in het Engels.)",
        warning="Belangrijk:",
        manners={
            "neutral": Manner(
                "Hallo {name},",
                "Hallo,",
                "Bedankt voor uw bericht.",
                "Helpt dit niet, beantwoord dan dit bericht en schrijf hoe ver u bent gekomen.",
                "Met vriendelijke groet",
            ),
            "friendly": Manner(
                "Hoi {name},",
                "Hoi,",
                "Fijn dat u ons schrijft!",
                "Is het gelukt? Zo niet, antwoord dan even en schrijf hoe ver u bent gekomen.",
                "Hartelijke groet",
            ),
            "formal": Manner(
                "Geachte {name},",
                "Geachte heer, mevrouw,",
                "Wij danken u voor uw bericht.",
                "Mocht dit niet helpen, beantwoord dan dit bericht en beschrijf hoe ver u bent gekomen.",
                "Hoogachtend",
            ),
        },
    ),
    "es": Phrases(
        about="Gracias por su mensaje (asunto: «{topic}»).",
        opening="Nuestro artículo «{title}» explica qué hacer:",
        also="Véase también: {titles}",
        in_english="(Las instrucciones están en inglés.)",
        warning="Importante:",
        manners={
            "neutral": Manner(
                "Hola, {name}:",
                "Hola:",
                "Gracias por su mensaje.",
                "Si esto no ayuda, responda a este mensaje y díganos hasta dónde ha llegado.",
                "Un cordial saludo",
            ),
            "friendly": Manner(
                "¡Hola, {name}!",
                "¡Hola!",
                "¡Gracias por escribirnos!",
                "¿Ha funcionado? Si no, respóndanos y cuéntenos hasta dónde ha llegado.",
                "Saludos",
            ),
            "formal": Manner(
                "Buenos días, {name}:",
                "Buenos días:",
                "Le agradecemos su mensaje.",
                "Si esto no resolviera el problema, le rogamos que responda a este mensaje e indique hasta qué paso ha "
                "llegado.",
                "Atentamente",
            ),
        },
    ),
    "it": Phrases(
        about="Grazie per il messaggio (argomento: «{topic}»).",
        opening="Il nostro articolo «{title}» spiega che cosa fare:",
        also="Si veda anche: {titles}",
        in_english="(Le istruzioni sono in inglese.)",
        warning="Importante:",
        manners={
            "neutral": Manner(
                "Buongiorno {name},",
                "Buongiorno,",
                "Grazie per il messaggio.",
                "Se questo non aiuta, risponda a questo messaggio indicando fin dove è arrivato.",
                "Cordiali saluti",
            ),
            "friendly": Manner(
                "Ciao {name},",
                "Salve,",
                "Grazie per averci scritto!",
                "Ha funzionato? Se no, ci risponda e ci dica fin dove è arrivato.",
                "Un caro saluto",
            ),
            "formal": Manner(
                "Gentile {name},",
                "Buongiorno,",
                "La ringraziamo per il Suo messaggio.",
                "Qualora ciò non fosse risolutivo, La preghiamo di rispondere a questo messaggio indicando a quale "
                "punto è arrivato.",
                "Distinti saluti",
            ),
        },
    ),
}


def phrases_for(language: str | None) -> Phrases:
    """Return the phrases of a language, English where there are none."""
    return PHRASES.get(language or "en", PHRASES["en"])
