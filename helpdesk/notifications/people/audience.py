"""Whom a notice is for: the people behind its audiences, each of them once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.values import Audience, NoticeKind
from helpdesk.queue.catalog import DeliverNotification


class ToldAs(StrEnum):
    """As what somebody is told."""

    ASSIGNEE = "assignee"
    TEAM_LEAD = "team_lead"
    TEAM = "team"
    LEADS = "leads"
    WATCHERS = "watchers"
    NAMED = "named"


Told: TypeAlias = dict[UUID, list[ToldAs]]

# A clock that nobody hears is of no use; other notices concern those they are for, or nobody.
_FOR_SOMEBODY = {NoticeKind.SLA_WARNING, NoticeKind.SLA_BREACH}
# What is named to nobody, or only to people who are gone, is for those who lead the desk.
_FOR_LEADS = {NoticeKind.ARTICLE_REVIEW_DUE, NoticeKind.ARTICLE_REVIEW_REQUESTED}
# Who is told where nobody else is.
_CHAIN = (ToldAs.ASSIGNEE, ToldAs.TEAM_LEAD, ToldAs.TEAM, ToldAs.LEADS)

# All that may be asked for, in one statement: who is behind an empty audience is needed as well.
_PEOPLE = text("""
    WITH ticket AS (
        SELECT id, assignee_id, team_id FROM tickets WHERE organization_id = :organization_id AND id = :ticket_id)
    SELECT concerned.told_as, person.id
      FROM (SELECT 'assignee' AS told_as, assignee_id AS user_id FROM ticket
            UNION ALL
            SELECT 'team_lead', team.lead_id FROM ticket JOIN teams AS team ON team.id = ticket.team_id
            UNION ALL
            SELECT 'team', member.user_id FROM ticket JOIN team_members AS member ON member.team_id = ticket.team_id
            UNION ALL
            SELECT 'watchers', watcher.user_id
              FROM ticket JOIN ticket_watchers AS watcher ON watcher.ticket_id = ticket.id
            UNION ALL
            SELECT 'named', unnest(CAST(:user_ids AS uuid[]))) AS concerned
      JOIN users AS person ON person.id = concerned.user_id
     WHERE person.organization_id = :organization_id AND person.active
     ORDER BY person.id
""")
_LEADS = text("""
    SELECT id FROM users
     WHERE organization_id = :organization_id AND active AND role IN ('lead', 'admin') ORDER BY id
""")


async def people_for(session: AsyncSession, *, organization_id: UUID, notice: DeliverNotification) -> Told:
    """Return the active users whom a notice is for, each once with all that they are to the ticket.

    Where an audience of a warning or a breach is empty, the next in this order stands in for it: the assignee, the lead
    of the ticket's team, the team, those who lead the desk. Nobody stands in for watchers. Those who lead the desk also
    hear of an article that waits for somebody who is not there.
    """
    scope = {"organization_id": organization_id}
    rows = await session.execute(_PEOPLE, scope | {"ticket_id": notice.ticket_id, "user_ids": list(notice.user_ids)})
    found: dict[ToldAs, list[UUID]] = {}
    for told_as, user_id in rows:
        found.setdefault(ToldAs(told_as), []).append(user_id)
    wanted = [ToldAs(audience) for audience in notice.who if audience is not Audience.CHANNEL]
    if notice.user_ids:
        wanted.append(ToldAs.NAMED)
    if notice.kind in _FOR_SOMEBODY:
        wanted = standing_in(wanted, found)
    if notice.kind in _FOR_LEADS and not found.get(ToldAs.NAMED):
        wanted = [ToldAs.LEADS]
    if ToldAs.LEADS in wanted:
        found[ToldAs.LEADS] = list(await session.scalars(_LEADS, scope))
    return _each_once(wanted, found)


def standing_in(wanted: Sequence[ToldAs], found: Mapping[ToldAs, Collection[UUID]]) -> list[ToldAs]:
    """Return the audiences with the empty ones replaced by those that stand in for them; the last is always there."""
    return [_first_there(audience, found) if audience in _CHAIN else audience for audience in wanted]


def _first_there(audience: ToldAs, found: Mapping[ToldAs, Collection[UUID]]) -> ToldAs:
    rest = _CHAIN[_CHAIN.index(audience) :]
    return next((each for each in rest if found.get(each)), ToldAs.LEADS)


def _each_once(wanted: Sequence[ToldAs], found: Mapping[ToldAs, Sequence[UUID]]) -> Told:
    told: Told = {}
    for audience in dict.fromkeys(wanted):
        for user_id in found.get(audience, ()):
            told.setdefault(user_id, []).append(audience)
    return told
