"""Import tickets: open ones go through the whole pipeline, past ones into the index."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.models.tickets import Ticket
from helpdesk.models.values import AuthorKind, MessageVisibility, SourceType, TicketStatus
from helpdesk.settings import Settings
from helpdesk.tickets.commands import change_status, note, open_ticket, reply
from helpdesk.tickets.history import PastMessage, PastMove, PastTicket, add_past_ticket
from helpdesk.tickets.requests import Actor, NewTicket
from helpdesk.transfer.directory import Directory, add_categories, read_directory
from helpdesk.transfer.index_order import index_after_others
from helpdesk.transfer.outcome import Outcome, Tally
from helpdesk.transfer.rows import Row
from helpdesk.transfer.ticket_rows import TicketReader, TicketRow

# Somebody outside wrote it, even where the row does not say who.
_SOMEBODY = Actor(AuthorKind.CUSTOMER)
_AN_AGENT = Actor(AuthorKind.AGENT)


class _About(TypedDict):
    """What every command on a ticket takes."""

    organization_id: UUID
    ticket_id: UUID
    actor: Actor
    now: datetime


@dataclass
class TicketWork:
    """Takes tickets over.

    Attributes:
        now: when the import began (UTC); a row without a time is opened then.
        create_categories: whether categories that rows name are made where they are missing.
    """

    organization_id: UUID
    reader: TicketReader
    settings: Settings
    now: datetime
    create_categories: bool = False
    _directory: Directory = field(default_factory=lambda: Directory({}, {}))
    _present: set[str] = field(default_factory=set)
    _opened: list[UUID] = field(default_factory=list)
    _tally: Tally = field(default_factory=Tally)

    def read(self, row: Row) -> TicketRow:
        """Return the ticket of a row, or raise RowRefused."""
        return self.reader.read(row)

    async def begin(self, session: AsyncSession, items: list[TicketRow], *, dry_run: bool, tally: Tally) -> None:
        """Look up categories, teams and the tickets that are here already."""
        self._opened = []
        self._tally = tally
        self._directory = await read_directory(session, organization_id=self.organization_id)
        found = await session.scalars(
            select(Ticket.external_id).where(
                Ticket.organization_id == self.organization_id,
                Ticket.external_id.in_([item.external_id for item in items]),
            )
        )
        self._present = {name for name in found if name is not None}
        if self.create_categories:
            await add_categories(
                session,
                organization_id=self.organization_id,
                names=[item.category for item in items if item.external_id not in self._present],
                directory=self._directory,
                dry_run=dry_run,
                made=tally.new_categories,
            )

    async def judge(self, session: AsyncSession, item: TicketRow) -> Outcome:  # noqa: ARG002
        """Skip a ticket that is here already; raise RowRefused for a team that is not."""
        if item.external_id in self._present:
            return Outcome.SKIPPED
        if item.new.team is not None:
            self._directory.team(item.new.team)
        if item.category and not self.create_categories and self._directory.category(item.category) is None:
            self._tally.unknown_categories[item.category] += 1
        return Outcome.CREATED

    async def write(self, session: AsyncSession, item: TicketRow) -> None:
        """Open the ticket, or store it as history when it is over."""
        new = self._complete(item)
        if item.is_past:
            await add_past_ticket(session, organization_id=self.organization_id, past=self._past(item, new))
            return
        opened_at = item.opened_at or self.now
        ticket = await open_ticket(
            session,
            organization_id=self.organization_id,
            new=new,
            actor=_SOMEBODY,
            now=opened_at,
            settings=self.settings,
        )
        steps: list[PastMessage | PastMove] = [*item.exported.messages, *item.exported.moves]
        for step in sorted(steps, key=lambda step: step.at):
            await self._retell(session, ticket.id, step)
        if item.status is not TicketStatus.NEW:
            ended_at = max((step.at for step in steps), default=opened_at)
            await self._retell(session, ticket.id, PastMove(ended_at, item.status))
        self._opened.append(ticket.id)

    async def end(self, session: AsyncSession) -> None:
        """Let the opened tickets wait behind fresh ones in the index."""
        await index_after_others(
            session,
            organization_id=self.organization_id,
            source_type=SourceType.TICKET,
            source_ids=self._opened,
        )

    async def _retell(self, session: AsyncSession, ticket_id: UUID, step: PastMessage | PastMove) -> None:
        """Have something happen on an open ticket that happened on it elsewhere."""
        about: _About = {
            "organization_id": self.organization_id,
            "ticket_id": ticket_id,
            "actor": step.actor,
            "now": step.at,
        }
        if isinstance(step, PastMove):
            await change_status(session, to=step.to, **about)
        elif step.visibility is MessageVisibility.INTERNAL:
            await note(session, body=step.body, **about)
        else:
            await reply(session, body=step.body, settings=self.settings, **about)

    def _complete(self, item: TicketRow) -> NewTicket:
        """Return the ticket with the slugs of its category and team; an unknown category stays among its data."""
        category = self._directory.category(item.category) if item.category else None
        custom = item.new.custom
        if item.category and category is None:
            custom = custom | {"category": item.category}
        team = None if item.new.team is None else self._directory.team(item.new.team)
        return replace(item.new, category=category.slug if category else None, team=team, custom=custom)

    def _past(self, item: TicketRow, new: NewTicket) -> PastTicket:
        """Return a ticket that is over; where the row does not say when it ended, it ended as it was opened."""
        opened_at = item.opened_at or item.solved_at or self.now
        solved_at = item.solved_at or opened_at
        said = [] if item.answer is None else [PastMessage(solved_at, _AN_AGENT, item.answer)]
        moves = item.exported.moves
        return PastTicket(
            ticket=new,
            opened_at=opened_at,
            moves=moves if moves and moves[-1].to is item.status else [PastMove(solved_at, item.status)],
            messages=item.exported.messages or said,
            resolution=item.answer,
        )
