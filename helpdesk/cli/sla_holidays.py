"""Public holidays on the terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from helpdesk.sla.calendars.holiday_lists import describe_country, public_holidays


def print_holidays(
    country: str,
    *,
    subdivision: str | None,
    years: Sequence[int],
    categories: Sequence[str],
    language: str | None,
    as_json: bool,
) -> None:
    """Print the holidays of some years, of this one and the next when none is named."""
    this_year = datetime.now(UTC).year
    found = public_holidays(
        country,
        years=years or [this_year, this_year + 1],
        subdivision=subdivision,
        categories=categories,
        language=language,
    )
    if as_json:
        print(json.dumps({day.isoformat(): name for day, name in found.days.items()}, indent=2, ensure_ascii=False))
        return
    for day, name in found.days.items():
        print(f"{day:%a} {day}  {name}")
    print(f"{len(found.days)} days, by {found.library}")


def print_choices(country: str) -> None:
    """Print what the holidays of a country can be asked by."""
    about = describe_country(country)
    print(f"{about.code} {about.name}: {about.first_year} to {about.last_year}")
    print(f"categories: {', '.join(about.categories)}")
    print(f"languages: {', '.join(about.languages) or 'its own only'}")
    for part in about.subdivisions:
        print(f"  {part.code}  {', '.join(part.names)}".rstrip())
