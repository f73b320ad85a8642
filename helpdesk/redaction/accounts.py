"""Numbers of cards and of bank accounts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from helpdesk.redaction.digits import GAP, ascii_digits

# A row of groups of digits, whatever is between two of them; within a word, a path or a decimal there is none.
_ROW = re.compile(rf"(?<![\w.,/+-])\d++(?:{GAP}\d++)*+(?!\w)")
_GROUP = re.compile(r"\d+")
_LEAST_CARD, _MOST_CARD = 13, 19
# How numbers are grouped on cards; others are taken for one when nothing else stands in the row.
_GROUPED = frozenset(
    {(4, 4, 4, rest) for rest in range(1, 8)} | {(4, 4, 4, 4, rest) for rest in range(1, 4)} | {(4, 6, 4), (4, 6, 5)}
)
# Length, and what a number of that length begins with (ISO/IEC 7812, by issuer).
_ISSUERS = {
    13: ("4",),
    14: ("30", "36", "38", "39"),
    15: ("34", "37"),
    16: ("2", "3", "4", "5", "6", "81", "82", "9792"),
    17: ("5", "6"),
    18: ("5", "6", "8"),
    19: ("3", "4", "5", "6", "9792"),
}
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)

_IBAN = re.compile(rf"(?<![^\W_])[A-Za-z]{{2}}\d\d(?:{GAP}?[A-Za-z\d]){{11,30}}")
# Length of an account's number by country (ISO 13616 registry).
_IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip


def without_cards(text: str) -> str:
    """Return the text with `[card]` in place of every number of a card."""
    return _ROW.sub(_cards_out, text)


def _cards_out(row: re.Match[str]) -> str:
    words = row[0]
    if len(words) < _LEAST_CARD:
        return words
    parts: list[str] = []
    place = 0
    for start, end in _cards(words):
        parts += [words[place:start], "[card]"]
        place = end
    return "".join([*parts, words[place:]])


def _cards(words: str) -> Iterator[tuple[int, int]]:
    """Yield where cards stand in a row of groups of digits."""
    groups = [group.span() for group in _GROUP.finditer(words)]
    if _is_card(words):
        yield 0, len(words)
        return
    place = 0
    while place < len(groups):
        last = place + _groups_of_card(words, groups, place)
        if last > place:
            yield groups[place][0], groups[last - 1][1]
            place = last
        else:
            place += 1


def _groups_of_card(words: str, groups: list[tuple[int, int]], first: int) -> int:
    """Return of how many groups, from this one on, a card's number is made; the longest one counts."""
    lengths = tuple(end - start for start, end in groups[first : first + 5])
    if lengths[0] != 4 and not _LEAST_CARD <= lengths[0] <= _MOST_CARD:
        return 0
    for count in range(len(lengths), 0, -1):
        if (count == 1 or lengths[:count] in _GROUPED) and _is_card(
            words[groups[first][0] : groups[first + count - 1][1]]
        ):
            return count
    return 0


def _is_card(candidate: str) -> bool:
    """Apply the check of ISO/IEC 7812 (Luhn) to a number of a length and beginning that cards have."""
    if len(candidate) > 3 * _MOST_CARD:
        return False
    digits = candidate.replace(" ", "") if candidate.isascii() else ascii_digits(candidate)
    if not digits.isdecimal():
        digits = ascii_digits(digits)
    if not digits.startswith(_ISSUERS.get(len(digits), ())):
        return False
    numbers = [int(digit) for digit in digits[::-1]]
    return (sum(numbers[::2]) + sum(_DOUBLED[number] for number in numbers[1::2])) % 10 == 0 and len(set(digits)) > 1


def without_ibans(text: str) -> str:
    """Return the text with `[iban]` in place of every account's number."""
    parts: list[str] = []
    place = start = 0
    while (found := _IBAN.search(text, start)) is not None:
        end = _end_of_iban(found, text)
        if end:
            parts += [text[place : found.start()], "[iban]"]
            place = start = end
        else:
            # What was taken for one may hold one.
            start = found.start() + 1
    return "".join([*parts, text[place:]]) if parts else text


def _end_of_iban(found: re.Match[str], text: str) -> int:
    """Return where an account's number ends that may begin here, 0 where there is none."""
    wanted = _IBAN_LENGTHS.get(found[0][:2].upper())
    if wanted is None:
        return 0
    ends = [place for place in range(found.start(), found.end()) if text[place].isalnum()]
    if len(ends) < wanted:
        return 0
    end = ends[wanted - 1] + 1
    if end < len(text) and text[end].isalnum():
        return 0
    compact = "".join(character for character in text[found.start() : end] if character.isalnum())
    return end if _is_iban(compact) else 0


def _is_iban(compact: str) -> bool:
    """Apply the check of ISO 7064 (mod 97-10)."""
    turned = compact[4:] + compact[:4]
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1
