"""What every table has: names by convention, UUIDv7 keys, an organisation, UTC times."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

import uuid_utils.compat
from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, MetaData, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def new_id() -> UUID:
    """Return a new UUIDv7: unique, and later ones sort after earlier ones (RFC 9562)."""
    return uuid_utils.compat.uuid7()


class Base(DeclarativeBase):
    """The declarative base of every table."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(),
        int: BigInteger(),
    }


def one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    """Return the check that keeps a text column to its values (an enumeration or a tuple)."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(str(value)) for value in values)})", name=column)


PrimaryKey = Annotated[UUID, mapped_column(primary_key=True, default=new_id)]
OrganizationId = Annotated[UUID, mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))]
Moment = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]


class Tenant:
    """A row with a key that belongs to one organisation."""

    id: Mapped[PrimaryKey]
    organization_id: Mapped[OrganizationId]
    created_at: Mapped[Moment]
