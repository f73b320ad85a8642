"""What words alone decide: danger, security, outages, deadlines. Rules, because a model must not be talked out of them.

Patterns cover English, German, French, Dutch, Spanish and Italian. They read the requester's words, never ask a
model, and can only raise a priority; that the requester calls something urgent is no reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from helpdesk.models.values import TicketPriority, TicketType

_LEVELS = (TicketPriority.LOW, TicketPriority.NORMAL, TicketPriority.HIGH, TicketPriority.URGENT)


@dataclass(frozen=True)
class Rule:
    """Words that speak for a priority of at least `floor`, and how often they are right."""

    name: str
    pattern: re.Pattern[str]
    floor: TicketPriority
    probability: float
    sentence: str


@dataclass(frozen=True)
class Finding:
    """A rule that applies, and the words that made it."""

    rule: Rule
    words: str

    @property
    def reason(self) -> str:
        """Return the reason as a sentence."""
        return f"{self.rule.sentence} (“{self.words}”)."


def _words(*alternatives: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(alternatives)})\w*", re.IGNORECASE)


RULES = (
    Rule(
        "danger",
        _words(
            r"(?:smoke|sparks?|flames?|on fire|burning smell|smell(?:s|ing)? (?:\w+ ){0,3}(?:burn|sweet|smoke))",
            r"(?:swollen|bulg\w+|hissing|leaking) (?:\w+ ){0,3}batter",
            r"batter\w+ (?:\w+ ){0,4}(?:swollen|bulg|hissing|hot|leak|smok)",
            r"(?:bottom|case|lid|trackpad|back) (?:\w+ ){0,2}bulg|bulging",
            r"electric shock|got (?:a )?shock|(?:is|was|got) (?:injured|hurt|burn(?:ed|t))",
            r"rauch(?!verbot)|es brennt(?! nicht)|angebrannt|funken|verbrannt|aufgebläht|stromschlag",
            r"akku (?:\w+ ){0,3}(?:hei|gebläht|aufgeb)",
            r"fum[ée]e|brûl|étincelle|batterie (?:\w+ ){0,2}gonfl|rook(?:t|melder)?\b|brand\b|opgezwollen|vonken",
            r"humo\b|quemad|chispa|batería (?:\w+ ){0,2}hinchad|fumo\b|bruciat|scintill|batteria (?:\w+ ){0,2}gonfi",
        ),
        TicketPriority.URGENT,
        0.95,
        "The words speak of danger to people",
    ),
    Rule(
        "credentials given away",
        _words(
            # Typing a password is dangerous only after a link or a mail led there.
            r"(?:link|mail|message|clicked|website|page)\b[\s\S]{0,250}?(?:typed|entered|gave|filled in|submitted)"
            r" (?:[\w,]+ ){0,8}(?:password|credentials|pin\b|code\b)",
            r"(?:approve|confirm) a (?:sign-in|login)|(?:sign-in|login) (?:\w+ ){0,4}(?:i|we) did(?:n.t| not) (?:do"
            r"|make|start)",
            r"(?:link|mail|seite|nachricht)\b[\s\S]{0,250}?(?:passwort|zugangsdaten"
            r"|kennwort) (?:\w+ ){0,4}ein(?:gegeben|getippt)",
            r"(?:lien|mail|page|message)\b[\s\S]{0,250}?(?:saisi|donné|entré) (?:\w+ ){0,4}mot de passe",
            r"(?:link|mail|pagina)\b[\s\S]{0,250}?wachtwoord (?:\w+ ){0,3}(?:ingevuld|ingevoerd|gegeven)",
            r"(?:enlace|correo|página)\b[\s\S]{0,250}?(?:introduj|di|puse) (?:\w+ ){0,4}contraseña",
            r"(?:link|mail|pagina)\b[\s\S]{0,250}?inserito (?:\w+ ){0,4}password",
            r"ransomware|files? (?:are|is|were|got) encrypted|erpressung|verschlüsselt und|hacked|gehackt|pirat[ée]",
        ),
        TicketPriority.URGENT,
        0.85,
        "Somebody may have got into an account",
    ),
    Rule(
        "security",
        _words(
            r"phish|suspicious (?:mail|e-?mail|link|message|sign)|malware|virus (?:warning|found|alert)|trojan",
            r"clicked (?:\w+ ){0,6}(?:link|attachment|something)|(?:lost|stolen|stole) (?:\w+ ){0,3}"
            r"(?:laptop|phone|device|badge|tablet|notebook)|(?:laptop|phone|tablet) (?:\w+ ){0,4}(?:stolen"
            r"|was taken)",
            r"verdächtige (?:mail|e-mail|nachricht)|gestohlen|verloren (?:\w+ ){0,2}(?:laptop|handy)|schadsoftware",
            r"hameçonnage|volé|virus détect|verdachte (?:mail|link)|gestolen|correo sospechoso|robad|rubat|sospett",
        ),
        TicketPriority.HIGH,
        0.8,
        "This may be a security incident",
    ),
    Rule(
        "outage",
        _words(
            r"(?:nobody|no one|none of us|everyone|everybody|all of us|whole (?:site|office|team|floor|department|"
            r"warehouse)|entire (?:site|office|team|floor|department|company)) (?:\w+ ){0,4}"
            r"(?:can(?:not|.t)?|lost|down|offline|locked out|gets? an? error)\b",
            r"(?:is|are|went|gone) (?:completely |totally )?(?:down|offline) (?:for|at|in) (?:everyone|all"
            r"|the whole)",
            r"(?:power|network|total|complete|site) outage|site is (?:down|offline)|niemand (?:\w+ ){0,3}(?:kann"
            r"|kommt|hat)|alle (?:\w+ ){0,3}(?:offline|"
            r"betroffen)|ganze[rns]? (?:standort|büro|abteilung|lager|team)|komplettausfall|totalausfall",
            r"personne (?:\w+ ){0,3}(?:ne )?(?:peut|n.arrive)|tout le (?:site|bureau|service)|panne générale",
            r"niemand (?:\w+ ){0,2}kan|hele (?:kantoor|afdeling|vestiging)|nadie puede|toda la oficina"
            r"|nessuno (?:può|"
            r"riesce)|tutto l.ufficio",
        ),
        TicketPriority.URGENT,
        0.75,
        "Several people cannot work",
    ),
    Rule(
        "deadline",
        _words(
            r"in (?:\d{1,2}|ten|fifteen|twenty|thirty|forty|half an) ?(?:min|minutes?|hours?|h\b)",
            r"in (?:an|one|two|1|2) hours?|(?:meeting|call|presentation|demo|interview|flight|train) (?:\w+ ){0,3}"
            r"(?:starts|in|at \d)|(?:truck|driver|customer|vessel|ship|plane)s? (?:\w+ ){0,2}(?:are |is )?waiting",
            r"(?:by|before|until|at) (?:noon|midnight|end of (?:the )?day|\d{1,2}(?:[:.]\d{2})? ?(?:am|pm)?) today",
            r"(?:tomorrow|tonight) (?:at|morning at) \d|can(?:no|.)t work(?: at all)?\b|(?:production"
            r"|line) (?:is )?stopped",
            r"in (?:einer|1|zwei|2) stunden?|in \d{1,2} (?:minuten|min\b)|(?:lkw|fahrer|kunde)\w* (?:warte|stehen)",
            r"dans (?:une|1|2|deux) heures?|dans \d{1,2} min|over (?:een|1|2|twee) uur|over \d{1,2} minuten",
            r"en (?:una|1|2|dos) horas?|en \d{1,2} minutos|tra (?:un.ora|\d{1,2} minuti|due ore)",
        ),
        TicketPriority.HIGH,
        0.7,
        "There is a deadline close by",
    ),
)

_REQUEST = _words(
    r"(?:please|could you|can you|kindly) (?:\w+ ){0,2}(?:order|create|set up|install|add|give|grant|send|provide"
    r"|book|move)",
    r"(?:i|we) (?:would |.d )?(?:need|like|want) (?:a |an |some |to order|access|another|new )"
    r"|request(?:ing)? (?:for |access)",
    r"(?:bitte|könnt ihr|könnten sie) (?:\w+ ){0,5}(?:bestellen|einrichten|anlegen|freigeben|freischalten"
    r"|installieren)",
    r"(?:pourriez|pouvez)-vous (?:\w+ ){0,3}(?:créer|installer|ajouter|commander)|graag (?:\w+ ){0,5}(?:aanvragen"
    r"|bestellen)",
)
_QUESTION = _words(
    r"how (?:do|can|would|should) (?:i|we)|is it possible|what is the (?:best|right)|where (?:do|can) (?:i|we)",
    r"wie (?:kann|komme|mache) ich|ist es möglich|comment (?:faire|puis)|hoe (?:kan|moet) ik|cómo (?:puedo|hago)"
    r"|come (?:posso|faccio)",
)


def find(words: str) -> list[Finding]:
    """Return the rules that apply to a requester's words, the weightiest first."""
    found = [
        Finding(rule, _shown(match.group())) for rule in RULES if (match := rule.pattern.search(words)) is not None
    ]
    return sorted(found, key=lambda finding: (-_LEVELS.index(finding.rule.floor), -finding.rule.probability))


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
