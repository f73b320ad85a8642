"""Take what identifies or unlocks out of a text before it is kept: cards, accounts, addresses, numbers, secrets.

Names of people are not recognised and stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable

# No longer than an address may be before its @ (RFC 5321): from every place of a word of any length, it takes minutes.
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+")
_CARD = re.compile(r"(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b")
_PHONE = re.compile(
    r"(?<![\w./:-])(?:\+|00?|\()\d[\d ()/.-]{5,18}\d(?![\w-])|(?<![\w.-])\d{3}[ .-]\d{3}[ .-]\d{4}(?![\w-])"
)
_DATE = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}(?:\D|$)")
_SECRETS = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    re.compile(r"\b(?:ghp|gho|ghs|github_pat|glpat|xox[abprs]|sk|pk|rk|atd)[_-][\w-]{16,}"),
    re.compile(r"(?i)\b(?:bearer|basic) +[\w+/=.-]{12,}"),
)
_NAMED_SECRET = re.compile(
    r"(?i)\b((?:pass(?:word|wort|phrase)?|kennwort|mot de passe|contraseña|wachtwoord|pin|otp|secret|token"
    r"|api[_ -]?key)"
    r"(?: (?:is|ist|est|es|was|war))? ?[:=] ?)(\S{4,})"
)


def redacted(text: str) -> str:
    """Return the text with placeholders such as `[card]` where something was that should not be kept.

    Card numbers must pass the Luhn check and IBANs the check of ISO 7064 (mod 97), so that ordinary numbers stay.
    """
    for pattern in _SECRETS:
        text = pattern.sub("[secret]", text)
    text = _NAMED_SECRET.sub(r"\1[secret]", text)
    text = _EMAIL.sub("[email]", text)
    text = _IBAN.sub(_where(_is_iban, "[iban]"), text)
    text = _CARD.sub(_where(_is_card, "[card]"), text)
    return _PHONE.sub(_where(_is_phone, "[phone]"), text)


def _where(test: Callable[[str], bool], placeholder: str) -> Callable[[re.Match[str]], str]:
    return lambda match: placeholder if test(match.group()) else match.group()


def _digits(text: str) -> list[int]:
    return [int(character) for character in text if character.isdigit()]


def _is_card(candidate: str) -> bool:
    """Apply the check of ISO/IEC 7812 (Luhn)."""
    digits = _digits(candidate)
    doubled = [digit * 2 - 9 * (digit > 4) if position % 2 else digit for position, digit in enumerate(digits[::-1])]
    return sum(doubled) % 10 == 0 and len(set(digits)) > 1


def _is_iban(candidate: str) -> bool:
    compact = candidate.replace(" ", "")
    turned = compact[4:] + compact[:4]
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1


def _is_phone(candidate: str) -> bool:
    return 7 <= len(_digits(candidate)) <= 15 and _DATE.match(candidate) is None
