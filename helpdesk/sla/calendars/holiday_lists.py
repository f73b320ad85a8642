"""Public holidays by country and subdivision, from the lists that the `holidays` library computes.

The library takes a tenth of a second to load, and as long again to know every country; both are put off until
somebody asks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from typing import TYPE_CHECKING

from helpdesk.errors import Invalid

if TYPE_CHECKING:
    from holidays import HolidayBase

# More in one go is a mistake: holidays of distant years are not decreed yet.
MOST_YEARS = 20
_SMALL_WORDS = {"and", "of", "the"}


class UnknownHolidays(Invalid):
    """There are no public holidays by that name."""


@dataclass(frozen=True)
class HolidayList:
    """The holidays of some years, named, with the words that make the same list again."""

    country: str
    subdivision: str | None
    categories: tuple[str, ...]
    language: str | None
    library: str
    days: Mapping[date, str]


@dataclass(frozen=True)
class CountryName:
    """A country whose holidays are known.

    Attributes:
        code: ISO 3166-1, two letters.
        subdivisions: ISO 3166-2 without the country's part.
    """

    code: str
    name: str
    subdivisions: tuple[str, ...]


@dataclass(frozen=True)
class Subdivision:
    """A part of a country, and what else it may be called."""

    code: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Country:
    """What can be asked of one country."""

    code: str
    name: str
    subdivisions: tuple[Subdivision, ...]
    categories: tuple[str, ...]
    languages: tuple[str, ...]
    first_year: int
    last_year: int


def list_countries() -> list[CountryName]:
    """List the countries whose holidays are known, by code."""
    from holidays import list_supported_countries  # noqa: PLC0415

    subdivisions = list_supported_countries(include_aliases=False)
    return sorted(
        (CountryName(code, name, tuple(subdivisions.get(code, ()))) for code, name in _names().items()),
        key=lambda country: country.code,
    )


def describe_country(country: str) -> Country:
    """Tell what can be asked of a country.

    Raises:
        UnknownHolidays: no such country; the sentence names those there are.
    """
    code = _code_of(country)
    entity = _entity(code)
    aliases: dict[str, list[str]] = {name: [] for name in entity.subdivisions}
    for alias, name in entity.subdivisions_aliases.items():
        aliases.setdefault(name, []).append(alias)
    return Country(
        code=code,
        name=_names()[code],
        subdivisions=tuple(Subdivision(name, tuple(others)) for name, others in aliases.items()),
        categories=tuple(entity.supported_categories),
        languages=tuple(entity.supported_languages),
        first_year=entity.start_year,
        last_year=entity.end_year,
    )


def public_holidays(
    country: str,
    *,
    years: Collection[int],
    subdivision: str | None = None,
    categories: Collection[str] = (),
    language: str | None = None,
) -> HolidayList:
    """List the holidays of a country, or of a part of it, in some years.

    Days that are observed on another weekday are listed on both; a date with two holidays has both names.

    Args:
        country: two or three letters of ISO 3166-1, or the English name.
        subdivision: its code, or a name the country has for it; None takes what holds in the whole country.
        categories: such as `bank` or `half_day`, as the country has them; none takes its public holidays.
        language: of the names; None takes English where there is English.

    Raises:
        UnknownHolidays: one of them is not known; the sentence names the choices.
    """
    from holidays import country_holidays  # noqa: PLC0415

    about = describe_country(country)
    _refuse_years(about, years)
    part = None if subdivision is None else _subdivision_of(about, subdivision)
    kinds = tuple(sorted({_chosen("category", kind, about.categories, about) for kind in categories}))
    words = _language_of(about, language)
    found = country_holidays(
        about.code, subdiv=part, years=sorted(set(years)), categories=kinds or None, language=words
    )
    days = {day: name for day, name in sorted(found.items()) if day.year in years}
    return HolidayList(about.code, part, kinds, words, f"holidays {version('holidays')}", days)


def _names() -> dict[str, str]:
    from holidays.registry import COUNTRIES  # noqa: PLC0415

    return {codes[1]: _title(module) for module, codes in COUNTRIES.items()}


def _title(module: str) -> str:
    return " ".join(word if word in _SMALL_WORDS else word.capitalize() for word in module.split("_"))


def _code_of(country: str) -> str:
    from holidays.registry import COUNTRIES  # noqa: PLC0415

    wanted = country.strip().casefold()
    for module, (_, code, *others) in COUNTRIES.items():
        if wanted in {code.casefold(), _title(module).casefold(), *(other.casefold() for other in others)}:
            return code
    raise UnknownHolidays(f"country: {country!r} is not known; it can be {_one_of(sorted(_names()))}.")


def _entity(code: str) -> type[HolidayBase]:
    import holidays  # noqa: PLC0415

    # An attribute of the module, which loads the country when it is first looked at.
    entity: type[HolidayBase] = getattr(holidays, code).get_entity()
    return entity


def _subdivision_of(about: Country, wanted: str) -> str:
    if not about.subdivisions:
        raise UnknownHolidays(f"subdivision: the holidays of {about.code} are the same everywhere; leave it out.")
    word = wanted.strip()
    for same in (str, str.casefold):
        for part in about.subdivisions:
            if same(word) in {same(name) for name in (part.code, *part.names)}:
                return part.code
    choices = (f"{part.code} ({part.names[0]})" if part.names else part.code for part in about.subdivisions)
    raise UnknownHolidays(f"subdivision: {wanted!r} is not known of {about.code}; it can be {_one_of(choices)}.")


def _language_of(about: Country, wanted: str | None) -> str | None:
    if wanted is not None:
        return _chosen("language", wanted, about.languages, about)
    # Named rather than left to the library, which would go by the server's locale.
    own = _entity(about.code).default_language
    english = sorted((name for name in about.languages if name.startswith("en")), key=lambda name: name != "en_US")
    return own if own is None or own.startswith("en") or not english else english[0]


def _chosen(what: str, wanted: str, choices: Collection[str], about: Country) -> str:
    for choice in choices:
        if choice.casefold() == wanted.strip().casefold():
            return choice
    if not choices:
        raise UnknownHolidays(f"{what}: the holidays of {about.code} have none; leave it out.")
    raise UnknownHolidays(f"{what}: {wanted!r} is not known of {about.code}; it can be {_one_of(choices)}.")


def _refuse_years(about: Country, years: Collection[int]) -> None:
    if not years or len(set(years)) > MOST_YEARS:
        raise UnknownHolidays(f"years: name 1 to {MOST_YEARS} of them.")
    outside = sorted(year for year in years if not about.first_year <= year <= about.last_year)
    if outside:
        first, last = about.first_year, about.last_year
        raise UnknownHolidays(f"years: {outside[0]} is not known of {about.code}; it can be {first} to {last}.")


def _one_of(choices: Iterable[str]) -> str:
    return ", ".join(choices)
