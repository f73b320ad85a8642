"""Files that jobs make."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from helpdesk.database.base import Base, Tenant


class JobFile(Tenant, Base):
    """A file that a job made, kept until it expires; the job's own row may be pruned before that."""

    __tablename__ = "job_files"
    __table_args__ = (
        UniqueConstraint("job_id", "name"),
        Index("ix_job_files_organization_id_expires_at", "organization_id", "expires_at"),
    )

    job_id: Mapped[UUID]
    # Says who may read it, also once the job is gone.
    job_type: Mapped[str]
    name: Mapped[str]
    media_type: Mapped[str]
    size_bytes: Mapped[int]
    sha256: Mapped[str]
    # In the folder of the organisation's job files; `name` is only what people call it.
    storage_name: Mapped[str]
    expires_at: Mapped[datetime]
