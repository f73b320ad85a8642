"""What words alone decide: danger, security, outages, deadlines. Rules, because a model must not be talked out of them.

They read the requester's words, never ask a model, and can only raise a priority; that the requester calls something
urgent is no reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from helpdesk.models.values import TicketPriority, TicketType
from helpdesk.triage.deciding import rule_words
from helpdesk.triage.deciding.rule_words import DENIED, NEGATED, words

_LEVELS = (TicketPriority.LOW, TicketPriority.NORMAL, TicketPriority.HIGH, TicketPriority.URGENT)
# What matters is said early; a log file behind it is not read for words.
_READ_CHARS = 8000
_SENTENCE_END = re.compile(r"[.!?](?=\s)|\n")


@dataclass(frozen=True)
class Rule:
    """Words that speak for a priority of at least `floor`, and how often they are right.

    Attributes:
        unless: words in the same sentence that show it is meant otherwise.
        deniable: whether a "not" among the words denies them; that nobody can work is meant as it stands.
    """

    name: str
    pattern: re.Pattern[str]
    unless: re.Pattern[str]
    floor: TicketPriority
    probability: float
    sentence: str
    deniable: bool = False

    def matches(self, text: str) -> Iterator[re.Match[str]]:
        """Yield where a text says it, and neither denies it nor means something else."""
        for match in self.pattern.finditer(text):
            start, end = _sentence_around(text, match)
            if self.deniable and DENIED.search(match.group()) is not None:
                continue
            if NEGATED.search(text, start, match.start()) is None and self.unless.search(text, start, end) is None:
                yield match


@dataclass(frozen=True)
class Finding:
    """A rule that applies, and the words that made it."""

    rule: Rule
    words: str

    @property
    def reason(self) -> str:
        """Return the reason as a sentence."""
        return f"{self.rule.sentence} (“{self.words}”)."


RULES = (
    Rule(
        "danger",
        rule_words.DANGER,
        rule_words.NO_DANGER,
        TicketPriority.URGENT,
        0.95,
        "The words speak of danger to people",
        deniable=True,
    ),
    Rule(
        "credentials given away",
        rule_words.CREDENTIALS,
        rule_words.NO_CREDENTIALS,
        TicketPriority.URGENT,
        0.85,
        "Somebody may have got into an account",
    ),
    Rule(
        "security",
        rule_words.SECURITY,
        rule_words.NO_SECURITY,
        TicketPriority.HIGH,
        0.8,
        "This may be a security incident",
    ),
    Rule(
        "outage",
        rule_words.OUTAGE,
        rule_words.NO_OUTAGE,
        TicketPriority.URGENT,
        0.75,
        "Several people cannot work",
    ),
    Rule(
        "deadline",
        rule_words.DEADLINE,
        rule_words.NO_DEADLINE,
        TicketPriority.HIGH,
        0.7,
        "There is a deadline close by",
    ),
)

_REQUEST = words(
    r"(?:please|could you|can you|kindly|would you) (?:\w+ ){0,2}(?:order|create|set up|install|add|give|grant"
    r"|send|provide|book|move|arrange|enable|unlock|assign|remove)",
    r"(?:i|we) (?:would |.d )?(?:need|like|want) (?:a |an |some |to order|access|another|new )"
    r"|request(?:ing)? (?:for |access)|new (?:starter|joiner|hire|employee|colleague)",
    r"(?:bitte|könnt ihr|könnten sie|könntet ihr|können sie) (?:\w+ ){0,6}(?:bestellen|einrichten|anlegen"
    r"|freigeben|freischalten|installieren|zurücksetzen|bereitstellen|hinzufügen)|(?:ich|wir) (?:brauche"
    r"|benötige|bräuchte|hätte gern)n? (?:ein|einen|eine|zugriff|zugang|neue)",
    r"(?:pourriez|pouvez|pourrais|peux)-(?:vous|tu) (?:\w+ ){0,3}(?:créer|installer|ajouter|commander|donner"
    r"|activer)|j.(?:aurais|ai) besoin d|je (?:voudrais|souhaite(?:rais)?) (?:commander|avoir|obtenir|un|une"
    r"|accéder)",
    r"graag (?:\w+ ){0,6}(?:aanvragen|bestellen|toegang|aanmaken|installeren)|(?:kunnen jullie|kunt u"
    r"|kan iemand) (?:\w+ ){0,5}(?:aanmaken|installeren|bestellen|toevoegen)|ik (?:heb"
    r"|wil) (?:\w+ ){0,3}(?:nieuwe|toegang)",
    r"(?:podr[ií]a[sn]?|pued(?:e|es|en)) (?:\w+ ){0,3}(?:crear|instalar|añadir|pedir|dar|activar)(?:me|nos)?"
    r"|(?:necesito|necesitamos|quisiera|me gustaría) (?:un|una|acceso|pedir|nuevo|nueva|que me)",
    r"(?:potreste|potrebbe|puoi|potete) (?:\w+ ){0,3}(?:creare|installare|aggiungere|ordinare|dare"
    r"|attivare)(?:mi|ci)?|(?:ho bisogno di|abbiamo bisogno di|vorrei|mi serve) (?:un|una|uno|accesso|ordinare"
    r"|nuov)",
)
_QUESTION = words(
    r"how (?:do|can|would|should|to) (?:i|we)?|is (?:it|there) (?:possible|a way)|what is the (?:best|right)"
    r"|where (?:do|can) (?:i|we)|do you know (?:if|how|whether)|i was wondering",
    r"wie (?:kann|komme|mache|geht|muss|lässt)|ist es möglich|gibt es eine möglichkeit|wo (?:finde|kann) ich"
    r"|comment (?:faire|puis|fait|est-ce|peut)|est-il possible|où (?:puis|se trouve|trouver)",
    r"hoe (?:kan|moet|doe|werkt)|is het mogelijk|waar (?:kan|vind) ik|[cC]ómo (?:puedo|hago|se|podría)"
    r"|es posible|dónde (?:puedo|está)|come (?:posso|faccio|si|potrei)|è possibile|dove (?:posso|trovo)",
)


def find(text: str) -> list[Finding]:
    """Return the rules that apply to a requester's words, the weightiest first."""
    read = text[:_READ_CHARS]
    found = [
        Finding(rule, _shown(match.group())) for rule in RULES if (match := next(rule.matches(read), None)) is not None
    ]
    return sorted(found, key=lambda finding: (-_LEVELS.index(finding.rule.floor), -finding.rule.probability))


