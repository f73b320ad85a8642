"""What calendars do next, and the public holidays they take, over HTTP."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest

from tests.conftest import REPOSITORY

PATH = "/api/v1/calendars"
DAYS = ("mon", "tue", "wed", "thu", "fri")
OFFICE: dict[str, Any] = {
    "name": "office",
    "timezone": "Europe/Vienna",
    "weekly": {day: [["09:00", "17:00"]] for day in DAYS},
}
VIENNA = {"country": "AT", "subdivision": "9", "years": [2026, 2027]}


async def made(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await client.post(PATH, json=OFFICE | changes)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_holidays_are_listed_before_they_are_stored(client: httpx.AsyncClient) -> None:
    calendar = await made(client, exceptions={"2026-12-25": [["10:00", "11:00"]]})
    answer = await client.get(
        f"{PATH}/holidays",
        params={"country": "at", "subdivision": "Wien", "years": "2026,2027", "calendar_id": calendar["id"]},
    )
    found = answer.json()
    german = await client.get(f"{PATH}/holidays", params={"country": "AT", "years": ["2026"], "language": "de"})
    usual = (await client.get(f"{PATH}/holidays", params={"country": "AT"})).json()

    assert answer.status_code == 200
    assert (found["country"], found["subdivision"], found["language"]) == ("AT", "9", "en_US")
    assert len(found["holidays"]) == 26
    assert found["holidays"][0] == {"date": "2026-01-01", "name": "New Year's Day", "exception": None}
    assert {"date": "2026-12-25", "name": "Christmas Day", "exception": [["10:00", "11:00"]]} in found["holidays"]
    assert german.json()["holidays"][0]["name"] == "Neujahr"
    assert len({day["date"][:4] for day in usual["holidays"]}) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"country": "Atlantis"}, "country: 'Atlantis' is not known; it can be AD, AE"),
        ({"subdivision": "12"}, "it can be 1 (Burgenland), 2 (Kärnten)"),
        ({"categories": "bank,feast"}, "category: 'feast' is not known of AT; it can be bank, protestant, public"),
        ({"language": "fr"}, "language: 'fr' is not known of AT; it can be de, en_US"),
        ({"years": "2500"}, "years: 2500 is not known of AT; it can be 1934 to 2100"),
        ({"years": "next"}, "years: write them like 2026,2027"),
        ({"years": ",".join(map(str, range(2000, 2030)))}, "years: name 1 to 20 of them"),
    ],
)
async def test_holidays_that_are_not_known_are_refused_with_the_choices(
    client: httpx.AsyncClient, changes: dict[str, str], words: str
) -> None:
    refused = await client.get(f"{PATH}/holidays", params={"country": "AT", "years": "2026"} | changes)
    assert refused.status_code == 422
    assert words in refused.json()["detail"]


async def test_countries_and_what_they_can_be_asked_by_are_listed(client: httpx.AsyncClient) -> None:
    countries = (await client.get(f"{PATH}/holidays/countries")).json()
    austria = (await client.get(f"{PATH}/holidays/countries/AT")).json()
    assert len(countries) > 200
    assert {"code": "GB", "name": "United Kingdom", "subdivisions": ["ENG", "NIR", "SCT", "WLS"]} in countries
    assert {"code": "9", "names": ["Wien", "W"]} in austria["subdivisions"]
    assert "bank" in austria["categories"]
    assert "de" in austria["languages"]
    assert (await client.get(f"{PATH}/holidays/countries/XX")).status_code == 422


async def test_holidays_become_exceptions_and_what_was_set_by_hand_wins(client: httpx.AsyncClient) -> None:
    calendar = await made(client, exceptions={"2026-12-25": [["10:00", "11:00"]]})
    path = f"{PATH}/{calendar['id']}"
    stored = await client.post(f"{path}/holidays", json=VIENNA | {"skip": ["2026-12-26"], "note": "Vienna"})
    again = await client.post(f"{path}/holidays", json=VIENNA | {"skip": ["2026-12-26"]})
    body = stored.json()
    names = {day["date"]: day for day in body["calendar"]["holidays"]}

    assert (stored.status_code, stored.headers["etag"]) == (200, '"v2"')
    assert len(body["added"]) == 24
    assert body["kept"] == ["2026-12-25"]
    assert body["calendar"]["note"] == "Vienna"
    assert body["calendar"]["exceptions"]["2026-12-25"] == [["10:00", "11:00"]]
    assert body["calendar"]["exceptions"]["2027-05-06"] == []
    assert "2026-12-26" not in body["calendar"]["exceptions"]
    assert names["2027-05-06"]["name"] == "Ascension Day"
    assert (names["2027-05-06"]["country"], names["2027-05-06"]["subdivision"]) == ("AT", "9")
    assert names["2027-05-06"]["library"].startswith("holidays 0.")
    assert "2026-12-25" not in names
    assert (again.json()["added"], len(again.json()["kept"]), again.headers["etag"]) == ([], 25, '"v2"')
    assert (await client.post(f"{path}/holidays", json=VIENNA, headers={"If-Match": '"v1"'})).status_code == 412


async def test_a_calendar_is_made_and_changed_with_holidays_of_full_and_half_days(client: httpx.AsyncClient) -> None:
    half = {"country": "GR", "years": [2026], "categories": ["half_day"], "hours": [["08:00", "12:00"]]}
    calendar = await made(client, holidays=[{"country": "GR", "years": [2026]}, half])
    path = f"{PATH}/{calendar['id']}"
    changed = (
        await client.patch(path, json={"holidays": [{"country": "DE", "subdivision": "BY", "years": [2027]}]})
    ).json()
    exceptions = changed["exceptions"]
    without = {day: own for day, own in exceptions.items() if day != "2026-10-28"} | {"2026-12-24": []}
    edited = (await client.patch(path, json={"exceptions": without})).json()

    assert calendar["exceptions"]["2026-10-28"] == []
    assert calendar["exceptions"]["2026-12-24"] == [["08:00", "12:00"]]
    assert exceptions["2027-11-01"] == []
    assert exceptions["2026-10-28"] == []
    assert {day["date"]: day["country"] for day in changed["holidays"]}["2027-11-01"] == "DE"
    names = {day["date"]: day["name"] for day in edited["holidays"]}
    assert "2026-10-28" not in names
    assert edited["exceptions"]["2026-12-24"] == []
    assert names["2026-12-24"] == "Christmas Eve"


async def test_a_preview_shows_the_next_openings_and_what_makes_them(client: httpx.AsyncClient) -> None:
    calendar = await made(
        client,
        weekly=OFFICE["weekly"] | {"fri": [["09:00", "17:00"], ["22:00", "02:00"]]},
        exceptions={"2026-12-24": [["09:00", "12:00"]]},
        holidays=[{"country": "AT", "years": [2026]}],
    )
    shown = await client.get(
        f"{PATH}/{calendar['id']}/preview", params={"from": "2026-12-23T15:00:00+01:00", "days": 6}
    )
    body = shown.json()

    assert (shown.status_code, body["from"], body["until"]) == (200, "2026-12-23T14:00:00Z", "2026-12-29T14:00:00Z")
    assert body["open_at_start"] is True
    assert [opening["opens_local"] for opening in body["openings"]] == [
        "2026-12-23T09:00:00+01:00",
        "2026-12-24T09:00:00+01:00",
        "2026-12-28T09:00:00+01:00",
        "2026-12-29T09:00:00+01:00",
    ]
    assert body["openings"][1] == {
        "opens_at": "2026-12-24T08:00:00Z",
        "closes_at": "2026-12-24T11:00:00Z",
        "opens_local": "2026-12-24T09:00:00+01:00",
        "closes_local": "2026-12-24T12:00:00+01:00",
        "made_by": [{"reason": "exception", "date": "2026-12-24", "window": ["09:00", "12:00"], "holiday": None}],
    }
    assert body["exceptions"] == [
        {"date": "2026-12-24", "windows": [["09:00", "12:00"]], "holiday": None},
        {"date": "2026-12-25", "windows": [], "holiday": "Christmas Day"},
        {"date": "2026-12-26", "windows": [], "holiday": "Saint Stephen's Day"},
    ]
    assert body["open_s"] == (2 + 3 + 8 + 6) * 3600


async def test_a_preview_counts_openings_over_a_change_of_clocks_and_shows_older_versions(
    client: httpx.AsyncClient,
) -> None:
    path = f"{PATH}/{(await made(client))['id']}"
    await client.patch(path, json={"timezone": "UTC"})
    asked = {"from": "2026-03-27T12:00:00Z", "count": 2}
    before = (await client.get(f"{path}/preview", params=asked | {"version": 1})).json()["openings"]
    after = (await client.get(f"{path}/preview", params=asked)).json()["openings"]
    assert [opening["opens_at"] for opening in before] == ["2026-03-27T08:00:00Z", "2026-03-30T07:00:00Z"]
    assert [opening["opens_local"][-6:] for opening in before] == ["+01:00", "+02:00"]
    assert [opening["opens_at"] for opening in after] == ["2026-03-27T09:00:00Z", "2026-03-30T09:00:00Z"]


async def test_hours_are_tried_without_being_stored(client: httpx.AsyncClient) -> None:
    hours = {key: value for key, value in OFFICE.items() if key != "name"}
    tried = await client.post(
        f"{PATH}/preview",
        params={"from": "2026-12-24T16:30:00Z", "count": 1},
        json=hours | {"holidays": [{"country": "AT", "years": [2026]}]},
    )
    always = await client.post(f"{PATH}/preview", json={"timezone": "UTC", "always_open": True})
    never = await client.post(f"{PATH}/preview", json={"timezone": "UTC"})

    assert [opening["opens_at"] for opening in tried.json()["openings"]] == ["2026-12-28T08:00:00Z"]
    assert [day["holiday"] for day in tried.json()["exceptions"]] == ["Christmas Day", "Saint Stephen's Day"]
    assert always.json()["openings"] == [
        {
            "opens_at": None,
            "closes_at": None,
            "opens_local": None,
            "closes_local": None,
            "made_by": [{"reason": "always_open", "date": None, "window": [], "holiday": None}],
        }
    ]
    assert (never.status_code, never.json()["type"]) == (422, "/problems/calendar-never-open")
    assert (await client.get(PATH)).json()["items"] == []


@pytest.mark.parametrize(
    "asked", [{"from": "2026-03-27"}, {"from": "0001-01-01T00:00:00Z"}, {"days": 0}, {"days": 401}, {"count": 201}]
)
async def test_a_preview_of_a_time_out_of_reach_is_refused(client: httpx.AsyncClient, asked: dict[str, Any]) -> None:
    path = f"{PATH}/{(await made(client))['id']}"
    assert (await client.get(f"{path}/preview", params=asked)).status_code == 422


async def test_the_examples_of_the_manual_work(client: httpx.AsyncClient) -> None:
    manual = (REPOSITORY / "docs/calendars.md").read_text("utf-8")
    blocks = dict(
        block.split("\n", 1)
        for block in re.findall(r"^```\n(.+?)\n```$", manual, re.DOTALL | re.MULTILINE)
        if "\n" in block
    )
    calendar = await client.post(PATH, json=json.loads(blocks["POST /api/v1/calendars"]))
    where = calendar.headers["location"]
    holidays = await client.post(f"{where}/holidays", json=json.loads(blocks["POST /api/v1/calendars/{id}/holidays"]))
    [shown] = re.findall(r"^GET .+/preview(\?.+)$", manual, re.MULTILINE)
    preview = await client.get(f"{where}/preview{shown}")

    assert (calendar.status_code, holidays.status_code, preview.status_code) == (201, 200, 200)
    assert holidays.json()["added"] == []
    assert len(preview.json()["openings"]) == 3
