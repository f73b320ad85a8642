"""How people are told: as they chose, each by each channel once."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from pydantic import SecretStr

from helpdesk.database.engine import Database
from helpdesk.models.values import Audience, NoticeChannel, NoticeKind, NoticeTiming
from helpdesk.notifications.commands import NotificationNotFound
from helpdesk.notifications.preferences.choices import InvalidPreferences
from helpdesk.notifications.preferences.commands import UnknownTimeZone
from helpdesk.notifications.preferences.quiet_hours import QuietHours
from helpdesk.settings import Settings
from tests.database.desk import NOW
from tests.database.notifications.notices import EVENING, MINUTE, WITH_MAIL, Desk, furnish

EMAIL, IN_APP = NoticeChannel.EMAIL, NoticeChannel.IN_APP
OFF, DIGEST = NoticeTiming.OFF, NoticeTiming.DIGEST


@pytest.fixture
async def desk(database: Database, organization_id: UUID) -> Desk:
    made = await furnish(database, organization_id)
    await made.assign(made.ada)
    return made


async def outcomes(desk: Desk, channel: NoticeChannel = EMAIL) -> list[tuple[str, str | None]]:
    return [(row.state, row.reason) for row in await desk.told(channel=channel)]


async def test_whoever_has_not_chosen_is_told_in_the_app_and_by_mail_at_once(desk: Desk) -> None:
    assert await desk.tell(data={"due_at": "2026-03-03T13:00:00+00:00"}) == 1
    in_app, mail = await desk.told()
    assert (in_app.channel, in_app.state, in_app.sent_at) == ("in_app", "sent", NOW)
    assert (mail.channel, mail.state, mail.told_as) == ("email", "queued", ["assignee"])
    [job] = await desk.jobs("SEND_EMAIL")
    assert mail.job_id == job.id
    payload = job.payload
    assert payload["to"] == ["agent@desk.example"]
    assert payload["subject"] == "[#1] VPN drops"
    assert payload["in_reply_to"] == f"<ticket-{desk.ticket_id}@example.org>" == payload["references"][0]
    assert payload["list_id"].endswith(".tickets.example.org")
    assert "Due: Tue 3 Mar 2026, 13:00 UTC" in payload["text"]


async def test_a_notice_is_told_once_however_often_and_by_however_many_at_a_time(desk: Desk) -> None:
    told = await asyncio.gather(*(desk.tell(dedupe_key="one") for _ in range(8)))
    assert sorted(told) == [0] * 7 + [1]
    assert len(await desk.told()) == 2
    assert await desk.names() == ["Ada"]
    assert len(await desk.jobs("SEND_EMAIL")) == 1


async def test_each_kind_is_told_by_the_channels_that_were_chosen(desk: Desk) -> None:
    await desk.choose(
        desk.ada,
        {NoticeKind.SLA_WARNING: {EMAIL: OFF}, NoticeKind.TICKET_ASSIGNED: {IN_APP: OFF, EMAIL: OFF}},
    )
    assert await desk.tell() == 1
    assert await desk.tell(kind="ticket.assigned") == 0
    assert await desk.tell(kind="sla.breach") == 1
    off = ("suppressed", "turned_off")
    assert await outcomes(desk) == [off, off, ("queued", None)]
    assert await outcomes(desk, IN_APP) == [("sent", None), off, ("sent", None)]


async def test_without_a_mail_server_people_are_told_in_the_app_and_nothing_fails(desk: Desk) -> None:
    assert await desk.tell(settings=Settings()) == 1
    assert await outcomes(desk) == [("suppressed", "no_mail_server")]
    assert await desk.names() == ["Ada"]
    assert await desk.jobs("SEND_EMAIL") == await desk.jobs("SEND_DIGEST") == []


async def test_an_address_that_is_none_keeps_nobody_else_from_being_told(desk: Desk) -> None:
    kim = await desk.user("kim")
    await desk.watch(kim)
    await desk.change("UPDATE users SET email = 'a,b@desk.example' WHERE id = :user", user=desk.ada)
    assert await desk.tell(who=(Audience.ASSIGNEE, Audience.WATCHERS)) == 2
    assert sorted(await outcomes(desk), key=str) == [("queued", None), ("suppressed", "no_address")]


async def test_a_kind_for_digests_is_collected_and_goes_out_together(desk: Desk) -> None:
    await desk.choose(desk.ada, {NoticeKind.SLA_WARNING: {EMAIL: DIGEST}}, digest_minutes=30)
    for minute in range(3):
        await desk.tell(now=NOW + minute * MINUTE)
    assert await outcomes(desk) == 3 * [("pending", "digest")]
    assert {row.send_after for row in await desk.told(channel=EMAIL)} == {NOW + 30 * MINUTE}
    [job] = await desk.jobs("SEND_DIGEST")
    assert (job.run_after, job.payload) == (NOW + 30 * MINUTE, {"user_id": str(desk.ada)})


async def test_mail_waits_for_the_end_of_quiet_hours_in_the_users_zone(desk: Desk) -> None:
    await desk.choose(
        desk.ada,
        timezone="Europe/Vienna",
        quiet_hours=QuietHours.from_json([{"from": "21:00", "to": "07:00"}]),
        urgent_in_quiet_hours=True,
    )
    await desk.tell(now=EVENING)
    await desk.tell(now=EVENING, kind="sla.breach")
    held, urgent = await desk.told(channel=EMAIL)
    assert (held.state, held.reason) == ("pending", "quiet_hours")
    assert held.send_after is not None
    assert held.send_after.isoformat() == "2026-03-04T06:00:00+00:00"
    assert urgent.state == "queued"
    assert await desk.names() == ["Ada", "Ada"]


async def test_a_zone_nobody_knows_is_refused_and_one_in_the_table_keeps_nobody_from_being_told(desk: Desk) -> None:
    with pytest.raises(UnknownTimeZone):
        await desk.choose(desk.ada, timezone="Mars/Olympus")
    with pytest.raises(InvalidPreferences):
        await desk.choose(desk.ada, digest_minutes=4)
    await desk.change("UPDATE users SET timezone = '../nowhere'")
    assert await desk.tell() == 1


async def test_a_mail_quotes_the_message_it_is_about(desk: Desk) -> None:
    async with desk.database.transaction(desk.organization_id) as session:
        from sqlalchemy import text

        message = (await session.execute(text("SELECT id FROM messages"))).scalar_one()
    await desk.tell(kind="ticket.replied", data={"message_id": str(message)})
    await desk.tell(kind="ticket.replied", data={"message_id": "none"}, now=NOW + 20 * MINUTE)
    quoting, plain = await desk.jobs("SEND_EMAIL")
    assert "> Since this morning the VPN drops" in quoting.payload["text"]
    assert ">" not in plain.payload["text"]


async def test_a_ticket_that_is_gone_has_nothing_to_tell(desk: Desk) -> None:
    await desk.change("DELETE FROM tickets")
    with pytest.raises(NotificationNotFound):
        await desk.tell()


async def test_links_lead_to_the_address_that_is_set(desk: Desk) -> None:
    settings = WITH_MAIL.model_copy(
        update={"public_url": "https://desk.example", "smtp_url": SecretStr("smtp://127.0.0.1:9")}
    )
    await desk.tell(settings=settings)
    [job] = await desk.jobs("SEND_EMAIL")
    assert "https://desk.example/tickets/1" in job.payload["text"]
