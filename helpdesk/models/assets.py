"""Things that people have trouble with."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from helpdesk.database.base import Base, Moment, Tenant


class Asset(Tenant, Base):
    """A device, a server or another thing with a tag."""

    __tablename__ = "assets"
    __table_args__ = (UniqueConstraint("organization_id", "tag"),)

    tag: Mapped[str]
    kind: Mapped[str]
    name: Mapped[str]
    serial: Mapped[str | None]
    hostname: Mapped[str | None]
    location: Mapped[str | None]
    status: Mapped[str] = mapped_column(server_default="in_use")
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("contacts.id", ondelete="SET NULL"), index=True)
    attributes: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    updated_at: Mapped[Moment] = mapped_column(onupdate=func.now())
