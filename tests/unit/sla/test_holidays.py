import os
import subprocess
import sys
from datetime import date

import pytest

from helpdesk.sla.calendars.holiday_exceptions import FoundHolidays, HolidayRequest, find_holidays, with_holidays
from helpdesk.sla.calendars.holiday_lists import (
    HolidayList,
    UnknownHolidays,
    describe_country,
    list_countries,
    public_holidays,
)
from tests.conftest import REPOSITORY

CHRISTMAS = date(2026, 12, 25)


def names(country, **more):
    return public_holidays(country, **({"years": [2026]} | more)).days


def a_list(days, country="AT"):
    return HolidayList(country, None, (), "en_US", "holidays 1", days)


class TestLists:
    def test_a_subdivision_has_days_that_the_country_has_not(self):
        assert date(2026, 8, 15) not in names("DE")
        assert names("DE", subdivision="SL")[date(2026, 8, 15)] == "Assumption Day"
        assert date(2026, 8, 15) not in names("DE", subdivision="BE")

    @pytest.mark.parametrize("country", ["AT", "at", "AUT", "Austria", " austria "])
    def test_a_country_goes_by_its_codes_and_its_name(self, country):
        assert public_holidays(country, years=[2026]).country == "AT"

    @pytest.mark.parametrize("subdivision", ["9", "Wien", "wien", "W"])
    def test_a_subdivision_goes_by_its_code_and_its_names(self, subdivision):
        assert public_holidays("AT", years=[2026], subdivision=subdivision).subdivision == "9"

    def test_other_categories_have_other_days(self):
        assert date(2026, 12, 24) not in names("AT")
        assert names("AT", categories=["bank"])[date(2026, 12, 24)] == "Christmas Eve"
        assert CHRISTMAS in names("AT", categories=["public", "bank"])

    def test_names_come_in_the_language_asked_for(self):
        assert names("AT", language="de")[date(2026, 1, 1)] == "Neujahr"
        assert names("FR", language="fr")[CHRISTMAS] == "Noël"

    def test_names_are_english_whatever_the_locale_of_the_server(self):
        program = (
            "from helpdesk.sla.calendars.holiday_lists import public_holidays as listed; "
            "print(*listed('AT', years=[2026]).days.values())"
        )
        for locale in ("de_AT.UTF-8", "C"):
            ran = subprocess.run(
                [sys.executable, "-c", program],
                cwd=REPOSITORY,
                env=os.environ | {"LANG": locale, "LANGUAGE": locale[:2], "LC_ALL": locale},
                capture_output=True,
                text=True,
                check=True,
            )
            assert "Epiphany" in ran.stdout

    def test_a_day_off_for_a_holiday_on_a_weekend_is_listed(self):
        assert names("GB", subdivision="ENG")[date(2026, 12, 28)] == "Boxing Day (observed)"

    def test_only_the_years_asked_for_are_listed(self):
        assert {day.year for day in public_holidays("US", years=[2022, 2027]).days} == {2022, 2027}

    def test_the_list_says_what_made_it(self):
        found = public_holidays("aut", years=[2026], subdivision="Wien", categories=["public"])
        assert (found.country, found.subdivision, found.categories, found.language) == ("AT", "9", ("public",), "en_US")
        assert found.library.startswith("holidays ")

    def test_every_country_can_be_listed_and_described(self):
        countries = list_countries()
        assert len(countries) > 200
        for country in countries:
            about = describe_country(country.code)
            assert (about.code, about.name) == (country.code, country.name)
            assert tuple(part.code for part in about.subdivisions) == country.subdivisions
            year = min(2026, about.last_year)
            assert all(day.year == year for day in public_holidays(country.code, years=[year]).days)

    @pytest.mark.parametrize(
        ("asked", "sentence"),
        [
            ({"country": "XX"}, r"country: 'XX' is not known; it can be AD, AE, .*, ZW\."),
            ({"country": ""}, r"country: '' is not known"),
            ({"subdivision": "99"}, r"subdivision: '99' is not known of AT; it can be 1 \(Burgenland\), 2"),
            ({"country": "CN", "subdivision": "1"}, r"subdivision: the holidays of CN are the same everywhere"),
            ({"categories": ["feast"]}, r"category: 'feast' is not known of AT; it can be bank, protestant, public"),
            ({"language": "fr"}, r"language: 'fr' is not known of AT; it can be de, en_US"),
            ({"years": [1900]}, r"years: 1900 is not known of AT; it can be 1934 to 2100\."),
            ({"years": []}, r"years: name 1 to 20 of them\."),
            ({"years": range(2000, 2021)}, r"years: name 1 to 20 of them\."),
        ],
    )
    def test_what_is_not_known_is_refused_with_the_choices(self, asked, sentence):
        with pytest.raises(UnknownHolidays, match=sentence):
            public_holidays(**({"country": "AT", "years": [2026]} | asked))

    def test_the_library_is_not_loaded_before_it_is_needed(self):
        program = "import sys, api.app, helpdesk.sla.calendars.commands; sys.exit('holidays' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=False).returncode == 0


