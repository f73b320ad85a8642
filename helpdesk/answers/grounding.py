"""Check each sentence of a draft against what it cites; one that says more than its sources is dropped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# The ticket's own words; a sentence that cites nothing else may restate the concern, not answer it.
TICKET = "T"

_URL = re.compile(
    r"(?:https?://|www\.)\S+|\b[\w-]+(?:\.[\w-]+)*\.(?:com|net|org|io|eu|de|example)\b(?:/\S*)?", re.IGNORECASE
)
# Links without a scheme, hosts below any domain, machines by number; a file's name has a dot as well.
_FILE = r"(?:pdf|png|jpe?g|gif|svg|txt|log|docx?|xlsx?|pptx?|csv|msi|exe|dll|ini|json|ya?ml|xml|html?|js|py|sh|bat|ps1)"
_HOST = re.compile(
    r"(?<![\w:])//[\w-]+(?:\.[\w-]+)+\S*"
    rf"|(?<![\w@.-])(?:[^\W_][\w-]*\.)+(?!{_FILE}(?!\w))[^\W\d_]{{2,}}(?!\.?\w)(?:[/:]\S*)?"
    r"|(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?(?!\.?\w)"
    r"|(?<![\w:])(?=[0-9a-f:]*(?:::|(?::[0-9a-f]*){3}))[0-9a-f]{1,4}(?::{1,2}[0-9a-f]{1,4}){2,}",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_CODE = re.compile(r"\b0x[0-9A-Fa-f]+\b|\b[A-Z]{2,6}[-_]?[A-Z]*\d+\b")
_PATH = re.compile(r"(?:[A-Za-z]:)?(?:[\\/][\w.$ -]+){2,}|\\\\[\w.$\\-]+")
_COMMAND = re.compile(r"`([^`]+)`")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_EXACT = (_URL, _HOST, _EMAIL, _CODE, _PATH, _COMMAND)
_WORD = re.compile(r"[^\W\d_]{4,}")
_PROMISE = re.compile(
    r"(?i)\b(?:we|i|our \w+)(?: will|.ll| are going to| guarantee| promise)\b|\bguarantee[ds]?\b|\brefund|\bcompensat"
    r"|\bliabilit|\bliable\b|\b(?:for free|free of charge|at no cost)\b|\bvoucher|\breimburs"
    r"|\bas soon as possible\b|\bwithin (?:\d+|an|a few) (?:minute|hour|day)|\b(?:wir|ich) (?:werden?|garantier|verspr)"
    r"|\bnous (?:allons|garantiss)|\b(?:wij|we) (?:zullen|garander)|\bgarantizamos|\bgarantiamo"
)
_ADVICE = re.compile(
    r"(?i)\b(?:you (?:can|could|may|should|must|need|have to|do not|don.t)|please|try|keep|continue|make sure|just|"
    r"do not|don.t|never|sie (?:können|sollten|müssen|dürfen)|bitte|vous (?:pouvez|devez)|veuillez|u (?:kunt|moet)|"
    r"puede[ns]?|debe[ns]?|può|deve|potete|safe|sicher|no problem|kein problem)\b"
)


@dataclass(frozen=True)
class Sentence:
    """A sentence with the ids of the sources it cites; `verbatim` ones are quotes."""

    text: str
    cites: tuple[str, ...]
    verbatim: bool = False


@dataclass(frozen=True)
class Checked:
    """What of a draft holds, and why the rest does not."""

    kept: list[Sentence]
    dropped: list[dict[str, str]]


def check(sentences: Sequence[Sentence], sources: Mapping[str, str]) -> Checked:
    """Return the sentences that their sources bear out, in order, and the others with the reason.

    Args:
        sources: text by id; `TICKET` is the ticket's own.
    """
    kept: list[Sentence] = []
    dropped: list[dict[str, str]] = []
    for sentence in sentences:
        problem = problem_with(sentence, sources)
        if problem is None:
            kept.append(sentence)
        else:
            dropped.append({"text": sentence.text, "problem": problem})
    return Checked(kept, dropped)


def problem_with(sentence: Sentence, sources: Mapping[str, str]) -> str | None:
    """Return why a sentence may not stand, None when it may."""
    if not sentence.cites:
        return "cites nothing"
    if any(cite not in sources for cite in sentence.cites):
        return "cites a source that was not given"
    cited = "\n".join(sources[cite] for cite in sentence.cites)
    if sentence.verbatim:
        return None if flat(sentence.text) in flat(cited) else "is not in the source it quotes"
    return _problem_of_own_words(sentence.text, cited)


def _problem_of_own_words(text: str, cited: str) -> str | None:
    if (problem := problem_of_statement(text, cited)) is not None:
        return problem
    if _ADVICE.search(text):
        return "gives advice in words of its own"
    return "says more than its source" if _has_other_words(text, cited) else None


def problem_of_statement(text: str, cited: str) -> str | None:
    """Return what no sentence may do whoever wrote it: name what its sources do not, or promise something."""
    if (foreign := _foreign(text, cited)) is not None:
        return f"“{foreign}” is in no cited source"
    return "promises something" if _PROMISE.search(text) else None


def names_an_address(text: str) -> bool:
    """Return whether a text has a web or mail address in it, or that of a machine."""
    return any(pattern.search(text) is not None for pattern in (_URL, _HOST, _EMAIL))


def flat(text: str) -> str:
    """Return a text as bare words: case, markup and spacing do not make a quote another one."""
    return " ".join(re.sub(r"[*_`|#>\[\]]", "", text).lower().split())


def _foreign(text: str, cited: str) -> str | None:
    """Return the first number, address, path, command or code that no cited source has."""
    known = flat(cited)
    for pattern in _EXACT:
        for match in pattern.finditer(text):
            if flat(match.group()).rstrip(".,;:!?)") not in known:
                return match.group()
    # A number that is part of a longer one is another number.
    numbers = set(_NUMBER.findall(cited))
    return next((number for number in _NUMBER.findall(text) if number not in numbers), None)


def _has_other_words(text: str, cited: str) -> bool:
    """Return whether a longer word is not in the source, in some form: their first five letters are compared."""
    stems = {word.lower()[:5] for word in _WORD.findall(cited)}
    return any(word.lower()[:5] not in stems for word in _WORD.findall(text))
