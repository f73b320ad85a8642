"""All that is taken out of a text, in the order in which one may hold another."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

from helpdesk.redaction.accounts import without_cards, without_ibans
from helpdesk.redaction.mail_addresses import without_mail_addresses
from helpdesk.redaction.passwords import without_passwords
from helpdesk.redaction.phones import REGIONS, without_phones
from helpdesk.redaction.secrets import without_secrets

# What is taken out can lay bare what stood behind it; a few rounds settle all but what was made to be otherwise.
_MOST_ROUNDS = 6


def redacted(text: str, *, regions: Collection[str] = REGIONS) -> str:
    """Return the text with placeholders such as `[card]` where something was that should not be kept.

    Redacting what is redacted changes nothing. Card numbers must pass the Luhn check, IBANs the check of ISO 7064
    (mod 97), and telephone numbers be numbers that their country gives out, so that ordinary numbers stay.

    Args:
        regions: countries (ISO 3166-1) whose telephone numbers are known without their country's code.
    """
    steps: tuple[Callable[[str], str], ...] = (
        without_secrets,
        without_passwords,
        without_mail_addresses,
        without_ibans,
        without_cards,
        partial(without_phones, regions=regions),
    )
    for _ in range(_MOST_ROUNDS):
        before = text
        for step in steps:
            text = step(text)
        if text == before:
            break
    return text
