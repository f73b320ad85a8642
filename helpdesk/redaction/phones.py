"""Telephone numbers: those with a country's code anywhere, those of some countries also without."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from helpdesk.redaction.digits import GAP, ascii_digits

# Where nobody says which ones an organisation calls.
REGIONS = ("US", "GB", "DE", "AT", "CH", "FR", "NL", "BE", "ES", "IT", "PL", "SE", "AU", "IN")
_BETWEEN = rf"(?:{GAP}?[()/.]{GAP}?|{GAP}{{1,3}}[()]?|\(0\))"
_ROW = re.compile(rf"(?<![\w.,:/+@#=&?-])(?:\+{GAP}?|\()?\d++(?:{_BETWEEN}{{1,2}}\d++)*+(?![\w@])")
_GROUP = re.compile(r"[+(]?\(?\d+")
_LEAST, _MOST = 7, 15
_LABEL = re.compile(
    r"(?i)(?<![^\W_])(?:tel(?:ephone|efon|\.)?|phone|fon|ph|mob(?:ile|il|\.)?|cell(?:phone)?|handy|fax"
    r"|call(?:ed|ing| me| us| back)?|ring|dial|reach(?: me| him| her| us)?|whatsapp|sms|text me|contact"
    r"|anruf\w*|erreichbar|rufnummer|telefonnummer"
    r"|appel\w*|portable|téléphone|teléfono|móvil|llam\w*|telefono|cellulare|bel(?:len)?|telefoonnummer)"
    r"(?: (?:me|us|him|her|back|at|on|is|no|nr|number|unter|auf|au|al|op|est|ist|num[ée]ro))*[ .:#-]{0,4}\Z"
)
_NO_PHONE = re.compile(
    r"(?i)(?<![^\W_])(?:order|ticket|case|incident|invoice|customer|account|serial|part|article|item|sku|asset|tracking|shipment"
    r"|parcel|reference|ref|id|imei|error|code|version|ver|build|release|firmware|patch|kb|isbn|ean|upc|mac|ip|port"
    r"|license|licence|contract|po|rma|bestell\w*|auftrag\w*|rechnung\w*|kunden\w*|serien\w*|vertrags\w*|artikel\w*"
    r"|sendung\w*|fehler\w*|commande|facture|série|pedido|factura|numero d'ordine|ordine|fattura)"
    r"(?:[ _-]?(?:no|nr|num|number|nummer|id|code|#|n°|numéro))?(?: (?:is|ist|was|est))?[ .:#°-]{0,4}\Z"
)
_DATE = re.compile(r"(?:\d{1,2}[./-]\d{1,2}[./-](?:19|20)?\d\d|(?:19|20)\d\d[./-]\d{1,2}[./-]\d{1,2})(?!\d)")
_NANP = re.compile(r"\(?[2-9]\d\d\)? ?[ .-]? ?[2-9]\d\d[ .-]\d{4}")
# Numbers are said digit by digit, but not written so: a row of lone digits counts something.
_MOST_LONE = 2
# What a number begins with when nothing says that it is one: a country's code, a zero, or an area in America.
_BEGINNING = re.compile(r"\+|\(?0|\(?[2-9]\d\d(?!\d)")
_DOTTED = re.compile(r"\d{1,5}(?:\.\d{1,5})+")
_LOOKED_BACK = 40
# Tries with the library a text may cost; in one with more that looks like numbers, looks decide.
_MOST_TRIES = 3000


@dataclass(frozen=True)
class _Hint:
    """What stands around a candidate: a word such as `call` or `order` before it, nothing behind it in its row."""

    labelled: bool = False
    barred: bool = False
    alone: bool = True


@dataclass
class _Tries:
    left: int = _MOST_TRIES


def without_phones(text: str, *, regions: Collection[str] = REGIONS) -> str:
    """Return the text with `[phone]` in place of every telephone number.

    Args:
        regions: countries (ISO 3166-1) whose numbers are known without their country's code.
    """
    tries, known = _Tries(), tuple(regions)

    def numbers_out(row: re.Match[str]) -> str:
        words = row[0]
        if len(words) < _LEAST or sum(map(str.isdecimal, words[: 4 * _MOST])) < _LEAST:
            return words
        before = text[max(0, row.start() - _LOOKED_BACK) : row.start()]
        parts: list[str] = []
        place = 0
        for start, end in _numbers(words, before, known, tries):
            parts += [words[place:start], "[phone]"]
            place = end
        return "".join([*parts, words[place:]])

    return _ROW.sub(numbers_out, text)


def _numbers(words: str, before: str, regions: tuple[str, ...], tries: _Tries) -> Iterator[tuple[int, int]]:
    """Yield where telephone numbers stand in a row of groups of digits."""
    groups = [group.span() for group in _GROUP.finditer(words)]
    hint = _Hint(
        labelled=(labelled := _LABEL.search(before) is not None),
        barred=not labelled and _NO_PHONE.search(before) is not None,
    )
    place = 0
    while place < len(groups):
        start = groups[place][0]
        begins = _BEGINNING.match(words, start) is not None and words[max(0, start - 1)] != "."
        if not (begins or (hint.labelled and place == 0)):
            place += 1
            continue
        last = _last_group(words, groups, place, hint if place == 0 else _Hint(), regions, tries)
        if last is None:
            place += 1
        else:
            yield groups[place][0], groups[last][1]
            place = last + 1


def _last_group(  # noqa: PLR0917 (one row of digits, and what is known of it)
    words: str, groups: Sequence[tuple[int, int]], first: int, hint: _Hint, regions: tuple[str, ...], tries: _Tries
) -> int | None:
    """Return the last group of a number that begins with this one, the longest one; None where none does."""
    for last in reversed(_ends(words, groups, first)):
        candidate = words[groups[first][0] : groups[last][1]]
        follows = words[groups[last + 1][0]] if last + 1 < len(groups) else "+"
        hint = replace(hint, alone=follows in "+(0")
        if _is_phone(candidate, hint, regions, tries):
            return last
    return None


def _ends(words: str, groups: Sequence[tuple[int, int]], first: int) -> list[int]:
    found: list[int] = []
    digits = lone = 0
    for last in range(first, min(len(groups), first + 9)):
        many = sum(map(str.isdecimal, words[groups[last][0] : groups[last][1]][: 2 * _MOST]))
        digits, lone = digits + many, lone + (many == 1)
        if digits > _MOST + 2 or lone > _MOST_LONE:
            break
        if digits >= _LEAST:
            found.append(last)
    return found


def _is_phone(candidate: str, hint: _Hint, regions: tuple[str, ...], tries: _Tries) -> bool:
    digits = ascii_digits(candidate)
    if candidate.startswith("+") or (digits.startswith("00") and digits[2:3] not in {"", "0"}):
        number = digits.removeprefix("00") if not candidate.startswith("+") else digits
        return _allowed(f"+{number}", (), tries, loose=candidate.startswith("+") or hint.labelled)
    american = _NANP.fullmatch(candidate) is not None
    dotted = _DOTTED.fullmatch(candidate) is not None and not american and not digits.startswith("0")
    if hint.barred or dotted or _DATE.match(candidate.lstrip("(")):
        return False
    if hint.labelled:
        return _allowed(candidate, regions, tries, loose=digits.startswith("0"))
    return (
        (american or candidate.startswith(("(0", "0")))
        and hint.alone
        and _allowed(candidate, regions, tries, loose=False)
    )


def _allowed(number: str, regions: tuple[str, ...], tries: _Tries, *, loose: bool) -> bool:
    tries.left -= 1
    if tries.left < 0:
        return True
    return _is_given_out(number, regions, loose)


@lru_cache(maxsize=4096)
def _is_given_out(number: str, regions: tuple[str, ...], loose: bool) -> bool:
    """Return whether a country gives such numbers out; when loose, whether they could be dialled."""
    # Its tables are large, and most texts hold no number.
    import phonenumbers  # noqa: PLC0415

    for region in regions or (None,):
        try:
            read = phonenumbers.parse(number, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(read) or (loose and phonenumbers.is_possible_number(read)):
            return True
    return False
