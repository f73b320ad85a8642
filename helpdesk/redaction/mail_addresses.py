"""Mail addresses."""

from __future__ import annotations

import re

# Sought from the sign on: from every place of a long word, an address is sought as far as it may be long.
_DOMAIN = re.compile(r"[@\uff20]\[?[\w-]+(?:\.[\w-]+)+\]?")
_LOCAL = re.compile(r"[\w.+'%=&~!#$*?^{}-]{1,64}\Z")
# No longer than an address may be before its sign (RFC 5321).
_LONGEST_LOCAL = 64


def without_mail_addresses(text: str) -> str:
    """Return the text with `[email]` in place of every mail address."""
    if "@" not in text and "\uff20" not in text:
        return text
    parts: list[str] = []
    place = 0
    for domain in _DOMAIN.finditer(text):
        before = text[max(place, domain.start() - _LONGEST_LOCAL) : domain.start()]
        local = _LOCAL.search(before)
        bare = "" if local is None else local[0].lstrip("'.*!?#=&{")
        if bare:
            parts += [text[place : domain.start() - len(bare)], "[email]"]
            place = domain.end()
    return "".join([*parts, text[place:]])
