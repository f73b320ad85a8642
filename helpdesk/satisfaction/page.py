"""The page that a link opens: a form without scripts, and what it says once it was sent."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from helpdesk.satisfaction.commands import CHANGEABLE_FOR, MOST_COMMENT
from helpdesk.satisfaction.queries import Asked

_SAID = {5: "Very good", 4: "Good", 3: "Neither good nor bad", 2: "Bad", 1: "Very bad"}


def question_page(asked: Asked, *, refused: str = "") -> str:
    """Return the form.

    Args:
        refused: why what was sent is not acceptable.
    """
    return _page("question", asked=asked, refused=refused)


def thanks_page(asked: Asked) -> str:
    """Return what is shown once an answer was taken."""
    return _page("thanks", asked=asked)


def not_valid_page() -> str:
    """Return what is shown for a link that is none, or none any more."""
    return _page("not_valid")


def _page(name: str, **values: object) -> str:
    template = _templates().get_template("satisfaction.html")
    return template.render({"part": name, "choices": _SAID, "most": MOST_COMMENT, "days": CHANGEABLE_FOR.days} | values)


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("helpdesk.satisfaction"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
