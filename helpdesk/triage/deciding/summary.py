"""One line that says what a ticket is about: a sentence of its own, or a model's that is checked against it."""

from __future__ import annotations

import re

from helpdesk.ai.prompting.injection import addresses_a_model
from helpdesk.answers.grounding import names_an_address
from helpdesk.rag.text.language import language_of_small_words
from helpdesk.rag.text.stop_words import STOP_WORDS
from helpdesk.triage.deciding.rule_words import words

MOST_CHARS = 160
_LEAST_CHARS = 8
_LEAST_WORDS = 4
_READ_CHARS = 4000
# Of the words that carry meaning, so many have to be the ticket's: an opinion added to a true sentence has fewer.
_OWN_WORDS = 0.8
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|\n+")  # noqa: RUF001 -- quotes as people write them
_WORD = re.compile(r"[^\W_]+(?:[-.'\u2019_/][^\W_]+)*")
_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
_LINK = re.compile(
    r"(?i)https?://|www\.|\b[\w.+-]+@[\w-]+\.\w|\b[a-z0-9-]+\.(?:com|net|org|io|de|fr|nl|es|it|eu|example)\b|[<>\[\]{}|`]"
)
_GREETING = words(
    r"hi\b|hello|hey\b|dear\b|good (?:morning|afternoon|evening|day)|hallo|guten (?:morgen|tag|abend)"
    r"|sehr geehrte|liebe[rs]?\b|moin|servus|bonjour|bonsoir|salut|chère?s?\b|madame|monsieur|hoi\b|beste\b"
    r"|geachte|goede(?:morgen|middag|navond)|goeden?dag|hola\b|buen[oa]s|estimad|querid|ciao\b|buon ?giorno"
    r"|buona ?sera|gentil|salve\b|egregi",
)
_PLEASANTRY = words(
    r"(?:i )?hope (?:you|this|all)|how are you|thank|thanks|regards|kind regards|best regards|cheers|sincerely"
    r"|sorry (?:to|for)|please (?:help|advise|see|find)|can (?:you|someone|anyone) (?:please )?help"
    r"|i need (?:your )?help|good day|sent from|urgent",
    r"ich hoffe|vielen dank|danke|mit freundlichen|viele grüße|beste grüße|gruß|liebe grüße"
    r"|könnt ihr (?:mir )?(?:bitte )?helfen|bitte um hilfe|entschuldig|gesendet von|dringend",
    r"j.espère|merci|cordialement|bien à vous|pouvez-vous m.aider|désolé|envoyé de|bonne journée|salutations",
    r"ik hoop|bedankt|dank|met vriendelijke|groet|kunnen jullie (?:mij )?helpen|sorry|verzonden",
    r"espero que|gracias|saludos|un saludo|atentamente|me pueden ayudar|pueden ayudarme|disculp|enviado desde",
    r"spero che|grazie|cordiali|saluti|distinti|potete aiutarmi|scusate|inviato da",
)


def summary_of(subject: str, body: str) -> str:
    """Return a ticket's first sentence that says something, shortened; its subject where there is none."""
    for sentence in _SENTENCE_END.split(body[:_READ_CHARS]):
        said = _bare(sentence)
        if _says_something(said):
            return shortened(said)
    return shortened(" ".join(subject.split()) or " ".join(body.split()))


def shortened(line: str, most: int = MOST_CHARS) -> str:
    """Return a line of at most so many characters, cut between words."""
    flat = " ".join(line.split())
    if len(flat) <= most:
        return flat
    cut = flat[: most - 1]
    return cut[: cut.rfind(" ") if " " in cut[most // 2 :] else len(cut)].rstrip(" ,;:-") + "…"


def _bare(sentence: str) -> str:
    """Return a sentence without the greeting before its first comma, quote marks and bullets."""
    said = " ".join(sentence.split()).lstrip(">-*•# ").strip()
    if _GREETING.match(said):
        greeting, comma, rest = said.partition(",")
        said = rest.strip() if comma and len(greeting) <= 40 else "" if len(said) <= 40 else said
    return said[:1].upper() + said[1:]


def _says_something(said: str) -> bool:
    if len(_WORD.findall(said)) < _LEAST_WORDS or len(said) < _LEAST_CHARS:
        return False
    return not (_PLEASANTRY.match(said) and len(said) <= 80) and not addresses_a_model(said)


def problem_with(summary: str, *, ticket: str, language: str | None) -> str | None:
    """Return why a model's summary may not be shown, None where nothing speaks against it.

    Args:
        ticket: all that the model saw of the ticket, and what it is about: subject and words.
        language: the ticket's, ISO 639-1.
    """
    line = summary.strip()
    if not _LEAST_CHARS <= len(line) <= MOST_CHARS or "\n" in line:
        return "is not one line of fitting length"
    if _LINK.search(line) or names_an_address(line):
        return "holds a link, an address or markup"
    if addresses_a_model(line):
        return "gives orders"
    known = ticket.casefold()
    if any(number not in _numbers(known) for number in _numbers(line)):
        return "names a number that the ticket does not"
    said = language_of_small_words(line, among=tuple(STOP_WORDS))
    if language is not None and said is not None and said != language:
        return "is in another language"
    return _foreign_words(line, known)


def _numbers(text: str) -> set[str]:
    return set(_NUMBER.findall(text))


def _foreign_words(line: str, known: str) -> str | None:
    """Refuse names that the ticket does not name, and a line most of whose words are not the ticket's."""
    there = set(_WORD.findall(known))
    small = frozenset().union(*STOP_WORDS.values())
    found = _WORD.findall(line)
    content = [word for word in found if len(word) >= 4 and word.casefold() not in small]
    own = [word for word in content if _is_there(word, there, alike=4)]
    names = [word for word in found[1:] if not word.islower() and word.casefold() not in small]
    for name in names:
        if not _is_there(name, there, alike=5):
            return f"names “{name}”, which the ticket does not"
    if not own or len(own) < _OWN_WORDS * len(content):
        return "says what the ticket does not"
    return None


def _is_there(word: str, there: set[str], *, alike: int) -> bool:
    """Return whether a word is among others, in any form that begins with the same letters."""
    folded = word.casefold()
    if folded in there or len(folded) < alike or not folded.isalpha():
        return folded in there
    return any(other[:alike] == folded[:alike] for other in there)
