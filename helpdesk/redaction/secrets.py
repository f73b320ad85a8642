"""Keys and tokens, which are known by how they look."""

from __future__ import annotations

import re

# A long token goes on where a mail broke its line.
_ON = r"(?:=?\r?\n[ \t>]*[\w+/=.~-]{16,}(?![^\s\"'<>,;]))*"
_KEY_BLOCK = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r".*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_TOKENS = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    rf"eyJ[\w-]{{8,}}(?:\.[\w-]*){{0,4}}{_ON}"
    r"|(?:AKIA|ASIA|AGPA|AROA)[A-Z0-9]{16}(?![A-Z0-9])"
    rf"|(?:ghp|gho|ghu|ghs|ghr|github_pat|glpat|xox[abeoprs]|sk|pk|rk|whsec|npm|pypi|dop_v1|hf|atd)[_-][\w-]{{16,}}{_ON}"
    r"|AIza[\w-]{35}|ya29\.[\w-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,}|\d{8,10}:AA[\w-]{30,}"
    # The recovery key of an encrypted disk.
    r"|\d{6}(?:-\d{6}){7}(?!\d)"
    r")"
)
_SCHEMES = ("bearer", "basic", "digest", "negotiate")
_HEADER = re.compile(
    rf"(?i)\b(?P<header>authorization: *)?(?P<scheme>bearer|basic|digest|negotiate) +(?P<token>[\w+/=.~-]{{12,}}){_ON}"
)
_IN_ADDRESS = re.compile(r"(://[^\s/:@\[\]]{1,64}:)([^\s/@\[\]]{1,128})(?=@)")


def without_secrets(text: str) -> str:
    """Return the text with `[secret]` in place of keys and tokens."""
    if "PRIVATE KEY" in text:
        text = _KEY_BLOCK.sub("[secret]", text)
    text = _TOKENS.sub("[secret]", text)
    lowered = text.lower()
    if any(scheme in lowered for scheme in _SCHEMES):
        text = _HEADER.sub(
            lambda found: f"{found['header'] or ''}[secret]" if _is_credential(found) else found[0], text
        )
    if "://" in text:
        text = _IN_ADDRESS.sub(r"\1[secret]", text)
    return text


def _is_credential(found: re.Match[str]) -> bool:
    bearer = found["scheme"].lower() == "bearer" and len(found["token"]) >= 16
    return found["header"] is not None or bearer or looks_random(found["token"])


def looks_random(word: str) -> bool:
    """Return whether a word has digits, signs or capitals where words of a language have none."""
    bare = word.rstrip(".,;:!?)")
    if bare.startswith("[secret") or len(bare) < 4:
        return False
    if any(character.isdecimal() or character in "_!$%&#@+=/*^~" for character in bare):
        return True
    return len(bare) > 4 and bare[1:] != bare[1:].lower() and bare != bare.upper()
