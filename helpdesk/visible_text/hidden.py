"""What a style hides from readers, and so from whoever writes for machines behind their backs."""

from __future__ import annotations

import re

_COMMENTS = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
# From a brace to the next one only: from every place between, a sheet without any would take minutes.
_RULE = re.compile(r"(?<![^{}])([^{}]+)\{([^{}]*)\}")
_NO_SIZE = re.compile(r"(?<![-\w])(?:height|width):0(?:px|pt|em|%)?(?:;|$)")
_HIDDEN = re.compile(
    r"display:none|visibility:(?:hidden|collapse)|mso-hide:all|content-visibility:hidden"
    r"|(?<![-\w])opacity:(?:0|0?\.0\d*)(?:;|$|%)"
    r"|font-size:(?:0|0?\.0\d*|1px)(?:px|pt|em|rem|%|;|$)|max-(?:height|width):0(?:px|pt|em|%|;|$)"
    r"|(?:text-indent|left|top|right|bottom|margin-left|margin-top):-\d{3,}"
    r"|clip:rect\(0|clip-path:inset\((?:50|100)%|transform:scale[xy]?\(0[,)]"
    r"|(?:fill-)?color:transparent|(?<![-\w])color:(?:rgba|hsla)\([^()]*[,/]0?(?:\.0+)?%?\)"
)
_COLOR = re.compile(r"(?:^|;)color:([^;]+)")
_BACKGROUND = re.compile(r"(?:^|;)background(?:-color)?:([^;]+)")
_NAMES = {
    "white": "#ffffff", "black": "#000000", "red": "#ff0000", "yellow": "#ffff00", "silver": "#c0c0c0",
    "gray": "#808080", "grey": "#808080", "blue": "#0000ff", "navy": "#000080", "green": "#008000",
}  # fmt: skip
_PAGE = "#ffffff"
_RGB = re.compile(r"rgba?\((\d{1,3})[, ]+(\d{1,3})[, ]+(\d{1,3})")


def hides(style: str) -> bool:
    """Return whether a style shows nothing to a reader, whatever stands behind it: no size, no ink, or off the page."""
    tight = _tight(style)
    cut_off = "overflow:hidden" in tight and _NO_SIZE.search(tight) is not None
    return cut_off or _HIDDEN.search(tight) is not None


def ink_of(style: str) -> str | None:
    """Return the colour of a style's letters as `#rrggbb`, None where it says nothing that is known."""
    found = _COLOR.search(_tight(style))
    return None if found is None else color_of(found[1])


def paper_of(style: str) -> str | None:
    """Return the colour behind a style's letters as `#rrggbb`, what was given where it is no plain colour."""
    found = _BACKGROUND.search(_tight(style))
    return None if found is None else color_of(found[1]) or found[1]


def is_unreadable(ink: str | None, paper: str | None) -> bool:
    """Return whether letters have the colour of what is behind them; a page is white where nothing is said."""
    return ink is not None and ink == (paper or _PAGE)


def color_of(value: str) -> str | None:
    """Return a plain colour as `#rrggbb`; nearly white counts as white."""
    word = value.strip().lower().removesuffix("!important").strip()
    word = _NAMES.get(word, word)
    if rgb := _RGB.match(word):
        word = f"#{int(rgb[1]) & 255:02x}{int(rgb[2]) & 255:02x}{int(rgb[3]) & 255:02x}"
    if re.fullmatch(r"#[0-9a-f]{3}", word):
        word = "#" + "".join(2 * digit for digit in word[1:])
    if not re.fullmatch(r"#[0-9a-f]{6}", word):
        return None
    return _PAGE if min(int(word[place : place + 2], 16) for place in (1, 3, 5)) >= 0xF8 else word


def hiding_selectors(css: str) -> list[str]:
    """Return the selectors of a style sheet that show nothing, but for those within `@media` and the like."""
    found: list[str] = []
    for selectors, style in _RULE.findall(_COMMENTS.sub("", css)):
        unseen = hides(style) or is_unreadable(ink_of(style), paper_of(style))
        if unseen and "@" not in selectors:
            found.extend(selector.strip() for selector in selectors.split(",") if selector.strip())
    return found


def _tight(style: str) -> str:
    """Return a style in small letters without comments and spaces, so that one way of writing stands for all."""
    bare = " ".join(_COMMENTS.sub("", style).lower().split())
    bare = re.sub(r" ?([:;,(]) ?", r"\1", bare).replace("!important", "")
    return re.sub(r" +(?=[;)]|$)", "", bare.strip())
