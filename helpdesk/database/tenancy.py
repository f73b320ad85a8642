"""The scope of a transaction: which role it acts as, and which organisation's rows it may see."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

Role = Literal["atum_app", "atum_worker", "atum_owner"]

# Both settings end with the transaction, so a pooled connection never carries them to another tenant.
_ENTER_SCOPE = text(
    "SELECT set_config('role', :role, true), set_config('atum.organization_id', :organization_id, true)"
)


async def enter_scope(session: AsyncSession, *, organization_id: UUID | None, role: Role = "atum_app") -> None:
    """Let the open transaction act as a role for one organisation.

    Without an organisation, row-level security hides every tenant's rows.
    """
    await session.execute(_ENTER_SCOPE, {"role": role, "organization_id": str(organization_id or "")})