def _sentence_around(text: str, match: re.Match[str]) -> tuple[int, int]:
    start = max((end.end() for end in _SENTENCE_END.finditer(text, 0, match.start())), default=0)
    end = _SENTENCE_END.search(text, match.end())
    return start, end.start() if end else len(text)


def _shown(words: str) -> str:
    flat = " ".join(words.split())
    return flat if len(flat) <= 60 else f"… {flat[-58:].partition(' ')[2]}"


def raise_priority(given: Mapping[str, float], findings: list[Finding], *, vip: bool) -> dict[str, float]:
    """Return the probability of each priority after the rules: mass moves up to a rule's floor, never down.

    A rule that is right with probability r moves r of the mass that lies below its floor to the floor. A VIP's
    ticket is one level above what it would be, for half of the mass of each level.
    """
    chances = [given.get(level, 0.0) for level in _LEVELS]
    for finding in findings:
        floor = _LEVELS.index(finding.rule.floor)
        moved = [share * finding.rule.probability if level < floor else 0.0 for level, share in enumerate(chances)]
        chances = [share - away for share, away in zip(chances, moved, strict=True)]
        chances[floor] += sum(moved)
    if vip:
        stays = [*(share / 2 for share in chances[:-1]), chances[-1]]
        chances = [stay + (chances[level - 1] / 2 if level else 0.0) for level, stay in enumerate(stays)]
    return dict(zip((str(level) for level in _LEVELS), chances, strict=True))


def usual_type(words: str) -> dict[str, float]:
    """Return the probability of each type from the form of the words; used while there is nothing to learn from."""
    if _REQUEST.search(words):
        likely, chance = TicketType.REQUEST, 0.65
    elif _QUESTION.search(words):
        likely, chance = TicketType.QUESTION, 0.55
    else:
        likely, chance = TicketType.INCIDENT, 0.6
    rest = (1 - chance) / (len(TicketType) - 1)
    return {str(kind): chance if kind is likely else rest for kind in TicketType}
