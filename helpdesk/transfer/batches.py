"""Take rows over in short transactions; one that fails leaves the others alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk.database.engine import Database
from helpdesk.errors import HelpdeskError
from helpdesk.transfer.outcome import Outcome, Tally
from helpdesk.transfer.rows import Reading, Row, RowError, RowRefused

BATCH_ROWS = 50
# The organisation's ticket counter is locked meanwhile: somebody who opens a ticket waits no longer than this.
_BATCH_S = 0.5


class Item(Protocol):
    """What a row was read as."""

    @property
    def row(self) -> Row:
        """Return the row."""
        ...

    @property
    def external_id(self) -> str:
        """Return its name in the system it comes from."""
        ...


ItemT = TypeVar("ItemT", bound=Item)


class Work(Protocol[ItemT]):
    """What is done with the rows of one kind."""

    def read(self, row: Row) -> ItemT:
        """Return what a row means, or raise RowRefused."""
        ...

    async def begin(self, session: AsyncSession, items: list[ItemT], *, dry_run: bool, tally: Tally) -> None:
        """Look up, in a new transaction, what the items refer to."""
        ...

    async def judge(self, session: AsyncSession, item: ItemT) -> Outcome:
        """Say what is to become of an item, or raise RowRefused; writes nothing."""
        ...

    async def write(self, session: AsyncSession, item: ItemT) -> None:
        """Create or update what an item says."""
        ...

    async def end(self, session: AsyncSession) -> None:
        """Do what is left to do once for all items of the transaction."""
        ...


@dataclass(frozen=True)
class Report:
    """Where an import tells of itself.

    Attributes:
        on_error: takes each row that was not imported.
        on_progress: takes the position in the input and the tally, after each batch.
    """

    on_error: Callable[[RowError], None]
    on_progress: Callable[[int, Tally], None] = lambda _position, _tally: None


@dataclass
class Import(Generic[ItemT]):
    """An import of the rows of one input into one organisation."""

    database: Database
    organization_id: UUID
    work: Work[ItemT]
    report: Report
    dry_run: bool = False
    tally: Tally = field(default_factory=Tally)
    _lines: dict[str, Row] = field(default_factory=dict)

    async def run(self, reading: Reading, *, limit: int | None = None) -> Tally:
        """Import up to `limit` rows and return what became of them."""
        rows = islice(reading.rows, limit)
        while batch := list(islice(rows, BATCH_ROWS)):
            items = [item for row in batch if (item := self._read(row)) is not None]
            while items:
                items = await self._store(items)
            self.report.on_progress(batch[-1].position, self.tally)
        return self.tally

    def _read(self, row: Row | RowError) -> ItemT | None:
        if isinstance(row, RowError):
            self._fail(row)
            return None
        try:
            item = self.work.read(row)
            first = self._lines.setdefault(item.external_id, row)
            if first is not row:
                where = f"line {first.line}" if first.file is None else first.file
                raise RowRefused(
                    f"The external id {item.external_id!r} is that of {where} already.", field="external_id"
                )
        except HelpdeskError as error:
            self._refuse(row, error)
            return None
        return item

    async def _store(self, items: list[ItemT]) -> list[ItemT]:
        """Take over as many items as there is time for, and return the others."""
        waiting = iter(items)
        again: list[ItemT] = []
        async with self.database.transaction(self.organization_id) as session:
            await self.work.begin(session, items, dry_run=self.dry_run, tally=self.tally)
            started = time.monotonic()
            for item in self._while_time(waiting, started):
                try:
                    outcome = await self._take(session, item)
                except HelpdeskError as error:
                    self._refuse(item.row, error, item.external_id)
                except DBAPIError as error:
                    _give_up_without_connection(error)
                    again.append(item)
                else:
                    self.tally.rows[outcome] += 1
            if not self.dry_run:
                await self.work.end(session)
        for item in again:
            await self._store_alone(item)
        return list(waiting)

    def _while_time(self, items: Iterator[ItemT], started: float) -> Iterator[ItemT]:
        while self.dry_run or time.monotonic() - started < _BATCH_S:
            item = next(items, None)
            if item is None:
                return
            yield item

    async def _take(self, session: AsyncSession, item: ItemT) -> Outcome:
        outcome = await self.work.judge(session, item)
        if outcome is not Outcome.SKIPPED and not self.dry_run:
            async with session.begin_nested():
                await self.work.write(session, item)
        return outcome

    async def _store_alone(self, item: ItemT) -> None:
        """Try an item once more by itself: a deadlock or a race is over by then."""
        try:
            async with self.database.transaction(self.organization_id) as session:
                await self.work.begin(session, [item], dry_run=self.dry_run, tally=self.tally)
                outcome = await self._take(session, item)
                await self.work.end(session)
        except HelpdeskError as error:
            self._refuse(item.row, error, item.external_id)
        except DBAPIError as error:
            _give_up_without_connection(error)
            reason = str(error.orig).splitlines()[0].rpartition(">: ")[2]
            self._refuse(item.row, RowRefused(f"The database refuses the row: {reason}."), item.external_id)
        else:
            self.tally.rows[outcome] += 1

    def _refuse(self, row: Row, error: HelpdeskError, external_id: str | None = None) -> None:
        name = getattr(error, "field", None)
        self._fail(RowError(row.line, error.detail, field=name, external_id=external_id, file=row.file))

    def _fail(self, error: RowError) -> None:
        self.tally.rows[Outcome.FAILED] += 1
        self.report.on_error(error)


def _give_up_without_connection(error: DBAPIError) -> None:
    """Let an error pass that is a row's own; without the database, the others would all fail as well."""
    if error.connection_invalidated:
        raise error
