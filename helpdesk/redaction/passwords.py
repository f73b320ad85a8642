"""Passwords and what else is named by the word before it."""

from __future__ import annotations

import re

from helpdesk.redaction.secrets import looks_random

_NAMES = (
    r"pass(?:word|wort|phrase|code|wd)?s?|pwd|kennwort|kennwörter|mot de passe|contraseña|contrasena|wachtwoord|senha|"
    r"hasło|parola|heslo|пароль|密码|暗証番号|パスワード|pin(?:[ _-]?code)?|tan|otp|cvv2?|cvc2?|"
    r"secret(?:[ _-]?(?:access[ _-]?)?key)?|"
    r"client[ _-]?secret|(?:access|auth|api|refresh|id|session|bot|sas)?[ _-]?token|api[ _-]?key|account[ _-]?key|"
    r"shared[ _-]?access[ _-]?(?:key|signature)|access[ _-]?key|private[ _-]?key|"
    r"(?:verification|security|one[- ]time|recovery|unlock|confirmation|bestätigungs|sicherheits|einmal)[- ]?code|"
    r"recovery[ _-]?key|puk"
)
# Looked for first: most texts have none of them.
_STEMS = (
    "pass", "pwd", "kennw", "mot de", "contrase", "wachtw", "senha", "hasło", "parola", "heslo", "пароль", "密码",
    "暗証番号", "パスワード", "pin", "tan", "otp", "cv", "secret", "token", "key", "access", "code", "puk",
)  # fmt: skip
_IS = r"(?: (?:is|ist|lautet|est|es|was|war|è|jest|for \S{1,60} is|für \S{1,60} ist))"
# A name, perhaps a word for `is`, a sign, perhaps on the next line: what is unlocked.
_NAMED = re.compile(
    rf"(?i)(?<![^\W_])((?:{_NAMES}){_IS}?[\"'*_`]{{0,3}} {{0,3}}(?:[:=\uff1a]|->|=>){{1,2}}[ \t]{{0,8}}"
    # On a line of its own below, it is all there is on it.
    r"(?:\r?\n[ \t]{0,8}(?=\S+[ \t]*(?:\r?\n|\Z)))?"
    r"[\"'`*]{0,3}|<(?:password|pwd|secret|token|apikey|api_key)>|--(?:password|token|secret|api-key)[ =])"
    r"([^\s\"'`<>]{3,})"
)
# Without a sign, only what looks like no word.
_SAID = re.compile(rf"(?i)(?<![^\W_])((?:{_NAMES}){_IS} [\"'`]?)([^\s\"'`<>]{{4,}})")
_WORDS = """
a aber abgelaufen an any are as ask asked because been before bitte both but caducada can can't cannot change
changed changing click could couldn't create cuando current das dem den der did didn't die dimenticata do does
doesn't doing don't een ein eine enter error est esta even every expired expires expiré failed fails falsch
false first for forgot forgotten from funktioniert geht gesperrt get getting habe had has have help here het how
i'm ich if in incorrect incorrectly invalid isn't ist it it's its je just kann keeps kein keine last later le
leider les let locked login lost ma manager mandatory mein meine mes message minimum missing mit mon must my
need needed needs nein neu neues never new nicht niet no non none not nothing now null nur oder of off old
olvidé on once only optional or other oublié our page para pas please policy por pour prompt protected quand que
qui rejected required reset resets resetting restablecer réinitialiser same scaduta screen see sein sent set
should some still stopped that that's the their then there they this tried true try trying two unable undefined
une unknown unlock update updated use used user username using vergessen vergeten verlopen vragen wants war was
wasn't we we've were werkt what when where which while who why wie wijzigen will wird with won't wrong wurde yes
you your zurücksetzen ändern
"""
# Words that follow a colon in sentences about passwords; none of them is one.
_PROSE = frozenset(_WORDS.split())


def without_passwords(text: str) -> str:
    """Return the text with `[secret]` in place of what stands behind words such as password."""
    lowered = text.lower()
    if not any(stem in lowered for stem in _STEMS):
        return text
    text = _NAMED.sub(lambda found: _kept_name(found) if _is_value(found) else found[0], text)
    return _SAID.sub(lambda found: _kept_name(found) if looks_random(found[2]) else found[0], text)


def _kept_name(found: re.Match[str]) -> str:
    # A full stop or comma behind it ends the sentence rather than the secret.
    return f"{found[1]}[secret]{found[2][-1] if found[2][-1] in '.,;)' else ''}"


def _is_value(found: re.Match[str]) -> bool:
    """Return whether what stands behind the name of a secret is one: no word of a sentence, no name of a next field."""
    value = found[2].rstrip(".,;)!?")
    if "[secret" in found[2] or not value or value.casefold() in _PROSE:
        return False
    # A line such as `Username: kim` below `Password:` is another field.
    return not (found[2].endswith((":", "=")) and "\n" in found[1])
