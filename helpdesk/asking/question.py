"""What an agent asks, and what is searched for it: a question that leans on others is completed by them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import chain
from uuid import UUID

from helpdesk.models.values import SourceType
from helpdesk.rag.retrieval.query import Audience, SearchFilters
from helpdesk.rag.text.stop_words import STOP_WORDS
from helpdesk.rag.text.terms import codes_of, words_of

MOST_FORMER = 5
_TICKET_CHARS = 500
# With fewer words of its own a question says too little to be searched by itself.
_ENOUGH_WORDS = 3
# A pronoun in a question of many words mostly points to something within it.
_MANY_WORDS = 6
_GOES_ON = re.compile(
    r"(?i)^\W*(?:and|but|or|also|then|what about|how about|und|aber|oder|auch|dann|wie (?:ist|steht) es|et|mais|ou|"
    r"alors|y|pero|entonces|en|maar|e|ma)\b"
)
_POINTS_BACK = re.compile(
    r"(?i)\b(?:it|its|that|this|these|those|they|them|he|him|his|she|her|there|same|es|dies\w*|ihn|ihm|dort|"
    r"damit|dafür|davon|ça|cela|celui|celle|eux|lui|là|eso|esto|esta|ese|ello|allí|dat|dit|deze|daar|questo|quello)\b"
)
_STOP_WORDS = frozenset(chain.from_iterable(STOP_WORDS.values()))


@dataclass(frozen=True)
class Asked:
    """A question and where to look for the answer.

    Attributes:
        audience: who is to read the answer; it limits what may be cited.
        types: articles, and settled tickets where agents read.
        ticket_id: the ticket it is asked for.
        history: former questions of the same conversation, oldest first.
    """

    text: str
    audience: Audience = Audience.AGENTS
    types: tuple[SourceType, ...] = (SourceType.KB,)
    filters: SearchFilters = field(default_factory=SearchFilters)
    ticket_id: UUID | None = None
    history: tuple[str, ...] = ()


def texts_to_search(asked: Asked, *, ticket: str = "") -> list[str]:
    """Return what to search, in the order of trying: the next one is for when nothing was found.

    A question that is complete is searched as it is; one that goes on from the questions before it, points to
    something outside itself or has hardly a word of its own is searched together with them, or with the ticket.

    Args:
        ticket: the words of the ticket it is asked for.
    """
    before = _leading_to(asked)
    if not before and ticket:
        before = [ticket[:_TICKET_CHARS]]
    if not before:
        return [asked.text]
    completed = "\n".join([*before, asked.text])
    return [completed] if leans_on_others(asked.text) else [asked.text, completed]


def leans_on_others(question: str) -> bool:
    """Return whether a question is not understood without those before it."""
    if codes_of(question):
        return False
    own = {word for word in words_of(question, None) if word not in _STOP_WORDS}
    if len(own) < _ENOUGH_WORDS or _GOES_ON.search(question):
        return True
    return len(own) < _MANY_WORDS and _POINTS_BACK.search(question) is not None


def _leading_to(asked: Asked) -> list[str]:
    """Return the former questions back to the last one that stands by itself."""
    chain_back: list[str] = []
    for former in reversed(asked.history[-MOST_FORMER:]):
        chain_back.insert(0, former)
        if not leans_on_others(former):
            break
    return chain_back
