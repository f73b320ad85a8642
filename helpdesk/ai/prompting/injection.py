"""Notice text that talks to a model instead of to people."""

from __future__ import annotations

import re

_TO_THE_MODEL = re.compile(
    r"(?i)(?:ignore|disregard|forget|override) (?:\w+ ){0,3}(?:previous|prior|above|earlier|your|system) "
    r"(?:\w+ ){0,2}(?:instructions?|rules?|prompts?|messages?)"
    r"|(?:note|message|instruction)s? (?:to|for) (?:the )?(?:assistant|ai|bot|model|system)"
    r"|(?:you are|act as) (?:now )?(?:an? |the )?(?:assistant|admin|system|developer)|system prompt|jailbreak"
    r"|set (?:the )?priority to|ignorier\w* (?:\w+ ){0,3}(?:anweisung|regel)"
    r"|ignore[zr]? (?:\w+ ){0,3}(?:instructions|consignes)"
    r"|ignora (?:\w+ ){0,3}(?:instrucciones|istruzioni)|negeer (?:\w+ ){0,3}(?:instructies|regels)"
)


def addresses_a_model(words: str) -> bool:
    """Return whether a text looks as if it gave orders to a model.

    A hint for people and a reason not to ask one; the defence is that answers are closed and checked.
    """
    return _TO_THE_MODEL.search(words) is not None
