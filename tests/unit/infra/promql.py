"""What a PromQL expression names: just enough of the language to find metrics, matchers and grouping labels."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<range>\[[^\]]*\])
      | (?P<variable>\$(?:\{\w+\}|\w+))
      | (?P<number>\d[\w.]*)
      | (?P<name>[A-Za-z_:][\w:]*)
      | (?P<sign>=~|!~|!=|==|>=|<=|[-+*/%^<>=(){},@])""",
    re.VERBOSE,
)
_GROUPINGS = {"by", "without", "on", "ignoring", "group_left", "group_right"}
_WORDS = {"and", "or", "unless", "bool", "offset", "inf", "nan", "start", "end"}


class NotUnderstood(ValueError):
    """The expression has something that is not known here."""


@dataclass
class Selector:
    """A metric, and what its labels are compared with, `=` and `=~` apart from their opposites."""

    metric: str
    matchers: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass
class Named:
    """What an expression names."""

    selectors: list[Selector] = field(default_factory=list)
    groupings: set[str] = field(default_factory=set)


def _tokens(expression: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(expression):
        if expression[at].isspace():
            at += 1
            continue
        token = _TOKEN.match(expression, at)
        if token is None:
            raise NotUnderstood(expression[at:])
        found.append((str(token.lastgroup), token.group()))
        at = token.end()
    return found


def names_in(expression: str) -> Named:
    """Return what an expression names; raise NotUnderstood."""
    tokens, named, at = [*_tokens(expression), ("end", "")], Named(), 0
    depth = 0
    while at < len(tokens) - 1:
        kind, text = tokens[at]
        following = tokens[at + 1][1]
        at += 1
        depth += {"(": 1, ")": -1}.get(text, 0)
        if kind != "name" or text.lower() in _WORDS:
            if kind == "sign" and text in "{}":
                raise NotUnderstood(f"a selector without a metric in {expression!r}")
            continue
        if text in _GROUPINGS:
            if following == "(":
                end = tokens.index(("sign", ")"), at)
                named.groupings |= {name for kind, name in tokens[at:end] if kind == "name"}
                at = end + 1
        elif following == "(" or following in _GROUPINGS:
            continue
        elif following == "{":
            end = tokens.index(("sign", "}"), at)
            named.selectors.append(Selector(text, _matchers(tokens[at + 1 : end])))
            at = end + 1
        elif tokens[at - 2][1] in _GROUPINGS:
            raise NotUnderstood(expression)
        else:
            named.selectors.append(Selector(text))
    if depth:
        raise NotUnderstood(f"brackets in {expression!r}")
    return named


def _matchers(tokens: list[tuple[str, str]]) -> list[tuple[str, str, str]]:
    found = []
    while tokens:
        (kind, label), (_, sign), (_, value), *tokens = tokens
        if kind != "name" or sign not in {"=", "=~", "!=", "!~"}:
            raise NotUnderstood(label)
        found.append((label, sign, value[1:-1]))
        if tokens and tokens[0] == ("sign", ","):
            tokens = tokens[1:]
    return found