class TestExceptions:
    def test_days_become_closed_exceptions_with_a_name_and_where_it_is_from(self):
        merged = with_holidays({"timezone": "UTC"}, [FoundHolidays(a_list({CHRISTMAS: "Christmas Day"}))])
        assert merged.definition["exceptions"] == {"2026-12-25": []}
        origin = merged.definition["holidays"]["2026-12-25"]
        assert (origin["name"], origin["country"], origin["library"]) == ("Christmas Day", "AT", "holidays 1")
        assert (merged.added, merged.kept) == ((CHRISTMAS,), ())

    def test_an_exception_set_by_hand_wins(self):
        own = {"timezone": "UTC", "exceptions": {"2026-12-25": [["10:00", "11:00"]]}}
        merged = with_holidays(own, [FoundHolidays(a_list({CHRISTMAS: "Christmas Day"}))])
        assert merged.definition == own | {"holidays": {}}
        assert (merged.added, merged.kept) == ((), (CHRISTMAS,))

    def test_the_first_of_two_lists_wins(self):
        lists = [
            FoundHolidays(a_list({CHRISTMAS: "Christmas Day"})),
            FoundHolidays(a_list({CHRISTMAS: "Weihnachten"}, "DE"), hours=[["08:00", "12:00"]]),
        ]
        merged = with_holidays({}, lists)
        assert merged.definition["exceptions"] == {"2026-12-25": []}
        assert merged.definition["holidays"]["2026-12-25"]["country"] == "AT"
        assert (merged.added, merged.kept) == ((CHRISTMAS,), ())

    def test_half_days_have_hours_and_days_to_skip_stay_as_they_are(self):
        days = {date(2026, 12, 24): "Christmas Eve", CHRISTMAS: "Christmas Day"}
        found = FoundHolidays(a_list(days), hours=[["08:00", "12:00"]], skip=frozenset({CHRISTMAS}))
        merged = with_holidays({}, [found])
        assert merged.definition["exceptions"] == {"2026-12-24": [["08:00", "12:00"]]}
        assert merged.kept == ()

    def test_what_was_given_is_not_changed(self):
        own = {"exceptions": {}, "holidays": {}}
        with_holidays(own, [FoundHolidays(a_list({CHRISTMAS: "Christmas Day"}))])
        assert own == {"exceptions": {}, "holidays": {}}

    def test_requests_are_looked_up_in_order(self):
        first, second = find_holidays(
            [
                HolidayRequest("GR", [2026], categories=["half_day"], hours=[("08:00", "12:00")]),
                HolidayRequest("AT", [2026], subdivision="9"),
            ]
        )
        assert list(first.found.days) == [date(2026, 12, 24), date(2026, 12, 31)]
        assert first.hours == [["08:00", "12:00"]]
        assert second.found.subdivision == "9"
