"""How somebody feels who writes: by words, smileys and shouting, in six languages.

That something is broken is no feeling; most tickets are neutral, and so is what none of the words decides. It is a
hint for whoever answers, never a reason for anything.
"""

from __future__ import annotations

import math
import re

from helpdesk.triage.deciding.rule_words import words

SENTIMENTS = ("negative", "neutral", "positive")

_ANGER = words(
    r"unacceptable|ridiculous|outrag|disgrace|disgust|appall|furious|angry|fed up|sick of|terrible|horrible"
    r"|awful|worst|useless|incompeten|a joke\b|pathetic|shame on|lawyer|sue\b|formal complaint|never again"
    r"|waste of (?:time|money)",
    r"inakzeptabel|unverschämt|frechheit|unzumutbar|unmöglich\b|lächerlich|wütend|stinksauer|sauer\b|katastroph"
    r"|zumutung|nutzlos|unfähig|anwalt|beschwer|eine schande|es reicht",
    r"inacceptable|inadmissible|scandal|ridicule|furieu|en colère|honteu|lamentable|catastroph|incompéten"
    r"|ras[- ]le[- ]bol|avocat|porter plainte|réclamation|c.est nul",
    r"onacceptabel|belachelijk|schandalig|woedend|boos\b|waardeloos|schande|incompetent|advocaat|spuugzat"
    r"|klacht indienen",
    r"inaceptable|ridícul|vergüenza|vergonzos|furios|indignad|pésim|inútil|incompeten|abogado|hart[oa] de"
    r"|una queja",
    r"inaccettabil|ridicol|vergogn|furios|arrabbiat|pessim|inutile|incompeten|avvocato|stuf[oa] di|reclamo",
)
_DISAPPOINTMENT = words(
    r"frustrat|annoy|disappoint|unhappy|upset|not happy|still (?:not|no|waiting|broken|haven.t|doesn.t)"
    r"|yet again|once again|again and again|(?:third|fourth|fifth|3rd|4th|5th|tenth) time|for (?:weeks|months"
    r"|days)|how many times|nobody (?:answers|replies|cares|responds)|no (?:one )?(?:answer|reply|response)"
    r"|ignored",
    r"frustr|ärger|enttäuscht|unzufrieden|genervt|immer noch (?:nicht|kein)|schon wieder|zum (?:dritten|vierten"
    r"|x-ten) mal|seit (?:wochen|monaten|tagen)|niemand (?:antwortet|meldet)|keine (?:antwort|rückmeldung)|nervt",
    r"déçu|mécontent|agaç|énerv|toujours (?:pas|aucun)|encore une fois|(?:troisième|quatrième) fois"
    r"|depuis des (?:semaines|mois|jours)|aucune (?:réponse|nouvelle)|personne ne répond",
    r"teleurgesteld|ontevreden|geïrriteerd|vervelend|nog steeds (?:niet|geen)|alweer|opnieuw|(?:derde"
    r"|vierde) keer|al (?:weken|maanden|dagen)|geen (?:antwoord|reactie)",
    r"decepcionad|descontent|molest[oa]|frustrad|todavía no|sigue sin|otra vez|(?:tercera|cuarta) vez"
    r"|desde hace (?:semanas|meses|días)|sin respuesta|nadie (?:responde|contesta)",
    r"delus[oa]|scontent|infastidit|frustrat|ancora (?:non|niente)|di nuovo|(?:terza|quarta) volta"
    r"|da (?:settimane|mesi|giorni)|nessuna risposta|nessuno risponde",
)
_PRAISE = words(
    r"(?:great|excellent|fantastic|awesome|brilliant|amazing|wonderful|perfect)(?: (?:work|job|service|support"
    r"|help|team))?\b|love (?:it|this|the)|well done|kudos|thank(?:s| you) (?:so|very) much|many thanks"
    r"|really appreciate|you are the best|very (?:happy|pleased|satisfied)|works (?:great|perfectly"
    r"|like a charm)|saved my day",
    r"super\b|klasse\b|toll\b|großartig|hervorragend|perfekt|spitze\b|begeistert|vielen lieben dank"
    r"|herzlichen dank|tausend dank|sehr zufrieden|gut gemacht|ausgezeichnet",
    r"excellent|parfait|génial|super\b|formidable|merci (?:beaucoup|infiniment|mille)|bravo|très (?:content"
    r"|satisfait)|magnifique",
    r"geweldig|uitstekend|perfect|fantastisch|top\b|super\b|hartelijk dank|heel erg bedankt|goed gedaan"
    r"|erg (?:blij|tevreden)",
    r"excelente|perfect[oa]|genial|fantástic|estupend|muchas gracias|mil gracias|enhorabuena|muy (?:content"
    r"|satisfech|feliz)",
    r"eccellente|perfett[oa]|fantastic|ottim[oa]|grazie mille|tante grazie|complimenti|bravissim"
    r"|molto (?:content|soddisfatt)",
)
_NEGATION = re.compile(r"(?:not|n.t|never|nicht|kein\w*|pas|jamais|niet|geen|no|non|mai)\s+(?:\w+\s+)?$", re.IGNORECASE)
_SAD = re.compile(r"[:;=]-?[(/|\\](?=\s|$)|>:\(|😡|😠|🤬|😤|☹|🙁|😞|👎")
_GLAD = re.compile(r"[:;=]-?[)DP](?=\s|$)|😀|😃|😊|🙂|😍|👍|🎉|🙏|❤")
_SHOUT = re.compile(r"[!?]{3,}")
_CAPITALS = re.compile(r"(?:\b[^\W\d_a-zß-ÿ]{3,}\b[\s,]*){4,}")
_READ_CHARS = 4000
# A score of 1 makes a feeling as likely as none.
_NEUTRAL = 1.6
_STEEPNESS = 1.4


def sentiment_of(text: str) -> dict[str, float]:
    """Return the probability of each sentiment; they add up to 1."""
    read = text[:_READ_CHARS]
    against = 2.0 * _said(_ANGER, read) + 1.0 * _said(_DISAPPOINTMENT, read)
    against += 1.0 * len(_SAD.findall(read)) + 0.7 * len(_SHOUT.findall(read)) + 0.7 * len(_CAPITALS.findall(read))
    praise, denied = _praise(read)
    against += 1.0 * denied
    favour = 1.5 * praise + 0.7 * len(_GLAD.findall(read))
    # Who complains and thanks at once is polite, not glad.
    scores = {"negative": against, "neutral": _NEUTRAL, "positive": max(0.0, favour - against)}
    weights = {name: math.exp(_STEEPNESS * min(score, 4.0)) for name, score in scores.items()}
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def _said(pattern: re.Pattern[str], text: str) -> int:
    return len({match.group().casefold() for match in pattern.finditer(text)})


def _praise(text: str) -> tuple[int, int]:
    """Return how often something is praised, and how often praise is denied: "not perfect"."""
    found = list(_PRAISE.finditer(text))
    denied = [match for match in found if _NEGATION.search(text, max(0, match.start() - 30), match.start())]
    return len({match.group().casefold() for match in found if match not in denied}), len(denied)
