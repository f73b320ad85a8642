"""Which part of a mail its author wrote: not the mails it answers, nor the signature."""

from __future__ import annotations

import re
from functools import cache
from itertools import islice

from mailparser_reply import EmailReplyParser

_MAIL_LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pl")
# The parser looks far ahead from each line; what a person writes above a quote is shorter.
_PARSED_CHARS = 20_000
# Its time grows with the cube of a line's length, and no line that announces a quote is as long.
_PARSED_LINE = re.compile(r"^.{300,}$", re.MULTILINE)
_PUT_BY = re.compile("\ue000(\\d+)\ue001")
_QUOTED_LINE = re.compile(r"^\s*>")
# Where a mailer begins to repeat the mail that is answered.
_OLDER_MAIL = re.compile(
    r"^\s*(?:-{2,}\s*(?:original message|forwarded message|original appointment|ursprüngliche nachricht"
    r"|weitergeleitete nachricht|message d'origine|message original|message transféré|mensaje original"
    r"|mensaje reenviado|messaggio originale|messaggio inoltrato|oorspronkelijk bericht|doorgestuurd bericht"
    r"|wiadomość oryginalna|mensagem original)\s*-{2,}|_{20,}|begin forwarded message:)\s*$",
    re.IGNORECASE,
)
_MAIL_HEADER = re.compile(
    r"^\s*\**(?:from|von|de|da|van|od|sent|gesendet|envoyé|enviado|inviato|verzonden|wysłano|date|datum|data|fecha"
    r"|to|an|à|para|a|aan|do|cc|kopie|subject|betreff|objet|asunto|oggetto|onderwerp|temat|assunto)\**\s?:\**\s",
    re.IGNORECASE,
)
_SUBJECT = re.compile(r"^\s*\**(?:subject|betreff|objet|asunto|oggetto|onderwerp|temat|assunto)\**\s?:", re.IGNORECASE)
_SIGNATURE_MARK = re.compile(r"^(?:--|—|__)\s*$")
_FAREWELLS = (
    r"(?:(?:kind(?:est)?|best|warm(?:est)?|many thanks and)? ?regards|best wishes|cheers|sincerely)",
    r"yours (?:sincerely|faithfully|truly)",
    r"(?:mit (?:freundlichen|besten|herzlichen)|freundliche|viele|beste|liebe|herzliche|schöne) grü(?:ß|ss)en?",
    r"(?:mfg|lg|vg|mvg)",
    r"(?:(?:bien )?cordialement|bien à vous|salutations(?: distinguées)?)",
    r"(?:(?:un )?saludos?(?: cordial(?:es)?)?|atentamente|atenciosamente)",
    r"(?:cordiali|distinti) saluti",
    r"met vriendelijke groet(?:en)?",
    r"(?:pozdrawiam|z poważaniem|med vänliga hälsningar|med venlig hilsen|terveisin)",
)
_GOOD_BYE = re.compile(rf"^\s*(?:{'|'.join(_FAREWELLS)})\s*[,.!]?\s*$", re.IGNORECASE)
_SENDERS = (
    r"(?:sent|get) (?:from|with) (?:my|outlook|yahoo|proton|samsung)",
    r"(?:get )?outlook for ",
    r"(?:von meinem|gesendet (?:von|mit)|von \S+ gesendet)\b",
    r"envoyé (?:de|depuis|à partir) ",
    r"enviado (?:desde|do meu) ",
    r"inviato da(?:l mio)? ",
    r"verzonden (?:vanaf|met) ",
    r"(?:wysłane z|skickat från) ",
)
_SENT_FROM = re.compile(rf"^\s*(?:{'|'.join(_SENDERS)})", re.IGNORECASE)
# After a farewell: name, role, company, numbers, addresses. More lines than that are a text that goes on.
_SIGNATURE_LINES = 10
_SIGNATURE_LINE_CHARS = 120
_POSTSCRIPT = re.compile(r"^\s*(?:p\.?\s?s\b|n\.?b\b)", re.IGNORECASE)


def own_words(text: str) -> str:
    """Return the text of a plain mail without quoted mails and signature; empty where nothing else is left."""
    return _without_signature(_without_quotes(text))


@cache
def _reply_parser() -> EmailReplyParser:
    return EmailReplyParser(languages=list(_MAIL_LANGUAGES))


def _without_quotes(text: str) -> str:
    start = text[:_PARSED_CHARS]
    newest = _newest_mail(start)
    if len(text) > len(start) and newest.strip() == start.strip():
        newest = text
    kept: list[str] = []
    lines = newest.splitlines()
    for number, line in enumerate(lines):
        if _OLDER_MAIL.match(line) or _begins_headers(lines, number):
            break
        if not _QUOTED_LINE.match(line):
            kept.append(line)
    return "\n".join(kept).strip()


def _newest_mail(text: str) -> str:
    """Return a mail up to where the parser sees the head of the one it answers."""
    long_lines: list[str] = []

    def put_by(line: re.Match[str]) -> str:
        long_lines.append(line[0])
        return f"\ue000{len(long_lines) - 1}\ue001"

    parsed = _PARSED_LINE.sub(put_by, _PUT_BY.sub("", text))
    newest = next((reply.body for reply in _reply_parser().read(parsed).replies), parsed)
    return _PUT_BY.sub(lambda place: long_lines[int(place[1])], newest)


def _begins_headers(lines: list[str], number: int) -> bool:
    """Return whether the head of an older mail begins here: four such lines at most, a subject among them."""
    if not _MAIL_HEADER.match(lines[number]):
        return False
    block = [line for line in lines[number : number + 5] if _MAIL_HEADER.match(line)]
    return len(block) >= 3 and any(_SUBJECT.match(line) for line in block)


def _without_signature(text: str) -> str:
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if number and (_SIGNATURE_MARK.match(line) or _says_good_bye(lines, number)):
            return "\n".join(lines[:number]).strip()
    return text


def _says_good_bye(lines: list[str], number: int) -> bool:
    if _SENT_FROM.match(lines[number]):
        return len(lines) - number <= 3
    if not _GOOD_BYE.match(lines[number]):
        return False
    # No further than it takes to know: a text may say good-bye on every line.
    rest = (lines[place] for place in range(number + 1, len(lines)) if lines[place].strip())
    written = list(islice(rest, _SIGNATURE_LINES + 1))
    return len(written) <= _SIGNATURE_LINES and not any(
        len(line) > _SIGNATURE_LINE_CHARS or _POSTSCRIPT.match(line) for line in written
    )
