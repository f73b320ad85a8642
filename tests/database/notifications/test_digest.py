"""Bursts, digests and quiet hours, from the notice to the queued mail."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from helpdesk.database.engine import Database
from helpdesk.models.values import NoticeChannel, NoticeKind, NoticeTiming
from helpdesk.notifications.preferences.queries import PersonNotFound
from helpdesk.notifications.preferences.quiet_hours import QuietHours
from helpdesk.settings import Settings
from tests.database.desk import NOW
from tests.database.notifications.notices import EVENING, MINUTE, Desk, furnish

NIGHT = QuietHours.from_json([{"from": "21:00", "to": "07:00"}])
TEN = NOW + 10 * MINUTE


@pytest.fixture
async def desk(database: Database, organization_id: UUID) -> Desk:
    made = await furnish(database, organization_id)
    await made.assign(made.ada)
    return made


async def mailed(desk: Desk) -> list[str]:
    return [job.payload["subject"] for job in await desk.jobs("SEND_EMAIL")]


async def states(desk: Desk) -> list[str]:
    return [f"{row.state} {row.reason or ''}".strip() for row in await desk.told(channel="email")]


async def test_a_burst_is_one_mail_and_one_digest_and_all_of_it_is_in_the_app(desk: Desk) -> None:
    gate = asyncio.Semaphore(4)

    async def warn(number: int) -> None:
        async with gate:
            await desk.tell(now=NOW + timedelta(seconds=number / 10), ticket_id=tickets[number])

    tickets = await desk.tickets(500)
    await asyncio.gather(*(warn(number) for number in range(500)))
    assert len(await desk.names()) == 500
    [first] = await mailed(desk)
    assert first.endswith("VPN drops")
    [digest] = await desk.jobs("SEND_DIGEST")
    assert TEN <= digest.run_after <= TEN + MINUTE
    assert await desk.digest(desk.ada, now=digest.run_after) == 499
    assert await mailed(desk) == [first, "499 tickets about to breach"]
    assert await desk.digest(desk.ada, now=digest.run_after) == 0
    assert sorted(await states(desk)) == ["queued"] + 499 * ["queued burst"]
    assert len({row.digest_id for row in await desk.told(channel="email")}) == 2


async def test_after_a_digest_the_time_to_collect_begins_anew(desk: Desk) -> None:
    for minute in (0, 1, 2):
        await desk.tell(now=NOW + minute * MINUTE)
    await desk.digest(desk.ada, now=TEN)
    await desk.tell(now=TEN + MINUTE)
    assert await states(desk) == ["queued", "queued burst", "queued burst", "pending burst"]
    assert [job.run_after for job in await desk.jobs("SEND_DIGEST")] == [TEN, TEN + 10 * MINUTE]
    await desk.digest(desk.ada, now=TEN + 10 * MINUTE)
    await desk.tell(now=TEN + 21 * MINUTE)
    assert await mailed(desk) == ["[#1] VPN drops", "1 ticket about to breach"] + 2 * ["[#1] VPN drops"]


async def test_what_was_read_or_is_no_longer_wanted_is_left_out(desk: Desk) -> None:
    for key in "abcd":
        await desk.tell(kind="ticket.replied" if key == "d" else "sla.warning", dedupe_key=key)
    await desk.change("UPDATE notifications SET read_at = now() WHERE dedupe_key = 'b'")
    await desk.choose(desk.ada, {NoticeKind.TICKET_REPLIED: {NoticeChannel.EMAIL: NoticeTiming.OFF}})
    assert await desk.digest(desk.ada, now=TEN) == 1
    assert await states(desk) == ["queued", "suppressed read", "queued burst", "suppressed turned_off"]
    # One alone reads as if nothing had been collected.
    assert await mailed(desk) == 2 * ["[#1] VPN drops"]


async def test_a_digest_without_a_reader_or_a_mail_server_is_suppressed(desk: Desk) -> None:
    for _ in range(2):
        await desk.tell()
    assert await desk.digest(desk.ada, now=TEN, settings=Settings()) == 0
    await desk.tell(now=NOW + MINUTE)
    await desk.change("UPDATE users SET active = false")
    assert await desk.digest(desk.ada, now=TEN) == 0
    assert await states(desk) == ["queued", "suppressed no_mail_server", "suppressed inactive"]


async def test_a_digest_in_quiet_hours_tells_what_is_urgent_and_leaves_the_rest_for_the_morning(desk: Desk) -> None:
    morning = EVENING + timedelta(hours=9, minutes=30)
    await desk.choose(desk.ada, timezone="Europe/Vienna", quiet_hours=NIGHT, urgent_in_quiet_hours=True)
    await desk.tell(now=EVENING, kind="sla.breach")
    await desk.tell(now=EVENING + MINUTE, kind="sla.breach")
    await desk.tell(now=EVENING + MINUTE)
    assert [job.run_after for job in await desk.jobs("SEND_DIGEST")] == [EVENING + 10 * MINUTE, morning]
    assert await desk.digest(desk.ada, now=EVENING + 10 * MINUTE) == 1
    assert await states(desk) == ["queued", "queued burst", "pending quiet_hours"]
    assert await desk.digest(desk.ada, now=morning) == 1
    assert len(await desk.jobs("SEND_DIGEST")) == 2


async def test_quiet_hours_chosen_meanwhile_hold_a_digest_back(desk: Desk) -> None:
    for _ in range(2):
        await desk.tell(now=EVENING - 5 * MINUTE)
    await desk.choose(desk.ada, timezone="Europe/Vienna", quiet_hours=NIGHT)
    assert await desk.digest(desk.ada, now=EVENING + 5 * MINUTE) == 0
    morning = EVENING + timedelta(hours=9, minutes=30)
    assert [job.run_after for job in await desk.jobs("SEND_DIGEST")][-1] == morning
    assert await desk.digest(desk.ada, now=morning) == 1


async def test_what_comes_up_while_a_digest_is_made_is_not_lost(desk: Desk) -> None:
    await desk.tell(dedupe_key="first")
    await desk.tell(dedupe_key="second")
    told, sent = await asyncio.gather(
        asyncio.gather(*(desk.tell(now=TEN - MINUTE, dedupe_key=f"late {number}") for number in range(20))),
        desk.digest(desk.ada, now=TEN),
    )
    assert sum(told) == 20
    waiting = await desk.told(state="pending")
    assert sent + len(waiting) == 21
    due = {job.run_after for job in await desk.jobs("SEND_DIGEST")}
    assert {row.send_after for row in waiting} <= due


async def test_people_who_share_notices_are_told_by_many_workers_without_a_deadlock(desk: Desk) -> None:
    for name in ("kim", "lee", "mia"):
        await desk.user(name, in_team=True)
    told = await asyncio.gather(*(desk.tell(who=("team",), dedupe_key=f"{n % 10}") for n in range(30)))
    assert sum(told) == 40
    assert len(await desk.names()) == 40
    assert len(await desk.jobs("SEND_EMAIL")) == 4


async def test_a_digest_for_somebody_who_is_gone_is_refused(desk: Desk) -> None:
    kim = await desk.user("kim")
    await desk.change("DELETE FROM users WHERE id = :user", user=kim)
    with pytest.raises(PersonNotFound):
        await desk.digest(kim, now=TEN)
